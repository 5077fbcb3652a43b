// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * ioctl(2). The request numbers are the generated constants of the device's header.
 *
 * <p>Thread: any.
 */
public final class Ioctl {
    private static final MemorySegment IOCTL = Libc.symbol("ioctl");

    private Ioctl() {}

    /** With an argument that is a number, an address, or not looked at: the result or −errno. */
    public static int call(int fd, long request, long arg) {
        return Libc.callInt(IOCTL, fd, request, arg);
    }

    /**
     * With a structure: the result or −errno.
     *
     * @param arg native memory, as large as the request demands, that nobody closes before the call returns
     */
    public static int call(int fd, long request, MemorySegment arg) {
        int result = Libc.callInt(IOCTL, fd, request, Addresses.of(arg));
        Reference.reachabilityFence(arg);
        return result;
    }
}
