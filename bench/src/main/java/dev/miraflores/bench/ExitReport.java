// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * {@code bench/run exits}: nanoseconds per exit, ours beside those of a C loop, in alternating rounds of one run.
 * <p>Argument: the compiled {@code kvm-exits.c}.
 */
public final class ExitReport {

    private static final int ROUNDS = 25;
    private static final int WARM_UP_WINDOWS = 800;
    private static final int WINDOWS = 40;

    private ExitReport() {
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length != 1) {
            System.err.println("usage: ExitReport KVM-EXITS");
            System.exit(2);
        }
        Process peer = new ProcessBuilder(args[0]).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try (Writer orders = peer.outputWriter(StandardCharsets.US_ASCII);
                BufferedReader answers =
                        new BufferedReader(new InputStreamReader(peer.getInputStream(), StandardCharsets.US_ASCII))) {
            compare("pio-exit", ExitGuest.OUT_ENTRY, orders, answers);
            compare("mmio-exit", ExitGuest.MMIO_ENTRY, orders, answers);
        } finally {
            peer.destroy();
        }
    }

    private static void compare(String name, long entry, Writer orders, BufferedReader answers)
            throws IOException, InterruptedException {
        try (ExitGuest guest = new ExitGuest(entry)) {
            guest.run(WARM_UP_WINDOWS);
            runPeer(entry, WARM_UP_WINDOWS / 4, orders, answers);
            double[] ours = new double[ROUNDS];
            double[] peers = new double[ROUNDS];
            double[] ratios = new double[ROUNDS];
            long bytes = 0;
            for (int round = 0; round < ROUNDS; round++) {
                long before = allocatedBytes(guest);
                ours[round] = guest.run(WINDOWS);
                bytes += allocatedBytes(guest) - before;
                peers[round] = runPeer(entry, WINDOWS, orders, answers);
                ratios[round] = ours[round] / peers[round];
            }
            System.out.printf("%s ours=%.0fns peer=%.0fns ratio=%.3f%n", name, median(ours), median(peers), median(ratios));
            double perExit = (double) bytes / ROUNDS / WINDOWS / ExitGuest.EXITS;
            System.out.printf("%s.allocation ours=%.3fB peer=none ratio=none%n", name, perExit);
        }
    }

    private static double runPeer(long entry, int windows, Writer orders, BufferedReader answers) throws IOException {
        orders.write(entry + " " + windows + "\n");
        orders.flush();
        String answer = answers.readLine();
        if (answer == null) {
            throw new UncheckedIOException(new IOException("the peer has ended"));
        }
        return Double.parseDouble(answer);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static long allocatedBytes(ExitGuest guest) {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getThreadAllocatedBytes(guest.threadId());
    }
}
