// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.bindings.iouring.io_uring_abi;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import dev.miraflores.linux.Mapping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether a file's device can be asked for completions. Older kernels wait for its interrupts instead and say nothing. */
final class PolledDevice {

    private static final int PROBE_BYTES = 4096;
    private static final long PROBE_LIMIT_NS = 5_000_000_000L;
    private static final String NO_QUEUES = "its device has no queues for that (NVMe has with nvme.poll_queues=N on the"
        + " kernel's command line); go without iopoll";

    private PolledDevice() {
    }

    /**
     * Looks at the device, and tries a read.
     *
     * @throws DriveException where it cannot
     */
    static void check(BlockFile file, PolledRing polled) {
        look(file);
        if (file.byteSize() >= PROBE_BYTES) {
            probe(file, polled);
        }
    }

    /** Looks at the device alone: what can be said before there is a ring. */
    static void look(BlockFile file) {
        if (!file.cache().isDirect()) {
            throw refusal(file, "needs cache=none or cache=directsync, not cache=" + file.cache());
        }
        if (deviceSaysNo(file)) {
            throw refusal(file, NO_QUEUES);
        }
    }

    private static boolean deviceSaysNo(BlockFile file) {
        FileStatus status = FileIo.fstat(file.number());
        long device = status.isBlockDevice() ? status.specialDevice() : status.device();
        Path queue = Path.of("/sys/dev/block/" + major(device) + ":" + minor(device)).resolve("queue/io_poll");
        try {
            return Files.readString(queue).trim().equals("0");
        } catch (IOException e) {
            return false; // a partition's, or several devices': the read will tell
        }
    }

    /** As the kernel tells user space: makedev(3). */
    private static long major(long device) {
        return device >>> 8 & 0xFFF | device >>> 32 & 0xFFFF_F000L;
    }

    private static long minor(long device) {
        return device & 0xFF | device >>> 12 & 0xFFFF_FF00L;
    }

    /** Reads the first block, and waits for it. */
    static void probe(BlockFile file, PolledRing polled) {
        EngineRing ring = polled.transfers;
        Result result = new Result();
        int owner = ring.addOwner(result);
        Mapping buffer = Mapping.anonymous(PROBE_BYTES, 0);
        long entry = ring.beginEntry();
        if (entry == SubmissionQueue.FULL) {
            buffer.close();
            ring.removeOwner(owner);
            return; // others do I/O on the ring, so that it works
        }
        ring.sq.prepareTransfer(entry, io_uring_abi.IORING_OP_READ, 0, file.number(), buffer.segment().address(),
            PROBE_BYTES, 0, 0, UserData.pack(owner, 0));
        polled.begun();
        for (long start = System.nanoTime(); !result.known; ) {
            polled.dispatch();
            if (System.nanoTime() - start > PROBE_LIMIT_NS) {
                // The buffer stays: the kernel may write to it yet.
                throw refusal(file, "a read has not come back; go without iopoll");
            }
        }
        buffer.close();
        ring.removeOwner(owner);
        if (result.value == -Errno.EOPNOTSUPP || result.value == -Errno.EINVAL) {
            throw refusal(file, NO_QUEUES);
        }
    }

    private static final class Result implements CqeHandler {
        private boolean known;
        private int value;

        @Override
        public void onCompletion(int slot, int result, int flags) {
            known = true;
            value = result;
        }
    }

    private static DriveException refusal(BlockFile file, String why) {
        return new DriveException("drive " + file + ": iopoll: " + why);
    }
}
