// SPDX-License-Identifier: Apache-2.0

/** Virtqueues, device side and driver side (virtio 1.3 §2.6 to §2.8). */
module dev.miraflores.virtio.ring {
    requires transitive dev.miraflores.memory;
    exports dev.miraflores.virtio.ring;
}
