// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.Bus;
import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.Resettable;
import dev.miraflores.devices.WiredOr;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The host bridge and bus 0 behind it: 32 slots, the bridge itself in the first, both configuration mechanisms.
 * <p>Functions get their BAR addresses here, as from firmware, since guests may come without any; those that are plugged
 * later get them from the guest. The guest may move them: a BAR is decoded while its command bit is on, it lies inside a
 * window, and nothing else was there before.
 * <p>Thread: any; one lock guards the configuration space of all functions, and is never taken on the way of data.
 * Lock order: this one, then a device's own.
 * <p>Source: PCI 3.0 §3.2.2.3.2 (CONFIG_ADDRESS, CONFIG_DATA), PCI Express 3.0 §7.2.2 (ECAM).
 */
public final class PciRoot implements Resettable, AutoCloseable {

    /** Slots of a bus. */
    public static final int SLOTS = 32;

    /** Wires that the slots' interrupt pins are spread over. */
    public static final int INTX_WIRES = 8;

    /** The first of the {@link #INTX_WIRES} GSIs that the wires lead to. */
    public static final int INTX_FIRST_GSI = 16;

    // Red Hat's generic PCI Express host bridge: nothing that a guest would have a quirk for.
    private static final PciIdentity HOST_BRIDGE = new PciIdentity(0x1b36, 0x0008, 0, 0x060000, 0x1af4, 0x1100);

    private final Bus ports;
    private final Bus memory;
    private final PciAddressMap map;
    private final WiredOr[] wires = new WiredOr[INTX_WIRES];
    private final PciFunction[] slots = new PciFunction[SLOTS];
    // By the slots that they were in: functions of which only the registers still answer.
    private final PciFunction[] remains = new PciFunction[SLOTS];
    private final PciConfigPorts configPorts;
    private final List<Bus.Mapping> mappings = new ArrayList<>();

    /**
     * Puts the bridge and its configuration mechanisms on the buses.
     *
     * @param gsis the interrupt controller's inputs by GSI; asked once for each of the {@link #INTX_WIRES}
     */
    public PciRoot(Bus ports, Bus memory, PciAddressMap map, IntFunction<InterruptLine> gsis) {
        this.ports = ports;
        this.memory = memory;
        this.map = map;
        for (int i = 0; i < INTX_WIRES; i++) {
            wires[i] = new WiredOr(gsis.apply(INTX_FIRST_GSI + i));
        }
        slots[0] = new PciFunction(HOST_BRIDGE);
        slots[0].attach(this, null, 0);
        configPorts = new PciConfigPorts(this);
        mappings.add(ports.map(PciAddressMap.CONFIG_ADDRESS_PORT, 1, configPorts.address()));
        mappings.add(ports.map(PciAddressMap.CONFIG_DATA_PORT, 4, configPorts.data()));
        mappings.add(memory.map(map.ecamBase(), PciAddressMap.ECAM_BYTES, ecam()));
    }

    /** The GSI of interrupt pin {@code pin} (0 is INTA#) of a slot; ACPI's _PRT says the same. */
    public static int gsi(int slot, int pin) {
        return INTX_FIRST_GSI + (slot + pin) % INTX_WIRES;
    }

    /**
     * Puts a function in the first free slot.
     *
     * @return the slot's number
     * @throws IllegalStateException if all slots are taken
     */
    public synchronized int add(PciFunction function) {
        for (int slot = 1; slot < SLOTS; slot++) {
            if (slots[slot] == null) {
                add(slot, function);
                return slot;
            }
        }
        throw new IllegalStateException("all " + SLOTS + " PCI slots are taken");
    }

    /** Puts a function in slot {@code slot}, which is free; its BARs get addresses and are decoded at once. */
    public synchronized void add(int slot, PciFunction function) {
        if (slots[slot] != null) {
            throw new IllegalStateException("PCI slot " + slot + " is taken");
        }
        slots[slot] = function;
        place(function);
        attach(slot, function);
    }

