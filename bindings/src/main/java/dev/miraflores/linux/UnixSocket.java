// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;

/**
 * A connected Unix socket, of a stream where nothing else is said, over which descriptors travel beside the bytes. Sends and receives never block: who has
 * to wait, polls.
 *
 * <p>Thread: any, one at a time for each direction. {@link #shutdown} calls a thread out of a poll, and may race with
 * {@link #close}; the rest must not.
 *
 * <p>Lifetime: until {@link #close}. What {@link #receive} brings belongs to the {@link ReceivedFds} it was given.
 *
 * <p>Source: unix(7), socket(2), connect(2), sendmsg(2), recvmsg(2), cmsg(3), shutdown(2).
 */
public final class UnixSocket implements AutoCloseable {
    /** The most descriptors one message carries: the kernel's SCM_MAX_FD. */
    public static final int MAX_FDS = 253;

    /** The longest path, without the byte that ends it. */
    public static final int MAX_PATH_BYTES = (int) (libc_abi.sockaddr_un.sizeof - libc_abi.sockaddr_un.sun_path) - 1;

    private static final MemorySegment SOCKET = Libc.symbol("socket");
    private static final MemorySegment SOCKETPAIR = Libc.symbol("socketpair");
    private static final MemorySegment CONNECT = Libc.symbol("connect");
    private static final MemorySegment SHUTDOWN = Libc.symbol("shutdown");
    private static final MemorySegment SENDMSG = Libc.symbol("sendmsg");
    private static final MemorySegment RECVMSG = Libc.symbol("recvmsg");

    private static final int TYPE = libc_h.SOCK_STREAM | libc_h.SOCK_CLOEXEC;

    // cmsg(3): a header of 16 bytes, the data right behind it, the whole padded to 8.
    private static final long CMSG_DATA = libc_abi.cmsghdr.sizeof;
    private static final long CMSG_ALIGN = 8;
    private static final long CONTROL_BYTES = controlBytes(MAX_FDS);

    private static final long IOVEC_LENGTH = 8;

    private final Fd fd;

    private UnixSocket(Fd fd) {
        this.fd = fd;
    }

    /** Takes over a connected socket, one that another process handed in for instance. */
    public static UnixSocket adopt(Fd fd) {
        return new UnixSocket(fd);
    }

    /** Two sockets, each connected to the other. */
    public static UnixSocket[] pair() {
        return pair(TYPE);
    }

    /** As {@link #pair}, that keep packets apart (SOCK_SEQPACKET), and on which no call blocks. */
    public static UnixSocket[] packetPair() {
        return pair(libc_h.SOCK_SEQPACKET | libc_h.SOCK_CLOEXEC | libc_h.SOCK_NONBLOCK);
    }

