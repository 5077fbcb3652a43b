// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** A file system of few bytes, to be filled. */
final class SmallTmpfs implements AutoCloseable {

    private final Path folder;

    private SmallTmpfs(Path folder) {
        this.folder = folder;
    }

    /** Mounts one, or answers {@code null} where that is not allowed. */
    static SmallTmpfs mount(int kibibytes) throws IOException {
        return mount("tmpfs", "size=" + kibibytes + "k");
    }

    /** One that knows neither holes nor ranges of zeroes, and no limit. */
    static SmallTmpfs mountRamfs() throws IOException {
        return mount("ramfs", "mode=700");
    }

    private static SmallTmpfs mount(String type, String options) throws IOException {
        Path folder = Files.createTempDirectory("small-tmpfs");
        if (run("mount", "-t", type, "-o", options, type, folder.toString())) {
            return new SmallTmpfs(folder);
        }
        Files.delete(folder);
        return null;
    }

    Path folder() {
        return folder;
    }

    @Override
    public void close() throws IOException {
        // A ring may hold a file a moment longer than the call that closes it.
        for (int tries = 0; !run("umount", folder.toString()); tries++) {
            if (tries == 100) {
                throw new IOException("umount " + folder);
            }
            LockSupport.parkNanos(20_000_000);
        }
        Files.delete(folder);
    }

    private static boolean run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        try {
            return process.waitFor() == 0;
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
