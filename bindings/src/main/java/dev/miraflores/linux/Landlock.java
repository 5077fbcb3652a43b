// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A set of rules on files, and on little else, that threads put themselves under: what no rule allows is refused with EACCES
 * when it is opened. What is open already goes on working.
 *
 * <p>Thread: one. {@link #restrict} is a call to be made on each thread ({@link EveryThread}).
 *
 * <p>Lifetime: until {@link #close}; what threads are under stays.
 *
 * <p>Source: landlock(7), landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2), linux/landlock.h.
 */
public final class Landlock implements AutoCloseable {
    // LANDLOCK_ACCESS_FS_…
    private static final long EXECUTE = 1;
    private static final long WRITE_FILE = 1 << 1;
    private static final long READ_FILE = 1 << 2;
    private static final long READ_DIR = 1 << 3;
    private static final long REMOVE_DIR = 1 << 4;
    private static final long REMOVE_FILE = 1 << 5;
    private static final long MAKE_DIR = 1 << 7;
    private static final long MAKE_REG = 1 << 8;
    private static final long MAKE_SOCK = 1 << 9;
    private static final long TRUNCATE = 1 << 14;
    private static final long IOCTL_DEV = 1 << 15;
    private static final long OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

    /** To read files and list directories. */
    public static final long READ = READ_FILE | READ_DIR;
    /** To read and write files and devices. */
    public static final long WRITE = READ | WRITE_FILE | TRUNCATE | IOCTL_DEV;
    /** And to make and remove them and directories; also sockets, but neither devices nor links to elsewhere. */
    public static final long CHANGE = WRITE | MAKE_REG | MAKE_DIR | MAKE_SOCK | REMOVE_FILE | REMOVE_DIR;
    /** To remove files, and nothing else. */
    public static final long REMOVE = REMOVE_FILE;

    // All that each version of the interface can refuse.
    private static final long FILES_SINCE_1 = (1 << 13) - 1;
    private static final long REFER_SINCE_2 = 1 << 13;
    private static final long TRUNCATE_SINCE_3 = TRUNCATE;
    private static final long TCP_SINCE_4 = 0b11;
    private static final long IOCTL_DEV_SINCE_5 = IOCTL_DEV;
    /** Connections to abstract Unix sockets of others. Not signals to others: threads under rules of their own are others too. */
    private static final long ABSTRACT_SOCKETS_SINCE_6 = 1;

    private static final int FLAG_VERSION = 1;
    private static final int RULE_PATH_BENEATH = 1;

    private static final MemorySegment SYSCALL = Libc.symbol("syscall");

    private static final int R_OK = 4;
    private static final int W_OK = 2;

    private static volatile boolean inForce;

    private final int abi;
    private final long files;
    private final Fd ruleset;

    private Landlock(int abi, long files, Fd ruleset) {
        this.abi = abi;
        this.files = files;
        this.ruleset = ruleset;
    }

    /** The version of the interface, from 1 on; −ENOSYS where the kernel has none, −EOPNOTSUPP where it was not switched on at boot. */
    public static int version() {
        return Libc.callInt(SYSCALL, SyscallNumber.LANDLOCK_CREATE_RULESET, 0, 0, FLAG_VERSION);
    }

    /** Rules that allow nothing yet. */
    public static Landlock create() {
        int abi = version();
        ErrnoException.check("landlock_create_ruleset", abi);
        long files = FILES_SINCE_1 | (abi >= 2 ? REFER_SINCE_2 : 0) | (abi >= 3 ? TRUNCATE_SINCE_3 : 0)
                | (abi >= 5 ? IOCTL_DEV_SINCE_5 : 0);
        try (Arena arena = Arena.ofConfined()) {
            // struct landlock_ruleset_attr: u64 files; u64 network, since 4; u64 scope, since 6.
            MemorySegment attributes = arena.allocate(24, Long.BYTES);
            attributes.set(ValueLayout.JAVA_LONG, 0, files);
            attributes.set(ValueLayout.JAVA_LONG, 8, TCP_SINCE_4);
            attributes.set(ValueLayout.JAVA_LONG, 16, ABSTRACT_SOCKETS_SINCE_6);
            long byteSize = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
            int fd = Libc.callInt(SYSCALL, SyscallNumber.LANDLOCK_CREATE_RULESET, attributes.address(), byteSize, 0);
            ErrnoException.check("landlock_create_ruleset", fd);
            return new Landlock(abi, files, Fd.adopt(fd));
        }
    }

    public int abi() {
        return abi;
    }

    /**
     * Allows something with a file, or with all in a directory and below it.
     *
     * @param path   symbolic links are followed, and the rule is for where they lead; later changes of them change nothing
     * @param access {@link #READ}, {@link #WRITE}, {@link #CHANGE}
     * @return 0, −ENOENT where there is nothing, or another −errno
     */
    public int allow(String path, long access) {
        int fd = Fd.tryOpen(path, Fd.O_PATH, 0);
        if (fd < 0) {
            return fd;
        }
        try (Arena arena = Arena.ofConfined()) {
            // struct landlock_path_beneath_attr, packed: u64 access; s32 descriptor.
            MemorySegment rule = arena.allocate(12, Long.BYTES);
            rule.set(ValueLayout.JAVA_LONG, 0, access & files);
            rule.set(ValueLayout.JAVA_INT, 8, fd);
            int rc = add(rule);
            if (rc == -Errno.EINVAL) { // a file, which rights that only directories have do not fit
                rule.set(ValueLayout.JAVA_LONG, 0, access & files & OF_FILES);
                rc = add(rule);
            }
            return rc;
        } finally {
            Fd.close(fd);
        }
    }

    private int add(MemorySegment rule) {
        return Libc.callInt(SYSCALL, SyscallNumber.LANDLOCK_ADD_RULE, ruleset.number(), RULE_PATH_BENEATH, rule.address(), 0, 0, 0);
    }

    /** The call with which a thread puts itself, and those that it starts, under the rules; no_new_privs has to be set. */
    public long[] restrict() {
        return new long[] {SyscallNumber.LANDLOCK_RESTRICT_SELF, ruleset.number(), 0};
    }

    /** Every thread is under rules now. */
    public static void setInForce() {
        inForce = true;
    }

    /** Whether rules, and not the file's permissions, are why it could not be opened: permissions alone would have allowed it. */
    public static boolean isRefusing(String path, boolean writable) {
        if (!inForce) {
            return false;
        }
        try (Arena arena = Arena.ofConfined()) {
            return Libc.callInt(SYSCALL, SyscallNumber.ACCESS, arena.allocateFrom(path).address(), writable ? R_OK | W_OK : R_OK) == 0;
        }
    }

    @Override
    public void close() {
        ruleset.close();
    }
}
