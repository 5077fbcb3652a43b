// SPDX-License-Identifier: Apache-2.0

/**
 * Virtual machines as a library: a {@link dev.miraflores.machine.MachineConfig} says what a machine is made of, and
 * several machines may run in one JVM.
 * <p>What a caller got wrong is a {@link dev.miraflores.machine.ConfigException}, whose message is one line that names
 * the thing, the value and the way out.
 */
package dev.miraflores.machine;
