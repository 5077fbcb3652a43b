// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineChoice;
import dev.miraflores.aio.IoThread;
import java.util.ArrayList;
import java.util.List;

/** Makes what a disk is made of; whatever fails, nothing is left open. */
final class BlockBackends {

    private BlockBackends() {
    }

    static BlockBackend open(BlockDeviceConfig options) {
        return switch (options.format()) {
            case RAW -> new RawBackend(options.file(), options.cache(), options.readOnly());
            case QCOW2 -> new Qcow2Backend(options.file(), options.cache(), options.readOnly(), options.backing());
            case NULL -> new NullBackend(options.nullBytes(), options.readOnly());
        };
    }

    static VirtioBlockDevice start(BlockDeviceConfig options, BlockBackend backend) {
        List<BlockStage> stages = new ArrayList<>();
        List<IoThread> threads = new ArrayList<>();
        try {
            checkSize(options, backend);
            if (options.thread().ioPoll() && backend instanceof RawBackend raw) {
                raw.file().checkPolling();    // later a guest would wait for a disk that cannot be
            }
            for (BlockStageSource source : options.stages()) {
                stages.add(source.open(options.id(), backend.byteSize(), backend.isReadOnly()));
            }
            if (options.sharedThread() != null) {
                EngineChoice engine = engine(options, List.of(options.sharedThread()));
                return new VirtioBlockDevice(options, engine, backend, stages, new IoThread[] {options.sharedThread()});
            }
            for (int i = 0; i < options.ioThreads(); i++) {
                String name = options.ioThreads() == 1 ? options.id() : options.id() + "." + i;
                threads.add(IoThread.start("io-" + name, options.thread()));
            }
            EngineChoice engine = engine(options, threads);
            return new VirtioBlockDevice(options, engine, backend, stages, threads.toArray(new IoThread[0]));
        } catch (RuntimeException | Error e) {
            for (IoThread thread : threads) {
                thread.close();
            }
            for (BlockStage stage : stages) {
                stage.close();
            }
            backend.close();
            throw e;
        }
    }

    /** Of threads that have not all got the same, the least. */
    private static EngineChoice engine(BlockDeviceConfig options, List<IoThread> threads) {
        try {
            EngineChoice least = null;
            for (IoThread thread : threads) {
                EngineChoice choice = thread.choose(options.engine(), options.cache());
                least = least == null || choice.kind().compareTo(least.kind()) > 0 ? choice : least;
            }
            return least;
        } catch (DriveException e) {
            throw new DriveException("drive " + options.id() + ": " + e.getMessage());
        }
    }

    private static void checkSize(BlockDeviceConfig options, BlockBackend backend) {
        if (backend.byteSize() % options.logicalBlockBytes() != 0) {
            throw new DriveException("drive " + options.id() + ": size " + backend.byteSize()
                + " is not a multiple of its logical block of " + options.logicalBlockBytes() + " bytes");
        }
    }
}