    /**
     * Puts a function in a free slot of a bus that a guest has looked at already. Its BARs have no addresses, and nothing
     * of it is decoded, until the guest has given it some: it knows what it put where, and may have moved it.
     *
     * @param shunned slots to take only where no other is free, a bit each
     * @return the slot's number, or -1 where all are taken
     */
    public synchronized int plug(PciFunction function, int shunned) {
        int chosen = -1;
        for (int slot = SLOTS - 1; slot > 0; slot--) {
            boolean better = chosen < 0 || (shunned >>> chosen & 1) != 0 || (shunned >>> slot & 1) == 0;
            chosen = slots[slot] == null && better ? slot : chosen;
        }
        if (chosen > 0) {
            slots[chosen] = function;
            attach(chosen, function);
        }
        return chosen;
    }

    /** How many slots are empty. */
    public synchronized int freeSlots() {
        int free = 0;
        for (PciFunction function : slots) {
            free += function == null ? 1 : 0;
        }
        return free;
    }

    /** What is in the slots that are not empty, the bridge first. */
    public synchronized List<PciSlotReport> report() {
        List<PciSlotReport> all = new ArrayList<>();
        for (int slot = 0; slot < SLOTS; slot++) {
            if (slots[slot] != null) {
                all.add(slots[slot].report(slot));
            }
        }
        return all;
    }

    private void attach(int slot, PciFunction function) {
        clear(slot);
        InterruptLine wire = function.hasPin() ? wires[gsi(slot, 0) - INTX_FIRST_GSI].input() : null;
        function.attach(this, wire, gsi(slot, 0));
        updateMappings();
    }

    /** Takes a function out of its slot: nothing of it answers any more. */
    public synchronized void remove(PciFunction function) {
        for (int slot = 1; slot < SLOTS; slot++) {
            if (slots[slot] == function) {
                slots[slot] = null;
                function.detach();
                updateMappings();
            }
        }
    }

    /**
     * Takes a function out of its slot as {@link #remove} does, but leaves its registers where they are until {@link #clear}.
     * The guest did not consent: a driver that still waits for the device to answer, as Linux's waits for the end of a
     * reset, would wait for ever if it read nothing but ones.
     */
    public synchronized void vanish(PciFunction function) {
        for (int slot = 1; slot < SLOTS; slot++) {
            if (slots[slot] == function) {
                slots[slot] = null;
                function.disconnect();
                remains[slot] = function;
            }
        }
    }

    /** Takes away what a function that vanished from {@code slot} has left. */
    public synchronized void clear(int slot) {
        if (remains[slot] != null) {
            remains[slot].detach();
            remains[slot] = null;
            updateMappings();
        }
    }

    /**
     * Takes back what the guest has set, with what functions that vanished have left. All BARs get addresses in the order of
     * their slots and are decoded, those of functions that were plugged as well: the guest that comes has not looked yet.
     */
    @Override
    public synchronized void reset() {
        configPorts.reset();
        for (int slot = 0; slot < SLOTS; slot++) {
            clear(slot);
            if (slots[slot] != null) {
                slots[slot].reset();
            }
        }
        updateMappings();
        for (int slot = 0; slot < SLOTS; slot++) {
            if (slots[slot] != null) {
                place(slots[slot]);
                slots[slot].placed(gsi(slot, 0));
            }
        }
        updateMappings();
    }

    private void place(PciFunction function) {
        for (PciBar bar : function.bars()) {
            bar.setAddress(allocate(bar));
        }
    }

    /** Takes all functions and the bridge off the buses. */
    @Override
    public synchronized void close() {
        for (int slot = 0; slot < SLOTS; slot++) {
            clear(slot);
            if (slots[slot] != null) {
                slots[slot].detach();
            }
        }
        mappings.forEach(Bus.Mapping::close);
    }

    /** The lowest place that fits, by what all BARs now say; 0 if there is none. */
    private long allocate(PciBar bar) {
        for (PciWindow window : windows(bar)) {
            long address = alignUp(window.start(), bar.byteSize);
            while (window.contains(address, bar.byteSize)) {
                long blockedUntil = blockedUntil(bar, address);
                if (blockedUntil == 0) {
                    return address;
                }
                address = alignUp(blockedUntil, bar.byteSize);
            }
        }
        return 0;
    }

