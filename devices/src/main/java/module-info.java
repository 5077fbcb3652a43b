// SPDX-License-Identifier: Apache-2.0

/** Buses, transports, virtio devices, emulated devices and their back ends. Knows nothing of KVM. */
module dev.miraflores.devices {
    requires transitive dev.miraflores.virtio.ring;
    requires transitive dev.miraflores.aio;
    exports dev.miraflores.devices;
    exports dev.miraflores.devices.balloon;
    exports dev.miraflores.devices.block;
    exports dev.miraflores.devices.character;
    exports dev.miraflores.devices.console;
    exports dev.miraflores.devices.entropy;
    exports dev.miraflores.devices.net;
    exports dev.miraflores.devices.net.stream;
    exports dev.miraflores.devices.net.tap;
    exports dev.miraflores.devices.net.user;
    exports dev.miraflores.devices.net.vhost;
    exports dev.miraflores.devices.pci;
    exports dev.miraflores.devices.platform;
    exports dev.miraflores.devices.serial;
    exports dev.miraflores.devices.vhost;
    exports dev.miraflores.devices.vhostuser;
    exports dev.miraflores.devices.vhostuser.frontend;
    exports dev.miraflores.devices.vhostuser.backend;
    exports dev.miraflores.devices.virtio;
    exports dev.miraflores.devices.vring;
    exports dev.miraflores.devices.vsock;
}
