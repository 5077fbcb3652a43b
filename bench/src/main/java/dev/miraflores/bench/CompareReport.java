// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code bench/run compare}: random reads of 4 KiB by the built-in guest, through each way that we serve a disk, beside QEMU
 * doing the same on the same host and file, in alternating rounds; and each way beside our usual one.
 * <p>Arguments: {@code HV GUEST FILE}; {@code --qemu PROGRAM}, {@code --cache MODE}, {@code --rounds N}, {@code --ms N} for
 * the length of a round, {@code --only CASE[,CASE]...}, {@code --depth N}.
 */
public final class CompareReport implements AutoCloseable {

    private static final long WARM_UP_MS = 1500;
    private static final int WARM_UP_DEPTH = 32;

    private final CompareSetting setting;
    private final List<CompareCase> cases;
    private final int rounds;
    private final long roundMs;
    private final int[] depths;
    private final CompareTable table = new CompareTable();
    private RequestGuest usual;

    /** Rates of one machine, a list for each depth. */
    private static final class Rates {

        private final List<List<GuestRate>> byDepth = new ArrayList<>();

        void add(int depthIndex, GuestRate rate) {
            while (byDepth.size() <= depthIndex) {
                byDepth.add(new ArrayList<>());
            }
            byDepth.get(depthIndex).add(rate);
        }

        GuestRate median(int depthIndex) {
            return GuestRate.median(byDepth.get(depthIndex));
        }
    }

    private CompareReport(List<String> args) {
        List<String> rest = new ArrayList<>(args);
        String qemu = take(rest, "--qemu", null);
        rounds = Integer.parseInt(take(rest, "--rounds", "7"));
        roundMs = Long.parseLong(take(rest, "--ms", "150"));
        String cache = take(rest, "--cache", "writeback");
        String depth = take(rest, "--depth", null);
        depths = depth == null ? new int[] {1, 32} : new int[] {Integer.parseInt(depth)};
        cases = chosen(take(rest, "--only", null));
        if (rest.size() != 3) {
            throw new IllegalArgumentException("HV GUEST FILE are needed, not " + rest);
        }
        setting = new CompareSetting(rest.get(0), qemu, rest.get(1), rest.get(2), cache);
    }

    public static void main(String[] args) throws IOException {
        try (CompareReport report = new CompareReport(List.of(args))) {
            report.run();
        } catch (IllegalArgumentException e) {
            System.err.println("bench: compare: " + e.getMessage());
            System.exit(2);
        }
    }

    private static String take(List<String> args, String name, String otherwise) {
        int at = args.indexOf(name);
        if (at < 0 || at + 1 == args.size()) {
            return otherwise;
        }
        args.remove(at);
        return args.remove(at);
    }

    private static List<CompareCase> chosen(String names) {
        if (names == null) {
            return CompareCase.OTHERS;
        }
        List<CompareCase> chosen = new ArrayList<>();
        for (String name : names.split(",")) {
            chosen.add(CompareCase.OTHERS.stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow(
                () -> new IllegalArgumentException("--only " + name + ": use some of "
                    + CompareCase.OTHERS.stream().map(CompareCase::name).toList())));
        }
        return chosen;
    }

    private void run() throws IOException {
        try {
            usual = warm(CompareCase.USUAL.ours(setting));
        } catch (IOException e) {
            throw new IllegalArgumentException(e.getMessage());
        }
        compare(CompareCase.USUAL);
        for (CompareCase next : cases) {
            compare(next);
        }
        table.print();
    }

    private static RequestGuest warm(List<String> command) throws IOException {
        RequestGuest guest = RequestGuest.start(command);
        guest.read(WARM_UP_DEPTH, WARM_UP_MS);
        guest.read(1, WARM_UP_MS / 2);
        return guest;
    }

    private void compare(CompareCase of) throws IOException {
        RequestGuest ours = usual;
        RequestGuest peer = null;
        String why = "no QEMU";
        if (of != CompareCase.USUAL) {
            try {
                ours = warm(of.ours(setting));
            } catch (IOException e) {
                table.addFailed(of, e.getMessage());
                return;
            }
        }
        if (setting.qemu() != null) {
            try {
                peer = warm(of.qemu(setting));
            } catch (IOException e) {
                why = e.getMessage();
            }
        }
        try {
            alternate(of, ours, peer, why);
        } finally {
            if (ours != usual) {
                ours.close();
            }
            if (peer != null) {
                peer.close();
            }
        }
    }

    private void alternate(CompareCase of, RequestGuest ours, RequestGuest peer, String why) throws IOException {
        Rates rates = new Rates();
        Rates peerRates = new Rates();
        Rates usualRates = new Rates();
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < depths.length; i++) {
                rates.add(i, ours.read(depths[i], roundMs));
                if (peer != null) {
                    peerRates.add(i, peer.read(depths[i], roundMs));
                }
                if (ours != usual) {
                    usualRates.add(i, usual.read(depths[i], roundMs));
                }
            }
        }
        for (int i = 0; i < depths.length; i++) {
            table.add(of, depths[i], rates.median(i), peer == null ? null : peerRates.median(i), why,
                ours == usual ? null : usualRates.median(i));
        }
    }

    @Override
    public void close() {
        if (usual != null) {
            usual.close();
        }
    }
}
