// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A machine that runs the built-in guest with {@code mode=requests}, ours or QEMU's: it reads for a while when asked to, and
 * sleeps otherwise.
 * <p>Lifetime: {@link #close} ends the process, and so does the end of this one.
 */
final class RequestGuest implements AutoCloseable {

    private static final Pattern ROUND = Pattern.compile("round: depth \\d+, (\\d+) requests in (\\d+) us, .* (\\d+)"
        + " interrupts, (\\d+) notifications");
    private static final long START_LIMIT_S = 60;
    private static final long ROUND_LIMIT_S = 60;

    private final Process process;
    private final BufferedReader answers;
    private final Writer orders;

    private RequestGuest(Process process) {
        this.process = process;
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        answers = process.inputReader(StandardCharsets.ISO_8859_1);
        orders = process.outputWriter(StandardCharsets.ISO_8859_1);
    }

    /** Returns when the guest waits for orders. An IOException, with what was said last, when it does not come to that. */
    static RequestGuest start(List<String> command) throws IOException {
        RequestGuest guest = new RequestGuest(new ProcessBuilder(command).redirectErrorStream(true).start());
        try {
            String ready = guest.await("ready", START_LIMIT_S);
            if (ready.contains("by nothing")) {
                throw new IOException("the guest found no clock to measure with");
            }
            return guest;
        } catch (IOException e) {
            guest.close();
            throw e;
        }
    }

    GuestRate read(int depth, long ms) throws IOException {
        ThreadTimes before = ThreadTimes.of(process.pid());
        orders.write(depth + " " + ms + "\n");
        orders.flush();
        String line = await("round", ROUND_LIMIT_S + ms / 1000);
        ThreadTimes after = ThreadTimes.of(process.pid());
        Matcher round = ROUND.matcher(line);
        if (!round.find() || round.group(1).equals("0")) {
            throw new IOException("not a round with reads in it: " + line);
        }
        double reads = Double.parseDouble(round.group(1));
        return new GuestRate(reads * 1e6 / Double.parseDouble(round.group(2)), after.since(before, false) / reads,
            after.since(before, true) / reads, Double.parseDouble(round.group(3)) / reads,
            Double.parseDouble(round.group(4)) / reads);
    }

    /** The next line that starts so. Ends the process when there is none for so long, so that the read ends too. */
    private String await(String start, long limitS) throws IOException {
        Thread watch = Thread.ofVirtual().start(() -> {
            try {
                TimeUnit.SECONDS.sleep(limitS);
                process.destroyForcibly();
            } catch (InterruptedException e) {
                return;         // it came in time
            }
        });
        try {
            String last = "nothing";
            for (String line; (line = answers.readLine()) != null; last = line.isBlank() ? last : line) {
                if (line.startsWith(start)) {
                    return line;
                }
            }
            throw new IOException(last);
        } finally {
            watch.interrupt();
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }
}
