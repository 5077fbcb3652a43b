// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static dev.miraflores.devices.pci.PciConfigLayout.*;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.InterruptLine;
import java.util.ArrayList;
import java.util.List;

/**
 * A PCI function: configuration space with a header of type 0, BARs, an interrupt pin, and MSI-X if it is given any.
 * The device that it stands for sets it up and then hands it to {@link PciRoot#add}.
 * <p>Thread: set up by one thread; once on its bus, under the {@link PciRoot}'s lock, except {@link #intx()}.
 * <p>Source: PCI 3.0 §6.1, §6.2.
 */
public final class PciFunction {

    private final PciConfigSpace config = new PciConfigSpace();
    private final PciIntx intx = new PciIntx();
    private final List<PciBar> bars = new ArrayList<>();
    private int takenBars;
    private final List<HookedRange> hooks = new ArrayList<>();
    /** Null without the capability. */
    private Msix msix;
    private PciRoot root;

    /** A function without BARs, capabilities or a pin. */
    public PciFunction(PciIdentity identity) {
        config.set(VENDOR_ID_OFFSET, 2, identity.vendorId());
        config.set(DEVICE_ID_OFFSET, 2, identity.deviceId());
        config.set(REVISION_OFFSET, 1, identity.revision());
        config.set(CLASS_OFFSET, 1, identity.classCode());
        config.set(CLASS_OFFSET + 1, 2, identity.classCode() >>> 8);
        config.set(SUBSYSTEM_VENDOR_OFFSET, 2, identity.subsystemVendorId());
        config.set(SUBSYSTEM_ID_OFFSET, 2, identity.subsystemId());
        config.setWritable(COMMAND_OFFSET, 2, COMMAND_WRITABLE);
        config.setClearable(STATUS_OFFSET, 2, STATUS_CLEARABLE);
        config.setWritable(CACHE_LINE_OFFSET, 1, 0xff);
    }

    /** The configuration space, to be set up. */
    public PciConfigSpace config() {
        return config;
    }

    /** Adds a 32-bit memory BAR; {@code byteSize} is a power of two, at least 16. */
    public void addMemoryBar(int index, long byteSize, BusDevice registers, PciBarListener listener) {
        addBar(index, PciBar.Kind.MEMORY32, byteSize, registers, listener);
    }

    /** Adds a 64-bit prefetchable memory BAR, which takes the place of {@code index + 1} too. */
    public void addMemory64Bar(int index, long byteSize, BusDevice registers, PciBarListener listener) {
        addBar(index, PciBar.Kind.MEMORY64_PREFETCHABLE, byteSize, registers, listener);
    }

    /** Adds an I/O BAR; {@code byteSize} is a power of two, 4 to 256 (PCI 3.0 §6.2.5.1). */
    public void addIoBar(int index, int byteSize, BusDevice registers, PciBarListener listener) {
        addBar(index, PciBar.Kind.IO, byteSize, registers, listener);
    }

    private void addBar(int index, PciBar.Kind kind, long byteSize, BusDevice registers, PciBarListener listener) {
        int taken = kind == PciBar.Kind.MEMORY64_PREFETCHABLE ? 3 << index : 1 << index;
        if ((takenBars & taken) != 0 || taken >>> BAR_COUNT != 0) {
            throw new IllegalStateException("BAR " + index + " is taken");
        }
        bars.add(new PciBar(config, index, kind, byteSize, registers, listener));
        takenBars |= taken;
    }

    /** Gives the function the pin INTA#, and returns it: shared with other slots, level-triggered. Call it once. */
    public InterruptLine intx() {
        config.set(INTERRUPT_PIN_OFFSET, 1, 1);
        config.setWritable(INTERRUPT_LINE_OFFSET, 1, 0xff);
        return intx;
    }

    /** Calls {@code hook} when the guest touches any of {@code byteSize} bytes from {@code offset} on. */
    public void addHook(int offset, int byteSize, PciConfigHook hook) {
        hooks.add(new HookedRange(offset, byteSize, hook));
    }

    /** Adds the MSI-X capability (PCI 3.0 §6.8.2), table and pending bits in a BAR of their own. */
    public void addMsix(int barIndex, Msix msix) {
        this.msix = msix;
        addMemoryBar(barIndex, msix.barByteSize(), msix, PciBarListener.NONE);
        int capability = config.addCapability(CAPABILITY_MSIX, Msix.CAPABILITY_BYTES);
        int control = capability + Msix.CONTROL_OFFSET;
        config.set(control, 2, msix.vectors() - 1);
        config.setWritable(control, 2, Msix.CONTROL_ENABLE | Msix.CONTROL_FUNCTION_MASK);
        config.set(capability + Msix.TABLE_LOCATION_OFFSET, 4, barIndex);
        config.set(capability + Msix.PBA_LOCATION_OFFSET, 4, msix.pbaOffset() | barIndex);
        addHook(control, 2, new PciConfigHook() {
            @Override
            public Access afterWrite() {
                int value = config.get(control, 2);
                boolean enabled = (value & Msix.CONTROL_ENABLE) != 0;
                intx.setReplacedByMsix(enabled);
                msix.control(enabled, (value & Msix.CONTROL_FUNCTION_MASK) != 0);
                return null;
            }
        });
    }

