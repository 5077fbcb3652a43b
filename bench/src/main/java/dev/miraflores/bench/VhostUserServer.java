// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A process that serves a disk over vhost-user, ours or QEMU's, and how fast QEMU's client gets requests through it.
 * <p>Lifetime: {@link #close} ends the process, and so does the end of this one.
 */
final class VhostUserServer implements AutoCloseable {

    private static final Pattern SECONDS = Pattern.compile("Run completed in ([0-9.]+) seconds");
    private static final long START_LIMIT_MS = 60_000;
    private static final long WAIT_MS = 20;

    private final Process process;
    private final Path socket;

    private VhostUserServer(Process process, Path socket) {
        this.process = process;
        this.socket = socket;
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    }

    /** Returns when it listens on {@code socket}. */
    static VhostUserServer start(List<String> command, Path socket) throws IOException, InterruptedException {
        Files.deleteIfExists(socket);
        VhostUserServer server = new VhostUserServer(
            new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT).start(), socket);
        for (long left = START_LIMIT_MS; !Files.exists(socket); left -= WAIT_MS) {
            if (left <= 0 || !server.process.isAlive()) {
                server.close();
                throw new IOException("does not serve " + socket + ": " + String.join(" ", command));
            }
            Thread.sleep(WAIT_MS);
        }
        return server;
    }

    /**
     * @param client       qemu-img, with a driver for vhost-user
     * @param count        of requests
     * @param requestBytes of each
     * @param step         bytes from the start of one to that of the next, round and round the disk
     */
    BlockRate run(List<String> client, boolean write, long count, int depth, int requestBytes, long step)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(client);
        command.addAll(List.of("bench", "-c", Long.toString(count), "-d", Integer.toString(depth), "-s",
            Integer.toString(requestBytes), "-S", Long.toString(step), "-t", "none"));
        if (write) {
            command.add("-w");
        }
        command.addAll(List.of("--image-opts", "driver=virtio-blk-vhost-user,cache.direct=on,path=" + socket));
        ThreadTimes before = ThreadTimes.of(process.pid());
        Process run = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        ThreadTimes after = ThreadTimes.of(process.pid());
        Matcher seconds = SECONDS.matcher(said);
        if (run.waitFor() != 0 || !seconds.find()) {
            throw new IOException("the client failed: " + said.strip());
        }
        return new BlockRate(count / Double.parseDouble(seconds.group(1)), (double) after.since(before, false) / count);
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
