// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import java.io.PrintStream;

/** Where a command writes. */
record Console(PrintStream out, PrintStream err) {
}
