// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import java.util.List;
import java.util.Objects;

/**
 * What the tables tell the guest about its machine. Immutable; each fact has one place here, and the devices that
 * stand behind it are the machine's to supply.
 *
 * @param apicIds the local APIC id of each vCPU, by vCPU index; the first is the boot processor
 * @param fixedHardware where the power-management registers are
 * @param pciHost the PCI root bridge, or null for a machine without PCI
 * @param pciHotplug how the guest learns of slots that are filled and emptied while it runs, or null for fixed slots
 * @param virtioMmio virtio devices that sit on the memory bus
 * @param serial whether COM1 exists: ports 0x3F8..0x3FF, IRQ 4
 * @param i8042 whether the keyboard controller exists: ports 0x60 and 0x64, IRQ 1 and 12
 * @param rtc whether the CMOS clock exists: ports 0x70 and 0x71, IRQ 8
 */
public record AcpiConfig(
        List<Integer> apicIds,
        FixedHardware fixedHardware,
        PciHost pciHost,
        PciHotplug pciHotplug,
        List<VirtioMmio> virtioMmio,
        boolean serial,
        boolean i8042,
        boolean rtc) {

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException without a vCPU, or with one APIC id twice
     */
    public AcpiConfig {
        apicIds = List.copyOf(apicIds);
        virtioMmio = List.copyOf(virtioMmio);
        Objects.requireNonNull(fixedHardware, "fixedHardware");
        if (apicIds.isEmpty()) {
            throw new IllegalArgumentException("a machine has at least one vCPU");
        }
        for (int i = 1; i < apicIds.size(); i++) {
            if (apicIds.get(i) <= apicIds.get(i - 1)) {
                throw new IllegalArgumentException("APIC id " + apicIds.get(i) + " of vCPU " + i + " does not ascend");
            }
        }
    }

    /** A machine with this many vCPUs, APIC id = vCPU index, all legacy devices, PCI without windows, no virtio-mmio. */
    public static Builder builder(int vcpus) {
        return new Builder(vcpus);
    }

    /**
     * The fixed-hardware registers, in I/O ports (ACPI 6.3 §4.8).
     *
     * @param pm1EventPort PM1a status (16 bits) and enable (16 bits)
     * @param pm1ControlPort PM1a control (16 bits); SCI_EN reads as one, there is no other mode
     * @param pmTimerPort the 3.579545 MHz timer (32 bits, of which 24 count)
     * @param gpe0Port GPE0 status, then enable
     * @param gpe0Bytes bytes of both together
     * @param sciGsi the System Control Interrupt: level, active high
     * @param resetPort a byte written here resets the machine
     * @param resetValue that byte
     * @param softOffType SLP_TYP of S5, what a guest writes to PM1a control to power off
     */
    public record FixedHardware(
            int pm1EventPort,
            int pm1ControlPort,
            int pmTimerPort,
            int gpe0Port,
            int gpe0Bytes,
            int sciGsi,
            int resetPort,
            int resetValue,
            int softOffType) {
        /** The ports of the machine this project builds. */
        public static final FixedHardware DEFAULT =
                new FixedHardware(0x600, 0x604, 0x608, 0x620, 8, 9, 0xCF9, 6, 5);
    }

    /**
     * The PCI root bridge. Pin A..D (0..3) of slot s raises GSI {@code intxBaseGsi + ((s + pin) & 7)}.
     *
     * @param ecamGpa where the configuration space of bus 0 is mapped; 1 MiB a bus
     * @param buses how many buses it covers, 1..256
     * @param intxBaseGsi the first of eight GSIs
     * @param memoryWindows ranges for the guest to place BARs in
     */
    public record PciHost(long ecamGpa, int buses, int intxBaseGsi, List<MemoryWindow> memoryWindows) {
        /** The ECAM of the machine this project builds. */
        public static final long DEFAULT_ECAM_GPA = 0xE000_0000L;
        /** The first of the eight IOAPIC inputs behind the 16 of ISA. */
        public static final int DEFAULT_INTX_BASE_GSI = 16;

        /** Copies the list. */
        public PciHost {
            memoryWindows = List.copyOf(memoryWindows);
            if (buses < 1 || buses > 256) {
                throw new IllegalArgumentException("a PCI segment has 1 to 256 buses, not " + buses);
            }
        }

        /** The default ECAM and interrupts, and the two windows below 4 GiB, plus {@code more} (may be empty). */
        public static PciHost withWindows(List<MemoryWindow> more) {
            MemoryWindow[] windows = new MemoryWindow[2 + more.size()];
            windows[0] = new MemoryWindow(0xC000_0000L, 0x2000_0000L);
            windows[1] = new MemoryWindow(0xF000_0000L, 0x0EB0_0000L);
            for (int i = 0; i < more.size(); i++) {
                windows[2 + i] = more.get(i);
            }
            return new PciHost(DEFAULT_ECAM_GPA, 256, DEFAULT_INTX_BASE_GSI, List.of(windows));
        }

        long ecamBytes() {
            return (long) buses << 20;
        }
    }

    /**
     * Hot plug on the root bus. The registers are four of 32 bits with a bit per slot: up, down, eject, removable.
     *
     * @param port the first of their {@link #PORT_COUNT} ports
     * @param gpe the general-purpose event, edge triggered, after which up and down are to be read
     * @param slots the slots that can be filled and emptied, a bit each; not the bridge's, slot 0
     */
    public record PciHotplug(int port, int gpe, int slots) {
        /** Ports that the registers take. */
        public static final int PORT_COUNT = 16;

        /** Checks that there is such an event, and that the bridge stays. */
        public PciHotplug {
            if (gpe < 0 || gpe > 255 || (slots & 1) != 0) {
                throw new IllegalArgumentException(
                        "PCI hot plug with event " + gpe + " and slots 0x" + Integer.toHexString(slots));
            }
        }
    }

    /**
     * A range of guest-physical addresses that is not RAM.
     *
     * @param gpa its first byte
     * @param byteSize its length; a window does not cross 4 GiB
     */
    public record MemoryWindow(long gpa, long byteSize) {
        /** Checks that it is not empty and that it stays on one side of 4 GiB. */
        public MemoryWindow {
            boolean crosses = gpa >>> 32 == 0 && gpa + byteSize - 1 >>> 32 != 0;
            if (gpa < 0 || byteSize <= 0 || gpa + byteSize < gpa || crosses) {
                throw new IllegalArgumentException(
                        "0x" + Long.toHexString(byteSize) + " bytes at 0x" + Long.toHexString(gpa) + " are no window");
            }
        }

        long last() {
            return gpa + byteSize - 1;
        }
    }

    /**
     * A virtio-mmio device (virtio 1.3 §4.2).
     *
     * @param gpa its register window, below 4 GiB
     * @param byteSize bytes of that window
     * @param gsi its interrupt, active high
     * @param edge whether that interrupt is edge triggered; otherwise level
     */
    public record VirtioMmio(long gpa, int byteSize, int gsi, boolean edge) {
        /** Checks that a 32-bit descriptor can say it. */
        public VirtioMmio {
            if (byteSize <= 0 || gpa < 0 || gpa + byteSize > 1L << 32) {
                throw new IllegalArgumentException(
                        "virtio-mmio window at 0x" + Long.toHexString(gpa) + " is not below 4 GiB");
            }
        }
    }

    /** Collects an {@link AcpiConfig}; what is not said has the default that {@link AcpiConfig#builder} names. */
    public static final class Builder {
        private List<Integer> apicIds;
        private FixedHardware fixedHardware = FixedHardware.DEFAULT;
        private PciHost pciHost = PciHost.withWindows(List.of());
        private PciHotplug pciHotplug;
        private List<VirtioMmio> virtioMmio = List.of();
        private boolean serial = true;
        private boolean i8042 = true;
        private boolean rtc = true;

        private Builder(int vcpus) {
            Integer[] ids = new Integer[vcpus];
            for (int i = 0; i < vcpus; i++) {
                ids[i] = i;
            }
            apicIds = List.of(ids);
        }

        /** APIC ids by vCPU index, ascending. */
        public Builder apicIds(List<Integer> ids) {
            apicIds = ids;
            return this;
        }

        /** Where the power-management registers are. */
        public Builder fixedHardware(FixedHardware registers) {
            fixedHardware = registers;
            return this;
        }

        /** The root bridge; null for none. */
        public Builder pciHost(PciHost host) {
            pciHost = host;
            return this;
        }

        /** Hot plug on the root bridge's bus; null, as at first, for none. */
        public Builder pciHotplug(PciHotplug hotplug) {
            pciHotplug = hotplug;
            return this;
        }

        /** The virtio devices on the memory bus. */
        public Builder virtioMmio(List<VirtioMmio> devices) {
            virtioMmio = devices;
            return this;
        }

        /** Whether COM1 exists. */
        public Builder serial(boolean present) {
            serial = present;
            return this;
        }

        /** Whether the keyboard controller exists. */
        public Builder i8042(boolean present) {
            i8042 = present;
            return this;
        }

        /** Whether the CMOS clock exists. */
        public Builder rtc(boolean present) {
            rtc = present;
            return this;
        }

        /** The finished description. */
        public AcpiConfig build() {
            return new AcpiConfig(apicIds, fixedHardware, pciHost, pciHotplug, virtioMmio, serial, i8042, rtc);
        }
    }
}
