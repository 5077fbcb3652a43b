// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;

/**
 * Links that finish requests in any order, one at a time, and a disk below that may lose everything since its last sync, or
 * any part of that: {@link #crash} is what is left of the image then.
 */
final class ShuffledHome implements Qcow2Image.Home {

    private static final int SECTOR = 512;

    private final Random random;
    private final List<Held> held = new ArrayList<>();
    /** Bytes that survive a crash, and writes that may not, in their order; null where nobody asks. */
    private byte[] durable;
    private final List<Write> volatiles = new ArrayList<>();

    /** Which requests below fail, and whether they are done all the same, as far as the disk below got. */
    Predicate<BlockIo> fails = io -> false;
    boolean failedAreDone;

    private record Held(BlockIo io, Link link) {
    }

    private record Write(long offset, byte[] bytes) {
    }

    ShuffledHome(Random random) {
        this.random = random;
    }

    /** From here on keeps what a crash would leave of {@code image}. */
    void watch(Path image) throws IOException {
        durable = Files.readAllBytes(image);
    }

    @Override
    public BlockLink open(BlockFile target, LinkOptions options) {
        return new Link(new SyncLink(target, false), options.memory(), !target.isReadOnly());
    }

    @Override
    public BlockLink open(Backing target, LinkOptions options) {
        return target.attach(this, options);
    }

    @Override
    public void call(Runnable action) {
        action.run();
    }

    @Override
    public void execute(Runnable action) {
        action.run();
    }

    @Override
    public boolean isSameAs(Qcow2Image.Home other) {
        return other == this;
    }

    @Override
    public String name() {
        return "shuffled";
    }

    int heldCount() {
        return held.size();
    }

    boolean hasHeld() {
        return !held.isEmpty();
    }

    /** Finishes one request. */
    void step() {
        Held next = held.remove(random.nextInt(held.size()));
        next.link.perform(next.io);
    }

    /** Finishes all, and what comes of it, but {@code kept}. */
    void drainBut(BlockIo kept) {
        while (held.size() > 1 || hasHeld() && held.get(0).io != kept) {
            int i = random.nextInt(held.size());
            if (held.get(i).io != kept) {
                Held next = held.remove(i);
                next.link.perform(next.io);
            }
        }
    }

    /** The request that came last. */
    BlockIo last() {
        return held.get(held.size() - 1).io;
    }

    void drain() {
        while (hasHeld()) {
            step();
        }
    }

    /** The image after a loss of power now: any of the sectors written since the last sync, or none. */
    byte[] crash() {
        long end = durable.length;
        for (Write write : volatiles) {
            end = Math.max(end, write.offset + write.bytes.length);
        }
        byte[] left = Arrays.copyOf(durable, (int) end);
        int mode = random.nextInt(4);
        int chosen = random.nextInt(Math.max(1, volatiles.size()));
        for (int i = 0; i < volatiles.size(); i++) {
            Write write = volatiles.get(i);
            boolean torn = random.nextInt(16) == 0;
            boolean survives = switch (mode) {
                case 0 -> random.nextBoolean();
                case 1 -> i != chosen;
                case 2 -> i > chosen;
                default -> i < chosen;
            };
            for (int at = 0; at < write.bytes.length; at += SECTOR) {
                if (torn ? random.nextBoolean() : survives) {
                    int count = Math.min(SECTOR, write.bytes.length - at);
                    System.arraycopy(write.bytes, at, left, (int) write.offset + at, count);
                }
            }
        }
        return left;
    }

    /** The image after a loss of power now that takes all since the last sync. */
    byte[] durable() {
        return durable.clone();
    }

    /** The image after the process was killed: all that was written. */
    byte[] kill() {
        byte[] all = Arrays.copyOf(durable, durable.length);
        for (Write write : volatiles) {
            all = apply(all, write);
        }
        return all;
    }

    private static byte[] apply(byte[] bytes, Write write) {
        int end = (int) write.offset + write.bytes.length;
        byte[] result = end > bytes.length ? Arrays.copyOf(bytes, end) : bytes;
        System.arraycopy(write.bytes, 0, result, (int) write.offset, write.bytes.length);
        return result;
    }

    private final class Link implements BlockLink {
        private final SyncLink file;
        private final IoMemory memory;
        private final boolean watched;

        Link(SyncLink file, IoMemory memory, boolean watched) {
            this.file = file;
            this.memory = memory;
            this.watched = watched;
        }

        @Override
        public void submit(BlockIo io) {
            if (io.operation() == Operation.FLUSH && watched && durable != null) {
                // What has completed by now will be durable when the sync completes.
                int covered = volatiles.size();
                io.onReturn(new Sync(covered));
            }
            held.add(new Held(io, this));
        }

        void perform(BlockIo io) {
            if (fails.test(io)) {
                if (failedAreDone) {
                    io.onReturn((failed, result) -> failed.complete(-Errno.EIO));
                } else {
                    io.complete(-Errno.EIO);
                    return;
                }
            }
            if (watched && durable != null) {
                record(io);
            }
            file.submit(io);
        }

        private void record(BlockIo io) {
            if (io.operation() == Operation.WRITE) {
                byte[] bytes = new byte[(int) io.byteCount()];
                MemorySegment copy = MemorySegment.ofArray(bytes);
                long done = 0;
                try (Arena arena = Arena.ofConfined()) {
                    for (int i = 0; i < io.bufferCount(); i++) {
                        MemorySegment part = arena.allocate(io.bufferLength(i));
                        memory.read(io.bufferAddress(i), part, 0, io.bufferLength(i));
                        MemorySegment.copy(
                            part, ValueLayout.JAVA_BYTE, 0, copy, ValueLayout.JAVA_BYTE, done, io.bufferLength(i));
                        done += io.bufferLength(i);
                    }
                }
                volatiles.add(new Write(io.offset(), bytes));
            } else if (io.operation() == Operation.DISCARD) {
                volatiles.add(new Write(io.offset(), new byte[(int) io.byteCount()]));
            }
        }

        @Override
        public void close() {
            // what it has is given back with the arena's owner
        }
    }

    private final class Sync implements BlockReturn {
        private int covered;

        Sync(int covered) {
            this.covered = covered;
            syncs.add(this);
        }

        @Override
        public void onReturn(BlockIo io, int result) {
            syncs.remove(this);
            for (int i = 0; i < covered; i++) {
                durable = apply(durable, volatiles.remove(0));
            }
            for (Sync other : syncs) {
                other.covered = Math.max(0, other.covered - covered);
            }
            io.complete(result);
        }
    }

    private final List<Sync> syncs = new ArrayList<>();
}
