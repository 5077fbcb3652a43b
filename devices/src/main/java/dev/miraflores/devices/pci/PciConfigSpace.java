// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static dev.miraflores.devices.pci.PciConfigLayout.BYTES;
import static dev.miraflores.devices.pci.PciConfigLayout.CAPABILITIES_OFFSET;
import static dev.miraflores.devices.pci.PciConfigLayout.FIRST_CAPABILITY_OFFSET;
import static dev.miraflores.devices.pci.PciConfigLayout.STATUS_CAPABILITIES;
import static dev.miraflores.devices.pci.PciConfigLayout.STATUS_OFFSET;

/**
 * The 256 bytes of a function's configuration space, each bit read-only, writable, or cleared by writing a one.
 * <p>Thread: one at a time; the {@link PciRoot}'s lock sees to it once the function is on its bus.
 */
public final class PciConfigSpace {

    private final byte[] bytes = new byte[BYTES];
    private final byte[] writable = new byte[BYTES];
    private final byte[] clearable = new byte[BYTES];
    private byte[] atReset;
    private int lastLinkOffset = CAPABILITIES_OFFSET;
    private int nextCapabilityOffset = FIRST_CAPABILITY_OFFSET;

    PciConfigSpace() {
    }

    /** What is there now is what {@link #restore} restores: once, when all is set up. */
    void capture() {
        if (atReset == null) {
            atReset = bytes.clone();
        }
    }

    /** Forgets what the guest has written. */
    void restore() {
        System.arraycopy(atReset, 0, bytes, 0, BYTES);
    }

    /** What the guest reads; bytes past the end are ones. */
    long guestRead(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | (offset + i < BYTES ? bytes[offset + i] & 0xff : 0xff);
        }
        return value;
    }

    /** What the guest writes, as far as it may. */
    void guestWrite(int offset, int byteSize, long value) {
        for (int i = 0; i < byteSize && offset + i < BYTES; i++) {
            int at = offset + i;
            int written = (int) (value >>> 8 * i);
            int kept = bytes[at] & ~writable[at] | written & writable[at];
            bytes[at] = (byte) (kept & ~(written & clearable[at]));
        }
    }

    /** The device's own view of 1, 2 or 4 bytes at {@code offset}. */
    public int get(int offset, int byteSize) {
        return (int) guestRead(offset, byteSize);
    }

    /** Sets 1, 2 or 4 bytes, whatever the guest may write there. */
    public void set(int offset, int byteSize, int value) {
        store(bytes, offset, byteSize, value);
    }

    /** Lets the guest write the bits of {@code mask}. */
    public void setWritable(int offset, int byteSize, int mask) {
        store(writable, offset, byteSize, mask);
    }

    /** Lets the guest clear the bits of {@code mask} by writing ones to them. */
    public void setClearable(int offset, int byteSize, int mask) {
        store(clearable, offset, byteSize, mask);
    }

    /**
     * Appends a capability (PCI 3.0 §6.7), all zero behind its two bytes of header.
     *
     * @param byteSize header included
     * @return where it begins
     */
    public int addCapability(int id, int byteSize) {
        int offset = nextCapabilityOffset;
        if (offset + byteSize > BYTES) {
            throw new IllegalStateException("capability " + id + " of " + byteSize + " bytes does not fit at " + offset);
        }
        nextCapabilityOffset = offset + byteSize + 3 & ~3;
        bytes[offset] = (byte) id;
        bytes[lastLinkOffset] = (byte) offset;
        lastLinkOffset = offset + 1;
        bytes[STATUS_OFFSET] |= STATUS_CAPABILITIES;
        return offset;
    }

    private static void store(byte[] into, int offset, int byteSize, int value) {
        for (int i = 0; i < byteSize; i++) {
            into[offset + i] = (byte) (value >>> 8 * i);
        }
    }
}