    private static UnixSocket[] pair(int type) {
        MemorySegment state = Libc.state();
        int rc = Libc.callInt(SOCKETPAIR, libc_h.AF_UNIX, type, 0, state.address() + Libc.SCRATCH_OFFSET);
        ErrnoException.check("socketpair", rc);
        return new UnixSocket[] {
            new UnixSocket(Fd.adopt(state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET))),
            new UnixSocket(Fd.adopt(state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET + Integer.BYTES)))
        };
    }

    /** Connects to who listens at {@code path}; throws where nobody does, or where too many wait to be accepted there. */
    public static UnixSocket connect(String path) {
        Fd fd = create();
        int rc = connect(fd, path);
        if (rc < 0) {
            fd.close();
            throw new ErrnoException("connect(" + path + ")", -rc);
        }
        return new UnixSocket(fd);
    }

    /** A socket that is neither bound nor connected, and on which no call blocks. */
    static Fd create() {
        int fd = Libc.callInt(SOCKET, libc_h.AF_UNIX, TYPE | libc_h.SOCK_NONBLOCK, 0);
        return Fd.adopt(ErrnoException.check("socket(AF_UNIX)", fd));
    }

    /** connect(2): 0 or −errno. */
    static int connect(Fd fd, String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, path);
            return Libc.callInt(CONNECT, fd.number(), address.address(), address.byteSize());
        }
    }

    /** {@code struct sockaddr_un} for a path. */
    static MemorySegment address(Arena arena, String path) {
        byte[] name = checkPath(path);
        MemorySegment address = arena.allocate(libc_abi.sockaddr_un.sizeof, 2);
        address.set(ValueLayout.JAVA_SHORT, libc_abi.sockaddr_un.sun_family, (short) libc_h.AF_UNIX);
        MemorySegment.copy(
                name, 0, address, ValueLayout.JAVA_BYTE, libc_abi.sockaddr_un.sun_path, name.length);
        return address;
    }

    /** Whether a socket may have that path. */
    public static boolean isPath(String path) {
        int bytes = path.getBytes(StandardCharsets.UTF_8).length;
        return bytes > 0 && bytes <= MAX_PATH_BYTES && path.indexOf('\0') < 0;
    }

    /** The bytes of a path that a socket may have. */
    static byte[] checkPath(String path) {
        byte[] name = path.getBytes(StandardCharsets.UTF_8);
        if (!isPath(path)) {
            throw new IllegalArgumentException(
                    "socket path '" + path + "' has " + name.length + " bytes: from 1 to " + MAX_PATH_BYTES + " are possible");
        }
        return name;
    }

    /** Gives the descriptor away: this object counts as closed. */
    public Fd release() {
        return Fd.adopt(fd.release());
    }

    /** The descriptor's number, for poll and the like. */
    public int number() {
        return fd.number();
    }

    public boolean isOpen() {
        return fd.isOpen();
    }

    /**
     * Sends bytes, and with the first of them descriptors, which stay the caller's too.
     *
     * @param fds their numbers, {@link #MAX_FDS} at most
     * @return bytes sent, at least one; −EAGAIN while the peer has to read first; −EPIPE when it is gone; or another −errno
     */
    public int send(MemorySegment from, int... fds) {
        if (fds.length > MAX_FDS) {
            throw new IllegalArgumentException(fds.length + " descriptors for one message: at most " + MAX_FDS);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment header = header(arena, from);
            if (fds.length > 0) {
                MemorySegment control = arena.allocate(controlBytes(fds.length), CMSG_ALIGN);
                control.set(ValueLayout.JAVA_LONG, libc_abi.cmsghdr.cmsg_len, CMSG_DATA + (long) Integer.BYTES * fds.length);
                control.set(ValueLayout.JAVA_INT, libc_abi.cmsghdr.cmsg_level, libc_h.SOL_SOCKET);
                control.set(ValueLayout.JAVA_INT, libc_abi.cmsghdr.cmsg_type, libc_h.SCM_RIGHTS);
                MemorySegment.copy(fds, 0, control, ValueLayout.JAVA_INT, CMSG_DATA, fds.length);
                setControl(header, control);
            }
            // Without MSG_NOSIGNAL a peer that is gone would cost the process a SIGPIPE.
            int flags = libc_h.MSG_DONTWAIT | libc_h.MSG_NOSIGNAL;
            long rc = Libc.callLong(SENDMSG, fd.number(), header.address(), flags, 0);
            Reference.reachabilityFence(from);
            return (int) rc;
        }
    }

    /**
     * Receives bytes, {@code into.byteSize()} of them at most, and the descriptors that came with them, each with
     * close-on-exec set.
     *
     * @param fds takes the descriptors over, all of them whatever the result
     * @return bytes received; 0 at the end; −EAGAIN when there is nothing yet; −EMFILE when this process had no room
     *     for all the descriptors, of which none is kept then; or another −errno
     */
    public int receive(MemorySegment into, ReceivedFds fds) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment header = header(arena, into);
            MemorySegment control = arena.allocate(CONTROL_BYTES, CMSG_ALIGN);
            setControl(header, control);
            int flags = libc_h.MSG_DONTWAIT | libc_h.MSG_CMSG_CLOEXEC;
            long rc = Libc.callLong(RECVMSG, fd.number(), header.address(), flags, 0);
            Reference.reachabilityFence(into);
            if (rc < 0) {
                return (int) rc;
            }
            long controlBytes = header.get(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_controllen);
            adopt(control.asSlice(0, Math.min(controlBytes, CONTROL_BYTES)), fds);
            if ((header.get(ValueLayout.JAVA_INT, libc_abi.msghdr.msg_flags) & libc_h.MSG_CTRUNC) != 0) {
                // There was room for the most that can come, so it is descriptors that this process has no room for.
                fds.close();
                return -Errno.EMFILE;
            }
            return (int) rc;
        }
    }

    /** Walks the control messages as CMSG_NXTHDR does, and takes over what is in them. */
    private static void adopt(MemorySegment control, ReceivedFds fds) {
        long offset = 0;
        while (control.byteSize() - offset >= CMSG_DATA) {
            long length = control.get(ValueLayout.JAVA_LONG, offset + libc_abi.cmsghdr.cmsg_len);
            if (length < CMSG_DATA || length > control.byteSize() - offset) {
                return; // the kernel writes none such
            }
            boolean rights =
                    control.get(ValueLayout.JAVA_INT, offset + libc_abi.cmsghdr.cmsg_level) == libc_h.SOL_SOCKET
                            && control.get(ValueLayout.JAVA_INT, offset + libc_abi.cmsghdr.cmsg_type) == libc_h.SCM_RIGHTS;
            for (long at = CMSG_DATA; rights && at + Integer.BYTES <= length; at += Integer.BYTES) {
                fds.add(Fd.adopt(control.get(ValueLayout.JAVA_INT, offset + at)));
            }
            offset += length + CMSG_ALIGN - 1 & -CMSG_ALIGN;
        }
    }

    private static MemorySegment header(Arena arena, MemorySegment bytes) {
        MemorySegment iovec = arena.allocate(FileIo.IOVEC_BYTES, Long.BYTES);
        iovec.set(ValueLayout.JAVA_LONG, 0, Addresses.of(bytes));
        iovec.set(ValueLayout.JAVA_LONG, IOVEC_LENGTH, bytes.byteSize());
        MemorySegment header = arena.allocate(libc_abi.msghdr.sizeof, Long.BYTES);
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_iov, iovec.address());
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_iovlen, 1);
        return header;
    }

    private static void setControl(MemorySegment header, MemorySegment control) {
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_control, control.address());
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_controllen, control.byteSize());
    }

    private static long controlBytes(int fds) {
        return CMSG_DATA + ((long) Integer.BYTES * fds + CMSG_ALIGN - 1 & -CMSG_ALIGN);
    }

    /**
     * Ends both directions: the peer reads to the end, whoever polls here wakes up, sends fail. The descriptor stays, and
     * what was received before can still be read. Does nothing on one that is closed.
     */
    public synchronized void shutdown() {
        if (fd.isOpen()) {
            Libc.callInt(SHUTDOWN, fd.number(), libc_h.SHUT_RDWR);
        }
    }

    /**
     * Ends what comes in, and does not let the peer know before it sends: whoever polls here wakes up and reads to the end, what
     * was received before first. Does nothing on one that is closed.
     */
    public synchronized void shutdownReceive() {
        if (fd.isOpen()) {
            Libc.callInt(SHUTDOWN, fd.number(), libc_h.SHUT_RD);
        }
    }

    @Override
    public synchronized void close() {
        fd.close();
    }
}
