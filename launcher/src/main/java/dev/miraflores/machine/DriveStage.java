// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStageProvider;
import java.util.Map;

/**
 * A stage that a drive asks for.
 *
 * @param name     what its provider calls it
 * @param options  what {@code stage.KEY=VALUE} says, for the provider to read
 * @param provider who makes it, or null for whoever is found under the name
 */
public record DriveStage(String name, Map<String, String> options, BlockStageProvider provider) {

    public DriveStage {
        options = Map.copyOf(options);
    }

    /** One to be found by its name. */
    public static DriveStage of(String name, Map<String, String> options) {
        return new DriveStage(name, options, null);
    }

    /** One that {@code provider} makes. */
    public static DriveStage of(BlockStageProvider provider, Map<String, String> options) {
        return new DriveStage(provider.name(), options, provider);
    }
}
