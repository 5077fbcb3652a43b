// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.BlockStages;
import dev.miraflores.aio.StageRequest;
import java.lang.module.Configuration;
import java.lang.module.FindException;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.lang.module.ResolutionException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Where a machine's drives have their stages from: modules that are loaded once the first drive names one, as a layer on those
 * of this program.
 * <p>Thread: any.
 */
final class StagePath {

    private final List<Path> path;
    private ModuleLayer layer;

    /** @param path jars, directories of jars, directories of classes; empty for this program's own modules alone */
    StagePath(List<Path> path) {
        for (Path entry : path) {
            if (!Files.exists(entry)) {
                throw new ConfigException("--stage-path " + entry + ": no such file; name a jar or a directory of jars");
            }
        }
        this.path = path;
    }

    /** @throws dev.miraflores.aio.DriveException where there is no such stage, or it refuses; the message is one line */
    BlockStage open(StageRequest request) {
        return path.isEmpty() ? BlockStages.open(request) : BlockStages.open(request, layer());
    }

    private synchronized ModuleLayer layer() {
        if (layer == null) {
            layer = load();
        }
        return layer;
    }

    private ModuleLayer load() {
        try {
            ModuleFinder finder = ModuleFinder.of(path.toArray(new Path[0]));
            Set<String> names = new HashSet<>();
            for (ModuleReference module : finder.findAll()) {
                names.add(module.descriptor().name());
            }
            ModuleLayer boot = ModuleLayer.boot();
            Configuration modules = boot.configuration().resolve(finder, ModuleFinder.of(), names);
            return boot.defineModulesWithOneLoader(modules, StagePath.class.getClassLoader());
        } catch (FindException | ResolutionException | LayerInstantiationException e) {
            throw new ConfigException("--stage-path: its modules cannot be loaded: " + e.getMessage() + "; name others", e);
        }
    }
}