    /** Where the BAR that is in the way of {@code bar} at {@code address} ends; 0 if none is. */
    private long blockedUntil(PciBar bar, long address) {
        for (PciFunction function : slots) {
            if (function == null) {
                continue;
            }
            for (PciBar other : function.bars()) {
                boolean sameSpace = (other.kind == PciBar.Kind.IO) == (bar.kind == PciBar.Kind.IO);
                long start = other.address();
                if (other != bar && sameSpace && insideWindow(other, start)
                        && start < address + bar.byteSize && address < start + other.byteSize) {
                    return start + other.byteSize;
                }
            }
        }
        return 0;
    }

    /** Where a BAR may be put, best first. */
    private List<PciWindow> windows(PciBar bar) {
        if (bar.kind == PciBar.Kind.IO) {
            return List.of(map.io());
        }
        if (!bar.is64Bit() || map.memory64() == null) {
            return map.memory32();
        }
        List<PciWindow> windows = new ArrayList<>(map.memory32());
        windows.addFirst(map.memory64());
        return windows;
    }

    private boolean insideWindow(PciBar bar, long address) {
        for (PciWindow window : windows(bar)) {
            if (window.contains(address, bar.byteSize)) {
                return true;
            }
        }
        return false;
    }

    /** Brings the buses in line with the BARs. A BAR that found its place taken gets it as soon as it is free. */
    synchronized void updateMappings() {
        for (PciFunction function : slots) {
            if (function != null) {
                for (PciBar bar : function.bars()) {
                    if (bar.isMapped() && !(isDecoded(function, bar) && bar.isMappedAt(bar.address()))) {
                        bar.unmap();
                    }
                }
            }
        }
        for (PciFunction function : slots) {
            if (function != null) {
                for (PciBar bar : function.bars()) {
                    if (!bar.isMapped() && isDecoded(function, bar)) {
                        bar.map(bar.kind == PciBar.Kind.IO ? ports : memory, bar.address());
                    }
                }
            }
        }
    }

    private boolean isDecoded(PciFunction function, PciBar bar) {
        return function.decodes(bar) && insideWindow(bar, bar.address());
    }

    /**
     * Reads configuration space; whatever is not there reads as ones.
     *
     * @param busSlotFunction bus number times 256, slot times 8, function
     * @param register        0 to 4095
     */
    long configRead(int busSlotFunction, int register, int byteSize) {
        PciFunction function;
        PciConfigHook.Access access;
        synchronized (this) {
            function = find(busSlotFunction);
            if (function == null || register >= PciConfigLayout.BYTES) {
                return -1L;
            }
            access = function.beforeRead(register, byteSize);
            if (access == null) {
                return function.read(register, byteSize);
            }
        }
        access.perform(); // without the lock: that device may make its caller wait, but nobody else's
        synchronized (this) {
            access.finish();
            return function.read(register, byteSize);
        }
    }

    void configWrite(int busSlotFunction, int register, int byteSize, long value) {
        PciConfigHook.Access access;
        synchronized (this) {
            PciFunction function = find(busSlotFunction);
            access = function == null || register >= PciConfigLayout.BYTES
                ? null : function.write(register, byteSize, value);
        }
        if (access != null) {
            access.perform();
            synchronized (this) {
                access.finish();
            }
        }
    }

    private PciFunction find(int busSlotFunction) {
        boolean present = busSlotFunction >>> 8 == 0 && (busSlotFunction & 7) == 0;
        return present ? slots[busSlotFunction >>> 3] : null;
    }

    /** Offset into ECAM: bus in bits 20 to 27, slot 15 to 19, function 12 to 14, register 0 to 11. */
    private BusDevice ecam() {
        return new BusDevice() {
            @Override
            public long read(long offset, int byteSize) {
                return configRead((int) (offset >>> 12), (int) offset & 0xfff, byteSize);
            }

            @Override
            public void write(long offset, int byteSize, long value) {
                configWrite((int) (offset >>> 12), (int) offset & 0xfff, byteSize, value);
            }
        };
    }

    private static long alignUp(long value, long alignment) {
        return value + alignment - 1 & -alignment;
    }
}
