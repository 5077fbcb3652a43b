// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.io.IOException;

/** {@code NetSoakMain BRIDGE SECONDS [SEED]}: one pair of NICs after the other, and a look at what each left behind. */
final class NetSoakMain {

    private static final long PAIR_MS = 5000;
    /** After so many pairs of NICs all that is loaded once has been. */
    private static final int FIRST_PAIRS = 2;
    /** By how much the process may be larger in the end: code that was compiled. */
    private static final long MOST_GROWTH_BYTES = 64 << 20;

    private NetSoakMain() {
    }

    public static void main(String[] args) throws Exception {
        long seconds = Long.parseLong(args[1]);
        long seed = args.length > 2 ? Long.parseLong(args[2]) : System.nanoTime();
        NetSoakTotals totals = new NetSoakTotals();
        ProcessUse first = null;
        int pairs = 0;
        long pairMs = Math.min(PAIR_MS, seconds * 1000 / (2 * FIRST_PAIRS));
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        try {
            for (; pairs <= FIRST_PAIRS || System.nanoTime() < end; pairs++) {
                NetSoak.run(seed + pairs, args[0], pairMs, totals);
                if (pairs + 1 == FIRST_PAIRS) {
                    first = ProcessUse.now();
                } else if (first != null) {
                    compare(first);
                }
            }
        } catch (AssertionError e) {
            System.out.println("FAILED " + e.getMessage());
            System.out.println("again: fuzz/soak-net 20 " + (seed + pairs));
            e.printStackTrace(System.out);
            System.exit(1);
        }
        System.out.println("soak-net: seed " + seed + ", " + pairs + " pairs of NICs, " + totals);
        System.out.println("soak-net: after " + FIRST_PAIRS + " pairs " + first + "; in the end " + ProcessUse.now());
    }

    private static void compare(ProcessUse first) throws IOException {
        ProcessUse now = ProcessUse.now();
        if (now.descriptors().size() > first.descriptors().size() || now.threads() > first.threads()
                || now.residentBytes() > first.residentBytes() + MOST_GROWTH_BYTES) {
            throw new AssertionError("a leak: " + first + " have become " + now + ": " + now.descriptors());
        }
    }
}
