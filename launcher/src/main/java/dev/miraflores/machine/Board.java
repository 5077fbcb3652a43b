// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.Bus;
import dev.miraflores.devices.Doorbells;
import dev.miraflores.devices.Resettable;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.pci.PciAddressMap;
import dev.miraflores.devices.pci.PciEjectListener;
import dev.miraflores.devices.pci.PciHotplugController;
import dev.miraflores.devices.pci.PciRoot;
import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.devices.platform.AcpiPm;
import dev.miraflores.devices.platform.DebugExitPort;
import dev.miraflores.devices.platform.I8042;
import dev.miraflores.devices.platform.PostPort;
import dev.miraflores.devices.platform.PowerControl;
import dev.miraflores.devices.platform.ResetControlPort;
import dev.miraflores.devices.platform.Rtc;
import dev.miraflores.devices.platform.SystemControlPortA;
import dev.miraflores.devices.serial.Serial16550A;
import dev.miraflores.devices.virtio.ResettableDevice;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.devices.virtio.VirtioMmioTransport;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.kvm.ExitHandler;
import dev.miraflores.kvm.acpi.AcpiConfig;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * A PC without its processors: the two buses and what sits on them.
 * <p>Thread: made and closed by one thread; registers are served on the vCPU threads.
 * <p>Lifetime: {@code close} once no vCPU runs any more; it ends the virtio devices first, draining their I/O.
 */
final class Board implements AutoCloseable {

    // RAM below the hole ends here at the latest; the CMOS wants to know how much lies on either side of 4 GiB.
    private static final long FOUR_GIB = 1L << 32;
    private static final long GIB = 1L << 30;
    // Room for BARs of any size that a device here may have, without asking for address bits that few hosts have.
    private static final long MEMORY64_BYTES = 64 * GIB;
    // Between the second PCI window and the I/O APIC.
    private static final long VIRTIO_MMIO_GPA = 0xFEB0_0000L;

    private static final Doorbells TRAPPED = new TrappedDoorbells();

    private final Bus ports = new Bus();
    private final Bus memoryBus = new Bus();
    private final GuestMemory memory;
    private final KvmInterrupts interrupts;
    private final PowerControl power;
    private final PciAddressMap pciMap;
    private final PciRoot pci;
    private final AcpiPm acpiPm;
    private final PciHotplugController hotplug = new PciHotplugController(new SlotsChanged(), new Ejections());
    private PciEjectListener ejectListener;
    // A bit for each slot whose device stays for good, the bridge's first.
    private int fixedSlots = 1;
    private final List<AcpiConfig.VirtioMmio> windows = new ArrayList<>();
    private final List<Resettable> platform = new ArrayList<>();
    private final List<ResettableDevice> fixedVirtio = new ArrayList<>();
    private final Cleanup cleanup = new Cleanup();

    /** @param physicalAddressBits of the guest's processors */
    Board(GuestMemory memory, KvmInterrupts interrupts, PowerControl power, int physicalAddressBits) {
        this.memory = memory;
        this.interrupts = interrupts;
        this.power = power;
        pciMap = pciMap(memory, physicalAddressBits);
        pci = cleanup.add(new PciRoot(ports, memoryBus, pciMap, interrupts::line));
        // 24 bits: the FADT does not say TMR_VAL_EXT.
        acpiPm = cleanup.add(new AcpiPm(interrupts.line(IoPorts.SCI_IRQ), power, false));
        ports.map(IoPorts.ACPI_PM, AcpiPm.PORT_COUNT, resettable(acpiPm));
        ports.map(IoPorts.PCI_HOTPLUG, PciHotplugController.PORT_COUNT, hotplug);
        ports.map(IoPorts.I8042, 1, keyboardController());
        ports.map(IoPorts.RTC, Rtc.PORT_COUNT, clock());
        ports.map(IoPorts.RESET_CONTROL, 1, resettable(new ResetControlPort(power)));
        ports.map(IoPorts.SYSTEM_CONTROL_A, 1, resettable(new SystemControlPortA(power)));
        ports.map(IoPorts.POST, 1, resettable(new PostPort()));
    }

