// SPDX-License-Identifier: Apache-2.0

/**
 * Linux as C sees it, and the safe calls the other modules make. The only module that links native functions or turns
 * an address into a segment; libc's own bindings stay inside.
 */
@SuppressWarnings("module") // the readers named below are built after this module
module dev.miraflores.bindings {
    exports dev.miraflores.linux;

    exports dev.miraflores.bindings.kvm to dev.miraflores.kvm;
    exports dev.miraflores.bindings.boot to dev.miraflores.kvm;
    exports dev.miraflores.bindings.virtio to dev.miraflores.virtio.ring, dev.miraflores.devices;
    exports dev.miraflores.bindings.iouring to dev.miraflores.aio;
    exports dev.miraflores.bindings.aio to dev.miraflores.aio;
    exports dev.miraflores.bindings.vhost to dev.miraflores.devices;
    exports dev.miraflores.bindings.tun to dev.miraflores.devices;
}
