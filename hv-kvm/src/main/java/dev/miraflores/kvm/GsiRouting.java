// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irq_routing;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irq_routing_entry;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irq_routing_irqchip;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irq_routing_msi;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Ioctl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The table that says where each GSI leads, as a PC is wired:
 * <pre>  0..15        PIC pin of the same number, except 2, where the slave's output goes
 *   0            IOAPIC pin 2, as on every PC: the ACPI tables say so with an interrupt source override
 *   1, 3..23     IOAPIC pin of the same number
 *   24 and on    one message each </pre>
 * <p>KVM takes the table as a whole, so each change hands all of it over. A freed message stays in until its GSI is
 * wanted for another: a guest that masks and unmasks a vector then costs no change at all.
 * <p>Thread: any.
 * <p>Source: KVM API §4.52 (KVM_SET_GSI_ROUTING).
 */
final class GsiRouting {
    /** GSIs that are wires. */
    static final int WIRES = kvm_abi.KVM_IOAPIC_NUM_PINS;
    /** The IOAPIC pin of GSI 0, the PIT's. */
    static final int PIT_IOAPIC_PIN = 2;

    private static final int ISA_WIRES = 16;
    private static final int CASCADE = 2;
    private static final int PIC_PINS = 8;

    /** Of a GSI between others that are in use: to APIC 0, and no irqfd has it. */
    private static final long UNUSED_ADDRESS = 0xFEE0_0000L;

    private final Vm vm;
    private final int maxGsis;
    private long[] addresses = new long[0];
    private int[] datas = new int[0];
    private boolean[] inUse = new boolean[0];
    private int messages;
    private boolean extendedDestinations;

    /** @param maxRoutes entries that KVM takes */
    GsiRouting(Vm vm, int maxRoutes) {
        this.vm = vm;
        // The wires take more entries than GSIs: those to both controllers take two.
        this.maxGsis = Math.max(WIRES, maxRoutes - ISA_WIRES);
    }

    /** Address bits 39:32 are then reserved, and KVM refuses a table with a message that has one. */
    synchronized void useExtendedDestinations() {
        extendedDestinations = true;
    }

    /** Hands the table over as it is. */
    synchronized void install() {
        submit();
    }

    /** A GSI that leads to the message, or null where none is free or KVM takes no such message. */
    synchronized MsiRoute allocate(long address, int data) {
        if (!isAcceptable(address)) {
            return null;
        }
        int free = -1;
        for (int i = 0; i < messages; i++) {
            if (!inUse[i] && addresses[i] == address && datas[i] == data) {
                inUse[i] = true;
                return new MsiRoute(this, WIRES + i);
            }
            if (!inUse[i] && free < 0) {
                free = i;
            }
        }
        if (free < 0) {
            free = append();
            if (free < 0) {
                return null;
            }
        }
        inUse[free] = true;
        store(free, address, data);
        return new MsiRoute(this, WIRES + free);
    }

    synchronized boolean change(int gsi, long address, int data) {
        if (!isAcceptable(address)) {
            return false;
        }
        int i = gsi - WIRES;
        if (addresses[i] != address || datas[i] != data) {
            store(i, address, data);
        }
        return true;
    }

    synchronized void free(int gsi) {
        inUse[gsi - WIRES] = false;
    }

    /** Takes messages out that are not in use: none of the guest before is in the table of the one that comes. */
    synchronized void reset() {
        for (int i = 0; i < messages; i++) {
            if (!inUse[i]) {
                addresses[i] = UNUSED_ADDRESS;
                datas[i] = 0;
            }
        }
        while (messages > 0 && !inUse[messages - 1]) {
            messages--;
        }
        submit();
    }

    private boolean isAcceptable(long address) {
        return !extendedDestinations || (address >>> 32 & 0xFF) == 0;
    }

    private int append() {
        if (WIRES + messages >= maxGsis) {
            return -1;
        }
        if (messages == addresses.length) {
            int capacity = messages * 2 + 8;
            addresses = Arrays.copyOf(addresses, capacity);
            datas = Arrays.copyOf(datas, capacity);
            inUse = Arrays.copyOf(inUse, capacity);
        }
        return messages++;
    }

    private void store(int i, long address, int data) {
        addresses[i] = address;
        datas[i] = data;
        submit();
    }

    private void submit() {
        try (Arena arena = Arena.ofConfined()) {
            long capacity = WIRES + ISA_WIRES + messages;
            MemorySegment table = arena.allocate(
                    kvm_irq_routing.sizeof + capacity * kvm_irq_routing_entry.sizeof, Long.BYTES);
            int entries = 0;
            for (int gsi = 0; gsi < WIRES; gsi++) {
                if (gsi == CASCADE) {
                    continue;
                }
                if (gsi < ISA_WIRES) {
                    boolean master = gsi < PIC_PINS;
                    int chip = master ? kvm_abi.KVM_IRQCHIP_PIC_MASTER : kvm_abi.KVM_IRQCHIP_PIC_SLAVE;
                    putPin(table, entries++, gsi, chip, master ? gsi : gsi - PIC_PINS);
                }
                putPin(table, entries++, gsi, kvm_abi.KVM_IRQCHIP_IOAPIC, gsi == 0 ? PIT_IOAPIC_PIN : gsi);
            }
            for (int i = 0; i < messages; i++) {
                putMessage(table, entries++, WIRES + i, addresses[i], datas[i]);
            }
            table.set(ValueLayout.JAVA_INT, kvm_irq_routing.nr, entries);
            int rc = vm.ioctl(kvm_abi.KVM_SET_GSI_ROUTING, table);
            if (rc < 0) {
                throw new ErrnoException("KVM_SET_GSI_ROUTING(entries=" + entries + ")", -rc);
            }
        }
    }

    private static void putPin(MemorySegment table, int index, int gsi, int chip, int pin) {
        long at = entry(table, index, gsi, kvm_abi.KVM_IRQ_ROUTING_IRQCHIP) + kvm_irq_routing_entry.u;
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_irqchip.irqchip, chip);
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_irqchip.pin, pin);
    }

    private static void putMessage(MemorySegment table, int index, int gsi, long address, int data) {
        long at = entry(table, index, gsi, kvm_abi.KVM_IRQ_ROUTING_MSI) + kvm_irq_routing_entry.u;
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_msi.address_lo, (int) address);
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_msi.address_hi, (int) (address >>> 32));
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_msi.data, data);
    }

    private static long entry(MemorySegment table, int index, int gsi, int type) {
        long at = kvm_irq_routing.entries + index * kvm_irq_routing_entry.sizeof;
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_entry.gsi, gsi);
        table.set(ValueLayout.JAVA_INT, at + kvm_irq_routing_entry.type, type);
        return at;
    }
}
