// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.MsiController;
import dev.miraflores.linux.EventFd;

/**
 * MSI-X: a table of messages, one per vector, and a bit per vector for what is pending while it is masked.
 * <pre>  0           { le64 address, le32 data, le32 control }[vectors]   control bit 0 masks the vector
 *   pbaOffset   le64[(vectors + 63) / 64]                            pending bits, read-only </pre>
 * <p>A vector is an {@link EventFd}. Unmasked it is connected to the {@link MsiController}, and a signal becomes a
 * message without a thread in between; masked it is not, and the event itself keeps what is pending.
 * <p>Thread: {@code signal}, {@code enabled}, any, without a lock; register accesses, any vCPU thread; the rest under
 * the {@link PciRoot}'s lock.
 * <p>Lifetime: {@code close} only when nothing signals any more.
 * <p>Source: PCI 3.0 §6.8.2, §6.8.3.
 */
public final class Msix implements BusDevice, AutoCloseable {

    /** Vectors that a table may have at most (§6.8.2.3). */
    public static final int MAX_VECTORS = 2048;

    static final int CAPABILITY_BYTES = 12;
    static final int CONTROL_OFFSET = 2;
    static final int TABLE_LOCATION_OFFSET = 4;
    static final int PBA_LOCATION_OFFSET = 8;
    static final int CONTROL_FUNCTION_MASK = 1 << 14;
    static final int CONTROL_ENABLE = 1 << 15;

    static final int ENTRY_BYTES = 16;
    private static final int ENTRY_DATA_OFFSET = 8;
    private static final int ENTRY_CONTROL_OFFSET = 12;
    private static final int ENTRY_MASKED = 1;
    // Half a page of table and half of pending bits at least, so that a small table's BAR is one page.
    private static final int MIN_TABLE_BYTES = 2048;

    private final MsiController controller;
    private final EventFd[] events;
    private final Route[] routes;
    private final byte[] table;
    private final int pbaOffset;
    private volatile boolean enabled;
    private boolean functionMasked;
    private boolean closed;

    /** A table of {@code vectors} (1 to {@link #MAX_VECTORS}), all masked, MSI-X not enabled. */
    public Msix(int vectors, MsiController controller) {
        if (vectors < 1 || vectors > MAX_VECTORS) {
            throw new IllegalArgumentException(vectors + " MSI-X vectors");
        }
        this.controller = controller;
        events = new EventFd[vectors];
        routes = new Route[vectors];
        table = new byte[vectors * ENTRY_BYTES];
        pbaOffset = Math.max(MIN_TABLE_BYTES, Integer.highestOneBit(2 * table.length - 1));
        for (int i = 0; i < vectors; i++) {
            events[i] = EventFd.create();
            table[i * ENTRY_BYTES + ENTRY_CONTROL_OFFSET] = ENTRY_MASKED;
        }
    }

    /** How many vectors there are. */
    public int vectors() {
        return events.length;
    }

    /** Whether the guest has chosen MSI-X over the pin. */
    public boolean enabled() {
        return enabled;
    }

    /** Raises vector {@code vector}, which exists; if it is masked, as soon as it no longer is. */
    public void signal(int vector) {
        events[vector].signal();
    }

    /** Forgets what is pending on {@code vector}. */
    public void clearPending(int vector) {
        events[vector].drain();
    }

    int pbaOffset() {
        return pbaOffset;
    }

    int barByteSize() {
        return 2 * pbaOffset;
    }

    synchronized void control(boolean enable, boolean functionMask) {
        enabled = enable && !closed;
        functionMasked = functionMask;
        for (int i = 0; i < routes.length; i++) {
            updateRoute(i);
        }
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
        if (offset < table.length) {
            return table[(int) offset] & 0xff;
        }
        int pending = 0;
        long first = (offset - pbaOffset) * 8;
        for (int bit = 0; bit < 8; bit++) {
            long vector = first + bit;
            if (vector >= 0 && vector < events.length && isPending((int) vector)) {
                pending |= 1 << bit;
            }
        }
        return pending;
    }

    /** A connected vector's signal is on its way, not pending. */
    private boolean isPending(int vector) {
        return !closed && routes[vector] == null && events[vector].isSignalled();
    }

    @Override
    public synchronized void write(long offset, int byteSize, long value) {
        for (int i = 0; i < byteSize && offset + i < table.length; i++) {
            int at = (int) offset + i;
            int inEntry = at % ENTRY_BYTES;
            // Of the control word only the mask bit exists; the rest is reserved (§6.8.2.9).
            int writable = inEntry < ENTRY_CONTROL_OFFSET ? 0xff : inEntry == ENTRY_CONTROL_OFFSET ? ENTRY_MASKED : 0;
            table[at] = (byte) ((int) (value >>> 8 * i) & writable);
        }
        if (offset < table.length) {
            int last = (int) Math.min(offset + byteSize, table.length) - 1;
            for (int vector = (int) offset / ENTRY_BYTES; vector <= last / ENTRY_BYTES; vector++) {
                updateRoute(vector);
            }
        }
    }

    private void updateRoute(int vector) {
        int entry = vector * ENTRY_BYTES;
        boolean wanted = enabled && !functionMasked && (table[entry + ENTRY_CONTROL_OFFSET] & ENTRY_MASKED) == 0;
        long address = tableLong(entry);
        int data = (int) tableLong(entry + ENTRY_DATA_OFFSET);
        Route route = routes[vector];
        if (route != null && (!wanted || route.address != address || route.data != data)) {
            // Between this and the new connection the event keeps a signal; none is lost.
            route.connection.close();
            routes[vector] = null;
        }
        if (wanted && routes[vector] == null) {
            routes[vector] = new Route(controller.connect(events[vector], address, data), address, data);
        }
    }

    private long tableLong(int offset) {
        long value = 0;
        for (int i = 7; i >= 0; i--) {
            value = value << 8 | table[offset + i] & 0xff;
        }
        return value;
    }

    @Override
    public synchronized void close() {
        enabled = false;
        closed = true;
        for (int i = 0; i < routes.length; i++) {
            updateRoute(i);
            events[i].close();
        }
    }

    private record Route(MsiController.Connection connection, long address, int data) {
    }
}