    List<PciBar> bars() {
        return bars;
    }

    PciSlotReport report(int slot) {
        List<PciSlotReport.Region> regions = new ArrayList<>();
        for (PciBar bar : bars) {
            regions.add(new PciSlotReport.Region(bar.index(), bar.kind == PciBar.Kind.IO, bar.is64Bit(), bar.address(), bar.byteSize));
        }
        PciIdentity identity = new PciIdentity(config.get(VENDOR_ID_OFFSET, 2), config.get(DEVICE_ID_OFFSET, 2),
                config.get(REVISION_OFFSET, 1), config.get(CLASS_OFFSET, 1) | config.get(CLASS_OFFSET + 1, 2) << 8,
                config.get(SUBSYSTEM_VENDOR_OFFSET, 2), config.get(SUBSYSTEM_ID_OFFSET, 2));
        return new PciSlotReport(slot, identity, hasPin() ? 1 : 0, PciRoot.gsi(slot, 0), regions);
    }

    boolean hasPin() {
        return config.get(INTERRUPT_PIN_OFFSET, 1) != 0;
    }

    boolean decodes(PciBar bar) {
        return (config.get(COMMAND_OFFSET, 2) & bar.kind.decodeCommand) != 0;
    }

    /**
     * Puts the function in its slot, as firmware would have left it: BARs without an address are not decoded. Decoding waits
     * for {@link PciRoot}'s next look.
     */
    void attach(PciRoot to, InterruptLine wire, int gsi) {
        config.capture();
        root = to;
        if (hasPin()) {
            config.set(INTERRUPT_LINE_OFFSET, 1, gsi);
            intx.connect(wire);
        }
        decodeBars();
    }

    private void decodeBars() {
        int decode = 0;
        for (PciBar bar : bars) {
            decode |= bar.address() == 0 ? 0 : bar.kind.decodeCommand;
        }
        config.set(COMMAND_OFFSET, 2, decode);
    }

    /** Takes back what the guest has set. The BARs are nowhere, and {@link PciRoot} is to place them and then to call {@link #placed}. */
    void reset() {
        config.restore();
        intx.setDisabled(false);
        if (msix != null) {
            intx.setReplacedByMsix(false);
            msix.reset();
        }
        for (PciBar bar : bars) {
            bar.setAddress(0);
        }
    }

    /** Its BARs have the addresses that firmware gives them. */
    void placed(int gsi) {
        if (hasPin()) {
            config.set(INTERRUPT_LINE_OFFSET, 1, gsi);
        }
        decodeBars();
    }

    /** Leaves the slot's wire; what BARs the guest has mapped stay mapped. */
    void disconnect() {
        root = null;
        intx.disconnect();
    }

    void detach() {
        disconnect();
        for (PciBar bar : bars) {
            bar.unmap();
        }
    }

    /** What has to be done elsewhere before {@link #read}; {@code null} for nothing. */
    PciConfigHook.Access beforeRead(int offset, int byteSize) {
        PciConfigHook.Access access = null;
        for (HookedRange range : hooks) {
            if (range.overlaps(offset, byteSize)) {
                access = first(access, range.hook.beforeRead());
            }
        }
        return access;
    }

    /** Of hooks that lie side by side only one leads elsewhere. */
    private static PciConfigHook.Access first(PciConfigHook.Access one, PciConfigHook.Access other) {
        return one == null ? other : one;
    }

    long read(int offset, int byteSize) {
        int status = config.get(STATUS_OFFSET, 2) & ~STATUS_INTERRUPT;
        config.set(STATUS_OFFSET, 2, intx.isPending() ? status | STATUS_INTERRUPT : status);
        return config.guestRead(offset, byteSize);
    }

    /** What the answer is remains to be done elsewhere; {@code null} for nothing. */
    PciConfigHook.Access write(int offset, int byteSize, long value) {
        config.guestWrite(offset, byteSize, value);
        boolean toCommand = offset < STATUS_OFFSET && offset + byteSize > COMMAND_OFFSET;
        boolean toBars = offset < BAR_END_OFFSET && offset + byteSize > BAR_OFFSET;
        if (toCommand) {
            intx.setDisabled((config.get(COMMAND_OFFSET, 2) & COMMAND_INTX_DISABLE) != 0);
        }
        if ((toCommand || toBars) && root != null) {
            root.updateMappings();
        }
        PciConfigHook.Access access = null;
        for (HookedRange range : hooks) {
            if (range.overlaps(offset, byteSize)) {
                access = first(access, range.hook.afterWrite());
            }
        }
        return access;
    }

    private record HookedRange(int offset, int byteSize, PciConfigHook hook) {

        boolean overlaps(int from, int bytes) {
            return from < offset + byteSize && from + bytes > offset;
        }
    }
}
