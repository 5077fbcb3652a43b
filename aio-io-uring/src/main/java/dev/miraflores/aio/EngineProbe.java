// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What stands in the way of an engine. */
interface EngineProbe {

    /** One line that says why engines of that kind do not work, and what would help; {@code null} where they do. */
    String whyNot(EngineKind kind);
}