    private <T extends Resettable> T resettable(T device) {
        platform.add(device);
        return device;
    }

    /** Its two ports are 60h and 64h: 61h in between belongs to the interval timer, which is in the kernel. */
    private I8042 keyboardController() {
        I8042 controller = resettable(
                new I8042(interrupts.line(IoPorts.KEYBOARD_IRQ), interrupts.line(IoPorts.MOUSE_IRQ), power));
        int command = I8042.PORT_COUNT - 1;
        ports.map(IoPorts.I8042 + command, 1, new OffsetDevice(controller, command));
        return controller;
    }

    private Rtc clock() {
        long above = 0;
        long below = 0;
        for (GuestMemoryRegion region : memory.regions()) {
            if (region.gpa() >= FOUR_GIB) {
                above += region.byteSize();
            } else {
                below += region.byteSize();
            }
        }
        return resettable(cleanup.add(new Rtc(interrupts.line(IoPorts.RTC_IRQ), below, above)));
    }

    private static PciAddressMap pciMap(GuestMemory memory, int physicalAddressBits) {
        long ramEnd = FOUR_GIB;
        for (GuestMemoryRegion region : memory.regions()) {
            ramEnd = Math.max(ramEnd, region.gpa() + region.byteSize());
        }
        long start = (ramEnd + GIB - 1) & -GIB;
        long limit = 1L << Math.min(physicalAddressBits, 52);
        return PciAddressMap.withMemory64(start, Math.max(0, Math.min(MEMORY64_BYTES, limit - start)));
    }

    /** Puts the first serial port in. */
    void addSerial(CharBackend backend) {
        Serial16550A serial = resettable(cleanup.add(new Serial16550A("com1", interrupts.line(IoPorts.COM1_IRQ), backend)));
        ports.map(IoPorts.COM1, Serial16550A.PORT_COUNT, serial);
    }

    /** Puts QEMU's isa-debug-exit in. */
    void addDebugExit() {
        ports.map(IoPorts.DEBUG_EXIT, DebugExitPort.PORT_COUNT, new DebugExitPort(power));
    }

    /** Puts a virtio device in for good; it belongs to the board from now on. */
    void addVirtio(VirtioTransport transport, VirtioDevice device) {
        switch (transport) {
            case PCI -> {
                VirtioPciTransport onPci = cleanup.add(pciTransport(device));
                fixedVirtio.add(onPci);
                fixedSlots |= 1 << pci.add(onPci.function());
            }
            case MMIO -> addMmio(device);
        }
    }

    /**
     * Puts a disk or a NIC in before the guest runs.
     *
     * @return where it is, for the caller to close before the board; null for one that stays, and belongs to the board
     */
    PciAttachment addPluggable(VirtioTransport transport, VirtioDevice device) {
        if (transport == VirtioTransport.MMIO) {
            addMmio(device);
            return null;
        }
        VirtioPciTransport onPci = pciTransport(device);
        int slot = pci.add(onPci.function());
        hotplug.present(slot);
        return new PciAttachment(pci, onPci, slot);
    }

    /**
     * Puts a device in a free slot; {@link #hotplug} is not told yet.
     *
     * @param guestRuns whether its BARs are left to the guest
     * @return where it is, for the caller to close before the board; null, and nothing has happened, where no slot is free
     */
    PciAttachment plug(VirtioDevice device, boolean guestRuns) {
        if (pci.freeSlots() == 0) {
            return null;
        }
        VirtioPciTransport onPci = pciTransport(device);
        int slot = guestRuns ? pci.plug(onPci.function(), hotplug.abandoned()) : pci.add(onPci.function());
        return new PciAttachment(pci, onPci, slot);
    }

    /** Takes away what a device has left that was taken from {@code slot} by force. */
    void clear(int slot) {
        pci.clear(slot);
    }

    /** What is in the slots of the PCI bus. */
    List<PciSlotReport> pciSlots() {
        return pci.report();
    }

    /** How many slots of the PCI bus are empty. */
    int freeSlots() {
        return pci.freeSlots();
    }

