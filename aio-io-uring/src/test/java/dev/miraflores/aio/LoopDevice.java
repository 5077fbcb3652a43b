// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** A block device that is a file below, set up with losetup(8). */
final class LoopDevice implements AutoCloseable {

    private static final int PROBE_BYTES = 1 << 16;

    private final String path;

    private LoopDevice(String path) {
        this.path = path;
    }

    /** Over {@code file}, with logical blocks of that many bytes. */
    static LoopDevice over(Path file, int sectorBytes) throws IOException {
        String output = run("losetup", "--find", "--show", "--sector-size", Integer.toString(sectorBytes), file.toString());
        if (output == null) {
            throw new IOException("losetup " + file);
        }
        return new LoopDevice(output.trim());
    }

    static boolean isPossible() {
        try {
            Path file = Files.createTempFile("loop", ".img");
            try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
                image.setLength(PROBE_BYTES);
            }
            try (LoopDevice device = over(file, 512)) {
                return device.path().startsWith("/dev/");
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            return false;
        }
    }

    String path() {
        return path;
    }

    /** Takes over the size that the file has by now. */
    void reread() throws IOException {
        run("losetup", "--set-capacity", path);
    }

    @Override
    public void close() throws IOException {
        run("losetup", "--detach", path);
    }

    /** What it prints, or {@code null} where it fails. */
    private static String run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String output = new String(process.getInputStream().readAllBytes());
        try {
            return process.waitFor() == 0 ? output : null;
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
