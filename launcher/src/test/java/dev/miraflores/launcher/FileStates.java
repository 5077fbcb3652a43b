// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** All files below a directory, by what changes when any of them is written to, made, removed or touched. */
record FileStates(Map<Path, Map<String, Object>> states) {

    static FileStates of(Path directory) throws IOException {
        Map<Path, Map<String, Object>> states = new TreeMap<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.toList()) {
                // No program can set the change time, which every change of content or attributes brings up to date.
                states.put(file, Files.readAttributes(file, "unix:ctime,size,ino,mode"));
            }
        }
        return new FileStates(states);
    }
}
