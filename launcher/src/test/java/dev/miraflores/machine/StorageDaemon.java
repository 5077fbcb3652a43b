// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** QEMU's storage daemon with one vhost-user-blk export. */
final class StorageDaemon implements AutoCloseable {

    private static final long START_NS = 30_000_000_000L;

    private final Process process;

    private StorageDaemon(Process process) {
        this.process = process;
    }

    static boolean isInstalled() {
        try {
            new ProcessBuilder("qemu-storage-daemon", "--version").redirectErrorStream(true).start().waitFor();
            return true;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Exports {@code image} at {@code socket}; {@code options} are more words for the export, each with its comma. */
    static StorageDaemon start(Path image, Path socket, String options) throws Exception {
        Files.deleteIfExists(socket);
        Process process = new ProcessBuilder("qemu-storage-daemon",
                "--blockdev", "driver=file,node-name=f,filename=" + image,
                "--export", "type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=" + socket + options)
                .inheritIO().start();
        long end = System.nanoTime() + START_NS;
        while (!Files.exists(socket)) {
            if (!process.isAlive() || System.nanoTime() - end > 0) {
                process.destroyForcibly();
                throw new IOException("qemu-storage-daemon did not start");
            }
            Thread.sleep(10);
        }
        return new StorageDaemon(process);
    }

    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Ends it as an operator does: what it has is on the disk then. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