    /** Through which the guest hears of slots. */
    PciHotplugController hotplug() {
        return hotplug;
    }

    /** Who is told of what the guest ejects; to be said before it runs. */
    void onEject(PciEjectListener listener) {
        ejectListener = listener;
    }

    /** A disk that the main loop serves is told of notifications by the vCPU's thread, all others by KVM. */
    private Doorbells doorbells(VirtioDevice device) {
        return device instanceof VirtioBlockDevice disk && disk.options().sharedThread() != null ? TRAPPED : interrupts;
    }

    private VirtioPciTransport pciTransport(VirtioDevice device) {
        return new VirtioPciTransport(device, memory, interrupts, doorbells(device));
    }

    /** The windows lie in a row, and the interrupts are those that PCI's pins would have. */
    private void addMmio(VirtioDevice device) {
        long gpa = VIRTIO_MMIO_GPA + windows.size() * VirtioMmioTransport.WINDOW_BYTES;
        int gsi = PciRoot.INTX_FIRST_GSI + windows.size();
        VirtioMmioTransport transport = cleanup.add(
                new VirtioMmioTransport(device, memory, gpa, interrupts.line(gsi), doorbells(device)));
        fixedVirtio.add(transport);
        memoryBus.map(gpa, VirtioMmioTransport.WINDOW_BYTES, transport);
        windows.add(new AcpiConfig.VirtioMmio(gpa, (int) VirtioMmioTransport.WINDOW_BYTES, gsi, false));
    }

    /** Who serves the vCPUs' accesses. */
    ExitHandler exitHandler() {
        return new BusExitHandler(ports, memoryBus, power);
    }

    // What a reset of the machine consists of here; MachineReset has the order.

    /** Resets what has neither guest memory to write into nor a driver. */
    void resetPlatform() {
        platform.forEach(Resettable::reset);
    }

    /** The virtio devices that are the board's. */
    List<ResettableDevice> virtioDevices() {
        return fixedVirtio;
    }

    /** Resets the bus, whose devices have been reset. */
    void resetPci() {
        pci.reset();
    }

    void pressPowerButton() {
        acpiPm.pressPowerButton();
    }

    /**
     * What ACPI tells the guest about all of this.
     *
     * @param pluggable whether slots are filled and emptied while the guest runs
     */
    AcpiConfig acpi(List<Integer> apicIds, boolean pluggable) {
        AcpiConfig.PciHotplug slots = pluggable
                ? new AcpiConfig.PciHotplug(IoPorts.PCI_HOTPLUG, IoPorts.PCI_HOTPLUG_GPE, ~fixedSlots) : null;
        AcpiConfig.FixedHardware registers = new AcpiConfig.FixedHardware(IoPorts.PM1A_EVT, IoPorts.PM1A_CNT,
                IoPorts.PM_TMR, IoPorts.GPE0, AcpiPm.PORT_COUNT - AcpiPm.GPE0_STATUS, IoPorts.SCI_IRQ,
                IoPorts.RESET_CONTROL, ResetControlPort.RESET_VALUE, AcpiPm.SLP_TYP_S5);
        AcpiConfig.MemoryWindow memory64 = pciMap.memory64() == null ? null
                : new AcpiConfig.MemoryWindow(pciMap.memory64().start(), pciMap.memory64().byteSize());
        return AcpiConfig.builder(apicIds.size())
                .apicIds(apicIds)
                .fixedHardware(registers)
                .pciHost(AcpiConfig.PciHost.withWindows(memory64 == null ? List.of() : List.of(memory64)))
                .pciHotplug(slots)
                .virtioMmio(windows)
                .build();
    }

    @Override
    public void close() {
        cleanup.close();
    }

    private final class SlotsChanged implements Runnable {

        @Override
        public void run() {
            acpiPm.raiseGpe(IoPorts.PCI_HOTPLUG_GPE);
        }
    }

    private final class Ejections implements PciEjectListener {

        @Override
        public void ejected(int slot) {
            ejectListener.ejected(slot);
        }

        @Override
        public void acknowledged(int slot) {
            ejectListener.acknowledged(slot);
        }
    }
}
