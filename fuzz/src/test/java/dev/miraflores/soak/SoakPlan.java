// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.BlockDeviceConfig.Format;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * How the disk of one soak is set up.
 *
 * @param epoll   whether its threads wait with epoll
 * @param packed  whether the driver takes packed virtqueues
 * @param inOrder whether it wants its buffers back in order
 */
record SoakPlan(
        Format format, EngineKind engine, CacheMode cache, boolean epoll, int queues, int ioThreads, int queueSize,
        boolean packed, boolean inOrder, boolean registerMemory) {

    /** Engines × kinds of queue × numbers of queues × cache modes. */
    static final int COUNT = 3 * 2 * 2 * 5;

    /** The {@code index}th of all engines, caches, kinds and numbers of queues, and the rest by {@code random}. */
    static SoakPlan of(int index, Random random) {
        EngineKind engine = EngineKind.values()[index % 3];
        boolean packed = index / 3 % 2 == 1;
        int queues = index / 6 % 2 == 0 ? 1 : 4;
        CacheMode[] caches = CacheMode.values();
        CacheMode cache = caches[index / 12 % caches.length];
        if (engine == EngineKind.NATIVE && !cache.isDirect()) {
            cache = random.nextBoolean() ? CacheMode.NONE : CacheMode.DIRECTSYNC; // it has no others
        }
        Format format = random.nextInt(3) == 0 ? Format.QCOW2 : Format.RAW;
        int ioThreads = format == Format.QCOW2 ? 1 : 1 + random.nextInt(queues);
        boolean epoll = engine != EngineKind.IO_URING && random.nextBoolean();
        return new SoakPlan(format, engine, cache, epoll, queues, ioThreads, 1 << 3 + random.nextInt(6), packed,
            random.nextInt(4) == 0, random.nextBoolean());
    }

    SoakPlan withRaw() {
        return new SoakPlan(
            Format.RAW, engine, cache, epoll, queues, ioThreads, queueSize, packed, inOrder, registerMemory);
    }

    /**
     * @param now     what the image is by now
     * @param backing behind it, where that is qcow2
     */
    BlockDeviceConfig config(Path file, Format now, List<BackingFile> backing) {
        BlockDeviceConfig.Builder builder = now == Format.QCOW2
            ? BlockDeviceConfig.qcow2("soak", file.toString()).backing(backing)
            : BlockDeviceConfig.raw("soak", file.toString());
        return builder
            .engine(engine)
            .cache(cache)
            .queues(queues)
            .ioThreads(ioThreads)
            .queueSize(queueSize)
            .packed(true)
            .inOrder(true)
            .registerMemory(registerMemory)
            .thread(epoll ? IoThreadOptions.DEFAULTS.withEpoll() : IoThreadOptions.DEFAULTS)
            .build();
    }
}
