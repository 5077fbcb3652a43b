// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.Doorbells;
import dev.miraflores.devices.pci.PciBarListener;
import java.util.ArrayList;
import java.util.List;

/**
 * Keeps a doorbell on each enabled queue's notification address for as long as the device runs and the BAR is mapped;
 * the address moves with the BAR. At other times notifications are trapped.
 * <p>Thread: any; the lock is this object's own.
 */
final class PciDoorbells implements PciBarListener {

    private static final long NOWHERE = -1;

    private final Doorbells doorbells;
    private final List<Doorbells.Binding> bindings = new ArrayList<>();
    private long barGpa = NOWHERE;
    private List<QueueRegisters> running = List.of();

    PciDoorbells(Doorbells doorbells) {
        this.doorbells = doorbells;
    }

    @Override
    public synchronized void mapped(long address) {
        barGpa = address;
        bind();
    }

    @Override
    public synchronized void unmapped() {
        barGpa = NOWHERE;
        bind();
    }

    /** The device runs these queues from now on. */
    synchronized void run(List<QueueRegisters> queues) {
        running = queues;
        bind();
    }

    private void bind() {
        bindings.forEach(Doorbells.Binding::close);
        bindings.clear();
        if (barGpa != NOWHERE) {
            for (QueueRegisters queue : running) {
                bindings.add(doorbells.bindMmio(barGpa + VirtioPciTransport.notifyOffset(queue.index), 0, queue.kick));
            }
        }
    }
}
