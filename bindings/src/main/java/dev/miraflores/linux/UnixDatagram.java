// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * One message to a Unix datagram socket, such as a service manager's.
 *
 * <p>Thread: any.
 *
 * <p>Source: unix(7), sd_notify(3).
 */
public final class UnixDatagram {
    private static final MemorySegment SOCKET = Libc.symbol("socket");
    private static final MemorySegment CONNECT = Libc.symbol("connect");

    private UnixDatagram() {}

    /**
     * Sends {@code text} to {@code path}: 0 or −errno. Never waits.
     *
     * @param path a file's, or one in the abstract name space, which is written with {@code @} in front
     */
    public static int send(String path, String text) {
        int type = libc_h.SOCK_DGRAM | libc_h.SOCK_CLOEXEC | libc_h.SOCK_NONBLOCK;
        int number = Libc.callInt(SOCKET, libc_h.AF_UNIX, type, 0);
        if (number < 0) {
            return number;
        }
        try (Fd fd = Fd.adopt(number); Arena arena = Arena.ofConfined()) {
            MemorySegment address = UnixSocket.address(arena, path);
            long addressBytes = address.byteSize();
            if (path.startsWith("@")) {
                // A name in the abstract name space begins with a zero byte, and is as long as the address says.
                address.set(ValueLayout.JAVA_BYTE, libc_abi.sockaddr_un.sun_path, (byte) 0);
                addressBytes = libc_abi.sockaddr_un.sun_path + path.getBytes(StandardCharsets.UTF_8).length;
            }
            int rc = Libc.callInt(CONNECT, fd.number(), address.address(), addressBytes);
            if (rc < 0) {
                return rc;
            }
            MemorySegment bytes = arena.allocateFrom(text);
            return (int) Math.min(0, FileIo.write(fd.number(), bytes.asSlice(0, bytes.byteSize() - 1)));
        }
    }
}
