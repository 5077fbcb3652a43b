// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.Objects;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeSet;

/**
 * The kinds of stages that this program has: those that {@link ServiceLoader} finds, on the module path as on the class path.
 * <p>Thread: any.
 */
public final class BlockStages {

    private BlockStages() {
    }

    /**
     * A stage of the kind that {@code request} names.
     *
     * @throws DriveException where there is none, or it refuses; the message is one line
     */
    public static BlockStage open(StageRequest request) {
        return open(request, ServiceLoader.load(BlockStageProvider.class));
    }

    /**
     * As {@link #open(StageRequest)}, from the modules of {@code layer} and of those that it builds on.
     *
     * @throws DriveException where there is none, or it refuses; the message is one line
     */
    public static BlockStage open(StageRequest request, ModuleLayer layer) {
        return open(request, ServiceLoader.load(layer, BlockStageProvider.class));
    }

    private static synchronized BlockStage open(StageRequest request, ServiceLoader<BlockStageProvider> providers) {
        TreeSet<String> names = new TreeSet<>();
        try {
            for (BlockStageProvider provider : providers) {
                if (provider.name().equals(request.stage())) {
                    return open(provider, request);
                }
                names.add(provider.name());
            }
        } catch (ServiceConfigurationError broken) {
            throw new DriveException("drive " + request.driveId() + ": stage=" + request.stage()
                + ": a provider of stages cannot be loaded: " + broken.getMessage());
        }
        throw new DriveException("drive " + request.driveId() + ": no stage=" + request.stage() + "; "
            + (names.isEmpty()
                ? "there are none: put the jar that has it on --stage-path or the module path"
                : "there are " + String.join(", ", names)));
    }

    /** A stage of {@code provider}'s. What it throws that is no refusal is a bug of its, and ends only this attempt. */
    private static BlockStage open(BlockStageProvider provider, StageRequest request) {
        try {
            return Objects.requireNonNull(provider.open(request), "no stage returned");
        } catch (DriveException refusal) {
            throw refusal;
        } catch (RuntimeException | LinkageError bug) {
            DriveException e = request.refusal("its provider failed: " + bug);
            e.initCause(bug);
            throw e;
        }
    }
}
