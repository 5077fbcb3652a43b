// SPDX-License-Identifier: Apache-2.0

/** Guest-physical memory: regions, bounds-checked translation, backing by anonymous memory, memfd or huge pages. */
module dev.miraflores.memory {
    requires transitive dev.miraflores.bindings;
    exports dev.miraflores.memory;
}
