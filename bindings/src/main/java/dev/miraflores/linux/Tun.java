// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.tun.tun_abi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Taps: network interfaces whose other end is a descriptor, of which each {@code read} gives a packet and each {@code write} takes
 * one. All calls return a result or −errno.
 *
 * <p>Thread: any.
 *
 * <p>Source: Documentation/networking/tuntap.rst of the kernel, linux/if_tun.h, drivers/net/tun.c for what is said where.
 */
public final class Tun {
    /** What is opened for each queue of a tap. */
    public static final String DEVICE = "/dev/net/tun";

    /** Ethernet frames, rather than IP packets. */
    public static final int IFF_TAP = tun_abi.IFF_TAP;
    /** Nothing in front of a packet that says its protocol. */
    public static final int IFF_NO_PI = tun_abi.IFF_NO_PI;
    /** A virtio header in front of each packet. */
    public static final int IFF_VNET_HDR = tun_abi.IFF_VNET_HDR;
    /** More than one descriptor may be a queue of the interface. */
    public static final int IFF_MULTI_QUEUE = tun_abi.IFF_MULTI_QUEUE;

    // What the reader takes, for setOffloads.
    public static final int F_CSUM = tun_abi.TUN_F_CSUM;
    public static final int F_TSO4 = tun_abi.TUN_F_TSO4;
    public static final int F_TSO6 = tun_abi.TUN_F_TSO6;
    public static final int F_TSO_ECN = tun_abi.TUN_F_TSO_ECN;
    // Since Linux 6.2, newer than the headers that the bindings were made from.
    public static final int F_USO4 = 0x20;
    public static final int F_USO6 = 0x40;

    /** The longest name of an interface, in bytes. */
    public static final int MAX_NAME_BYTES = tun_abi.IFNAMSIZ - 1;

    private static final int FLAGS_MASK = 0xFFFF;

    private Tun() {}

    /** The ioctls that are made here once a tap is set up, which also those who may do little else have to make. */
    public static int[] ioctls() {
        return new int[] {(int) tun_abi.TUNSETOFFLOAD, (int) tun_abi.TUNSETQUEUE};
    }

    /** Those that are made when a tap is taken over that somebody else has opened. */
    public static int[] ioctlsOfAdoption() {
        return new int[] {(int) tun_abi.TUNGETIFF, (int) tun_abi.TUNSETVNETHDRSZ};
    }

    /** The flags that this kernel's {@link #DEVICE} knows. */
    public static int features(int fd) {
        MemorySegment state = Libc.state();
        int rc = Ioctl.call(fd, tun_abi.TUNGETFEATURES, state.address() + Libc.SCRATCH_OFFSET);
        return rc < 0 ? rc : state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET);
    }

    /**
     * Makes a descriptor of {@link #DEVICE} a queue of an interface, which comes about where there is none of that name.
     *
     * @param name of the interface; {@code %d} in it stands for the first number that is free
     */
    public static int attach(int fd, String name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = NetInterface.request(arena, name);
            request.set(ValueLayout.JAVA_SHORT, tun_abi.ifreq.ifr_ifru, (short) flags);
            return Ioctl.call(fd, tun_abi.TUNSETIFF, request);
        }
    }

    /** {@code IFF_…} of the interface that a descriptor is a queue of; −EBADFD where it is of none, −ENOTTY where it is no tap's. */
    public static int flags(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(tun_abi.ifreq.sizeof, Long.BYTES);
            int rc = Ioctl.call(fd, tun_abi.TUNGETIFF, request);
            return rc < 0 ? rc : request.get(ValueLayout.JAVA_SHORT, tun_abi.ifreq.ifr_ifru) & FLAGS_MASK;
        }
    }

    /** The name of the interface that a descriptor is a queue of, or {@code null} where it is of none. */
    public static String name(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(tun_abi.ifreq.sizeof, Long.BYTES);
            return Ioctl.call(fd, tun_abi.TUNGETIFF, request) < 0 ? null : request.getString(tun_abi.ifreq.ifr_ifrn);
        }
    }

    /** How long the virtio header in front of each packet is: 10 or 12. */
    public static int setHeaderBytes(int fd, int byteSize) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET, byteSize);
        return Ioctl.call(fd, tun_abi.TUNSETVNETHDRSZ, state.address() + Libc.SCRATCH_OFFSET);
    }

    /** What packets the reader takes: {@code F_…}. For all queues of the interface. −EINVAL where the kernel does not know one. */
    public static int setOffloads(int fd, int offloads) {
        return Ioctl.call(fd, tun_abi.TUNSETOFFLOAD, offloads);
    }

    /** Whether packets come to this queue: one that is detached gets none, and stays open. −EINVAL where it was so before. */
    public static int setQueue(int fd, boolean attached) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(tun_abi.ifreq.sizeof, Long.BYTES);
            request.set(ValueLayout.JAVA_SHORT, tun_abi.ifreq.ifr_ifru,
                    (short) (attached ? tun_abi.IFF_ATTACH_QUEUE : tun_abi.IFF_DETACH_QUEUE));
            return Ioctl.call(fd, tun_abi.TUNSETQUEUE, request);
        }
    }
}
