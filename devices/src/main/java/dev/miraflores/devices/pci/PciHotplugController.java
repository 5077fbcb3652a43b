// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.BusDevice;
import java.util.Objects;

/**
 * The registers through which a guest's ACPI learns of slots that were filled and slots that are to be emptied. A bit per
 * slot of bus 0:
 * <pre>  0x0  le32  up         ro   something was put in; reading takes the bits
 *   0x4  le32  down       ro   what is in is wanted back, or is gone already; reading takes the bits
 *   0x8  le32  eject      wo   ones let go of slots
 *   0xc  le32  removable  ro   what is in may be ejected </pre>
 * Any width and alignment. After a bit of up or down is set a general-purpose event tells the guest to read them; its DSDT
 * turns them into Notify(slot, 1) and Notify(slot, 3), and _EJ0 into a write to eject.
 * <p>Nothing here waits for the guest. One that does not answer may be asked again, as often as one likes; what it ejects
 * without being asked is ejected as well.
 * <p>Thread: any; the lock is this object's own and held around no call.
 * <p>Source: the layout follows docs/specs/acpi_pci_hotplug of QEMU, with one bus and without its bus selector; ACPI 6.5
 * §5.6.6 (notification values), §6.3.3 (_EJx).
 */
public final class PciHotplugController implements BusDevice {

    public static final int PORT_COUNT = 0x10;
    public static final int UP = 0x0;
    public static final int DOWN = 0x4;
    public static final int EJECT = 0x8;
    public static final int REMOVABLE = 0xc;

    private static final int REGISTER_BYTES = 4;

    private final Runnable event;
    private final PciEjectListener listener;

    private int up;
    private int down;
    private int removable;
    // Emptied without the guest's consent, which may still believe in what was there.
    private int abandoned;

    /**
     * Registers of empty slots.
     *
     * @param event    raises the general-purpose event whose handler reads them
     * @param listener hears of ejections
     */
    public PciHotplugController(Runnable event, PciEjectListener listener) {
        this.event = Objects.requireNonNull(event);
        this.listener = Objects.requireNonNull(listener);
    }

    /** What is in {@code slot} since before the guest looked may be ejected. */
    public synchronized void present(int slot) {
        removable |= bit(slot);
        abandoned &= ~bit(slot);
    }

    /**
     * Nothing is news to a guest that comes, and nothing is asked of it.
     *
     * @param filled a bit for each slot with something in it that may be ejected
     */
    public synchronized void reset(int filled) {
        up = 0;
        down = 0;
        abandoned = 0;
        removable = filled;
    }

    /** Something was put in {@code slot}: the guest is told. */
    public void plugged(int slot) {
        synchronized (this) {
            present(slot);
            down &= ~bit(slot);
            up |= bit(slot);
        }
        event.run();
    }

    /**
     * Asks the guest to eject what is in {@code slot}.
     *
     * @return false, and it is not asked, where nothing is that it may eject
     */
    public boolean requestEject(int slot) {
        synchronized (this) {
            if ((removable & bit(slot)) == 0) {
                return false;
            }
            down |= bit(slot);
        }
        event.run();
        return true;
    }

    /**
     * Takes the right to eject {@code slot} from the guest, for someone who empties it by force.
     *
     * @return false where the guest has used it, or nothing was there
     */
    public synchronized boolean seize(int slot) {
        boolean had = (removable & bit(slot)) != 0;
        forget(bit(slot));
        if (had) {
            abandoned |= bit(slot);
        }
        return had;
    }

    /**
     * What was in a {@link #seize seized} slot is gone: the guest is told to clean up after it, and acknowledges with an eject.
     *
     * @return false, and it is not told, where it has done that already
     */
    public boolean vanished(int slot) {
        synchronized (this) {
            if ((abandoned & bit(slot)) == 0) {
                return false;
            }
            down |= bit(slot);
        }
        event.run();
        return true;
    }

    /** A bit for each slot that was seized and that the guest has not acknowledged: better left empty while others are free. */
    public synchronized int abandoned() {
        return abandoned;
    }

    private void forget(int slots) {
        up &= ~slots;
        down &= ~slots;
        removable &= ~slots;
    }

    @Override
    public synchronized long read(long offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | readByte(offset + i);
        }
        return value;
    }

    private int readByte(long offset) {
        int shift = shift(offset);
        int mask = 0xff << shift;
        return switch (register(offset)) {
            case UP -> {
                int bits = up & mask;
                up &= ~mask;
                yield bits >>> shift;
            }
            case DOWN -> {
                int bits = down & mask;
                down &= ~mask;
                yield bits >>> shift;
            }
            case REMOVABLE -> (removable & mask) >>> shift;
            default -> 0;
        };
    }

    @Override
    public void write(long offset, int byteSize, long value) {
        int slots = 0;
        for (int i = 0; i < byteSize; i++) {
            if (register(offset + i) == EJECT) {
                slots |= (int) (value >>> 8 * i & 0xff) << shift(offset + i);
            }
        }
        int ejected;
        int acknowledged;
        synchronized (this) {
            ejected = slots & removable;
            acknowledged = slots & abandoned;
            forget(ejected | acknowledged);
            abandoned &= ~acknowledged;
        }
        for (int slot = 0; slot < PciRoot.SLOTS; slot++) {
            if ((ejected >>> slot & 1) != 0) {
                listener.ejected(slot);
            } else if ((acknowledged >>> slot & 1) != 0) {
                listener.acknowledged(slot);
            }
        }
    }

    private static int register(long offset) {
        return (int) offset & -REGISTER_BYTES;
    }

    private static int shift(long offset) {
        return 8 * ((int) offset & REGISTER_BYTES - 1);
    }

    private static int bit(int slot) {
        Objects.checkIndex(slot, PciRoot.SLOTS);
        return 1 << slot;
    }
}
