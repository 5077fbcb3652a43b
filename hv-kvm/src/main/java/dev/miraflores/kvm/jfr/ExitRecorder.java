// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import java.util.function.IntFunction;

/**
 * Records one vCPU's exits while JFR is on: each, and once a second how many there were.
 * <p>Thread: the vCPU's.
 */
public final class ExitRecorder {
    private static final long PERIOD_NS = 1_000_000_000;

    private final String vm;
    private final int vcpu;
    private final IntFunction<String> reasonName;
    private VcpuExitEvent current;
    private long nextCountsNs = System.nanoTime();

    /** @param reasonName from an exit reason to its name */
    public ExitRecorder(String vm, int vcpu, IntFunction<String> reasonName) {
        this.vm = vm;
        this.vcpu = vcpu;
        this.reasonName = reasonName;
    }

    /** Before the exit is handled. */
    public void begin() {
        current = new VcpuExitEvent();
        current.begin();
    }

    /**
     * After the exit was handled.
     *
     * @param counts how often each reason came up
     */
    public void end(int reason, long[] counts) {
        VcpuExitEvent event = current;
        event.end();
        if (event.shouldCommit()) {
            event.vm = vm;
            event.vcpu = vcpu;
            event.reason = reasonName.apply(reason);
            event.commit();
        }
        long now = System.nanoTime();
        if (now - nextCountsNs >= 0) {
            nextCountsNs = now + PERIOD_NS;
            counts(counts);
        }
    }

    /** All counts, as they are. */
    public void counts(long[] counts) {
        VcpuExitCountEvent enabled = new VcpuExitCountEvent();
        if (!enabled.isEnabled()) {
            return;
        }
        for (int reason = 0; reason < counts.length; reason++) {
            if (counts[reason] > 0) {
                VcpuExitCountEvent event = new VcpuExitCountEvent();
                event.vm = vm;
                event.vcpu = vcpu;
                event.reason = reasonName.apply(reason);
                event.count = counts[reason];
                event.commit();
            }
        }
    }
}
