// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.bindings.vhost.vhost_abi;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;

/** What the kernel serves. */
public enum VhostKind {

    /** Network devices. */
    NET("/dev/vhost-net", "vhost_net"),
    /** Sockets between guest and host. */
    VSOCK("/dev/vhost-vsock", "vhost_vsock");

    /** What vhost devices are asked for once a machine runs; the last two, one kind each. */
    private static final int[] RING_IOCTLS = {
        (int) vhost_abi.VHOST_SET_FEATURES, (int) vhost_abi.VHOST_SET_MEM_TABLE, (int) vhost_abi.VHOST_SET_VRING_NUM,
        (int) vhost_abi.VHOST_SET_VRING_BASE, (int) vhost_abi.VHOST_GET_VRING_BASE, (int) vhost_abi.VHOST_SET_VRING_ADDR,
        (int) vhost_abi.VHOST_SET_VRING_KICK, (int) vhost_abi.VHOST_SET_VRING_CALL, (int) vhost_abi.VHOST_SET_VRING_ERR,
        (int) vhost_abi.VHOST_VSOCK_SET_RUNNING, (int) vhost_abi.VHOST_NET_SET_BACKEND
    };

    private final String path;
    private final String module;

    VhostKind(String path, String module) {
        this.path = path;
        this.module = module;
    }

    /** The device file. */
    public String path() {
        return path;
    }

    /** The kernel module that makes it. */
    public String module() {
        return module;
    }

    /**
     * Opens the device and makes it this process's.
     *
     * @throws VhostException where that is not to be had; the message is one line with the way out
     */
    public VhostDevice open() {
        int fd = Fd.tryOpen(path, Fd.O_RDWR, 0);
        if (fd < 0) {
            throw new VhostException(path + ": " + whyNot(-fd));
        }
        return VhostDevice.own(path, new VhostFile(Fd.adopt(fd)));
    }

    /** Why the file cannot be opened, and the way out. */
    String whyNot(int errno) {
        return switch (errno) {
            case Errno.EACCES, Errno.EPERM ->
                "permission denied; let this user's group read and write it, with a udev rule or: chmod g+rw " + path;
            case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO -> "not in this kernel; as root: modprobe " + module;
            default -> "open: " + Errno.name(errno) + "; hv doctor tells more";
        };
    }

    /** The ioctls that control threads make once machines run, for whoever has the kernel refuse all others. */
    public static int[] ioctls() {
        return RING_IOCTLS.clone();
    }
}
