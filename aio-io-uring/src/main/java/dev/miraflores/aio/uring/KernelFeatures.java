// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.IoUringSyscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the host's io_uring can do, asked of the kernel once per process with a ring of two entries.
 * <p>Thread: any; never changes.
 * <p>Source: io_uring_setup(2), io_uring_register(2) (IORING_REGISTER_PROBE).
 */
public final class KernelFeatures {

    /** As many opcodes as fit the mask; the kernel answers for those it knows. */
    private static final int PROBED_OPCODES = 64;

    private static final int DISABLED_FOR_UNPRIVILEGED = 1;

    private final int error;
    private final String whyNot;
    private final int setupFlags;
    private final int features;
    private final long opcodes;

    private KernelFeatures(int error, String whyNot, int setupFlags, int features, long opcodes) {
        this.error = error;
        this.whyNot = whyNot;
        this.setupFlags = setupFlags;
        this.features = features;
        this.opcodes = opcodes;
    }

    /** Asks on first use, for the sake of those who start without. */
    private static final class Host {
        static final KernelFeatures FEATURES = probe();
    }

    /** Set once the process may make no more rings. */
    private static volatile KernelFeatures none;

    /** Those of this host. */
    public static KernelFeatures host() {
        KernelFeatures instead = none;
        return instead == null ? Host.FEATURES : instead;
    }

    /**
     * Has whoever asks from now on go without, as on a host that has none. Rings that were made before stay.
     *
     * @param why one line
     */
    public static void giveUp(String why) {
        none = new KernelFeatures(Errno.EPERM, why, 0, 0, 0);
    }

    /** Whether rings of ours work here. */
    public boolean isAvailable() {
        return whyNot == null;
    }

    /** One line that says why rings do not work here and what helps; {@code null} where they do. */
    public String whyNot() {
        return whyNot;
    }

    /** What io_uring_setup(2) failed with, positive, or 0. */
    public int error() {
        return error;
    }

    /** {@code IORING_SETUP_…} flags that the kernel takes, of those that our rings want. */
    public int setupFlags() {
        return setupFlags;
    }

    /** {@code IORING_FEAT_…} bits. */
    public int features() {
        return features;
    }

    /** Whether the kernel knows an {@code IORING_OP_…}. */
    public boolean hasOpcode(int opcode) {
        return opcode >= 0 && opcode < PROBED_OPCODES && (opcodes >>> opcode & 1) != 0;
    }

    /** Linux 6.1: completions are only gathered when the owner asks, not by interrupting it. */
    public boolean hasDeferredTaskRun() {
        return (setupFlags & IORING_SETUP_DEFER_TASKRUN) != 0;
    }

    /** Linux 5.13, recognised by what came with it: a poll that stays armed. */
    public boolean hasMultishotPoll() {
        return (features & IORING_FEAT_RSRC_TAGS) != 0;
    }

    /** One line for people. */
    public String describe() {
        if (!isAvailable()) {
            return whyNot;
        }
        return (hasDeferredTaskRun() ? "single issuer, deferred task work" : cooperative() ? "cooperative task work"
            : "interrupting task work") + (hasMultishotPoll() ? ", multishot poll" : "");
    }

    private boolean cooperative() {
        return (setupFlags & IORING_SETUP_COOP_TASKRUN) != 0;
    }

    private static KernelFeatures probe() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(io_uring_params.sizeof, Long.BYTES);
            int rc = -Errno.EINVAL;
            int flags = 0;
            // EINVAL is how a kernel says that it does not know a flag.
            for (int level = 0; level <= PLAIN_LEVEL && rc == -Errno.EINVAL; level++) {
                flags = flagsOfLevel(level);
                params.fill((byte) 0);
                params.set(ValueLayout.JAVA_INT, io_uring_params.flags, flags);
                rc = IoUringSyscalls.setup(2, params);
            }
            if (rc < 0) {
                return new KernelFeatures(-rc, whyNot(-rc, disabledSetting()), 0, 0, 0);
            }
            try (Fd ring = Fd.adopt(rc)) {
                int features = params.get(ValueLayout.JAVA_INT, io_uring_params.features);
                long opcodes = probeOpcodes(ring, arena);
                return new KernelFeatures(0, whatIsMissing(features, opcodes), flags, features, opcodes);
            }
        }
    }

    private static final int PLAIN_LEVEL = 2;

    private static int flagsOfLevel(int level) {
        int plain = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP;
        int since519 = plain | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
        return switch (level) {
            case 0 -> since519 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN; // 6.1
            case 1 -> since519 | IORING_SETUP_COOP_TASKRUN;
            default -> plain;                                                                 // 5.10
        };
    }

    private static long probeOpcodes(Fd ring, Arena arena) {
        MemorySegment probe = arena.allocate(io_uring_probe.sizeof + io_uring_probe_op.sizeof * PROBED_OPCODES, Long.BYTES);
        int rc = IoUringSyscalls.register(ring.number(), IORING_REGISTER_PROBE, probe.address(), PROBED_OPCODES);
        long opcodes = 0;
        if (rc >= 0) {
            for (int opcode = 0; opcode < PROBED_OPCODES; opcode++) {
                long entry = io_uring_probe.ops + io_uring_probe_op.sizeof * opcode;
                if ((probe.get(ValueLayout.JAVA_SHORT, entry + io_uring_probe_op.flags) & IO_URING_OP_SUPPORTED) != 0) {
                    opcodes |= 1L << opcode;
                }
            }
        }
        return opcodes;
    }

    private static String whatIsMissing(int features, long opcodes) {
        int wanted = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
        if ((features & wanted) != wanted) {
            return "io_uring is too old in this kernel: Linux 5.11 or newer is needed";
        }
        long reads = 1L << IORING_OP_READ | 1L << IORING_OP_READV;
        long writes = 1L << IORING_OP_WRITE | 1L << IORING_OP_WRITEV | 1L << IORING_OP_FSYNC;
        long polls = 1L << IORING_OP_POLL_ADD | 1L << IORING_OP_ASYNC_CANCEL;
        if ((opcodes & (reads | writes | polls)) != (reads | writes | polls)) {
            return "io_uring lacks operations on this host: reads, writes, fsync, poll and cancel are needed";
        }
        return null;
    }

    /**
     * @param disabled the sysctl kernel.io_uring_disabled
     */
    static String whyNot(int errno, int disabled) {
        if (errno == Errno.ENOSYS) {
            return "io_uring is not in this kernel, or a seccomp filter hides it";
        }
        if (errno == Errno.EPERM || errno == Errno.EACCES) {
            if (disabled > DISABLED_FOR_UNPRIVILEGED) {
                return "io_uring is disabled on this host: sysctl kernel.io_uring_disabled=0 enables it";
            }
            return disabled == DISABLED_FOR_UNPRIVILEGED
                ? "io_uring is for privileged processes on this host: sysctl kernel.io_uring_disabled=0, or a member of"
                    + " the group in kernel.io_uring_group"
                : "io_uring is denied to this process by a seccomp filter or security module, a container's for example";
        }
        if (errno == Errno.ENOMEM) {
            return "io_uring gets no memory: raise the memlock limit (ulimit -l)";
        }
        return "io_uring_setup failed: " + Errno.name(errno) + " (" + errno + ")";
    }

    /** The sysctl, 0 to 2; 0 too where the kernel does not have it. */
    private static int disabledSetting() {
        try {
            return Integer.parseInt(Files.readString(Path.of("/proc/sys/kernel/io_uring_disabled")).trim());
        } catch (IOException | NumberFormatException e) {
            return 0;
        }
    }
}
