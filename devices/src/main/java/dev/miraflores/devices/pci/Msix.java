// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.MsiController;
import dev.miraflores.linux.EventFd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * MSI-X: a table of messages, one per vector, and a bit per vector for what is pending while it is masked.
 * <pre>  0           { le64 address, le32 data, le32 control }[vectors]   control bit 0 masks the vector
 *   pbaOffset   le64[(vectors + 63) / 64]                            pending bits, read-only </pre>
 * <p>A vector is an {@link EventFd}. Unmasked it is connected to the {@link MsiController}, and a signal becomes a
 * message without a thread in between; masked it is not, and the event itself keeps what is pending. Events of others, which
 * another process may signal, can be attached to a vector, and go the same way.
 * <p>Thread: {@code signal}, {@code enabled}, any, without a lock; {@code attach}, any; register accesses, any vCPU thread;
 * the rest under the {@link PciRoot}'s lock.
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
    private final Source[] own;
    private final List<Source> attached = new ArrayList<>();
    private final byte[] table;
    private final int pbaOffset;
    private volatile boolean enabled;
    private boolean functionMasked;
    private boolean closed;
    private Runnable controlListener = () -> { };

    /** A table of {@code vectors} (1 to {@link #MAX_VECTORS}), all masked, MSI-X not enabled. */
    public Msix(int vectors, MsiController controller) {
        if (vectors < 1 || vectors > MAX_VECTORS) {
            throw new IllegalArgumentException(vectors + " MSI-X vectors");
        }
        this.controller = controller;
        own = new Source[vectors];
        table = new byte[vectors * ENTRY_BYTES];
        pbaOffset = Math.max(MIN_TABLE_BYTES, Integer.highestOneBit(2 * table.length - 1));
        for (int i = 0; i < vectors; i++) {
            own[i] = new Source(i, EventFd.create());
        }
        maskAll();
    }

    /** How many vectors there are. */
    public int vectors() {
        return own.length;
    }

    /** Whether the guest has chosen MSI-X over the pin. */
    public boolean enabled() {
        return enabled;
    }

    /** Raises vector {@code vector}, which exists; if it is masked, as soon as it no longer is. */
    public void signal(int vector) {
        own[vector].event.signal();
    }

    /** Forgets what is pending on {@code vector}. */
    public void clearPending(int vector) {
        own[vector].event.drain();
    }

    /**
     * Lets signals of {@code event} raise vector {@code vector}, which exists, until the attachment is closed. While the
     * vector is masked the event keeps what is pending, and for as long as it is not attached.
     */
    public synchronized Attachment attach(int vector, EventFd event) {
        Source source = new Source(vector, event);
        attached.add(source);
        source.update();
        return source;
    }

    /** Who hears that MSI-X was enabled or disabled, after it was and on the thread that did it; to be said before that. */
    public void onControl(Runnable listener) {
        controlListener = listener;
    }

    /** An event that raises a vector. Closing it twice does nothing; the event stays open. */
    public interface Attachment extends AutoCloseable {
        @Override
        void close();
    }

    /** As it was made: off, all vectors masked and their messages zero, nothing pending. */
    void reset() {
        synchronized (this) {
            enabled = false;
            functionMasked = false;
            maskAll();
            for (Source source : own) {
                source.update();
                source.forget();
            }
            attached.forEach(Source::update);
        }
        controlListener.run();
    }

    private void maskAll() {
        Arrays.fill(table, (byte) 0);
        for (int i = 0; i < own.length; i++) {
            table[i * ENTRY_BYTES + ENTRY_CONTROL_OFFSET] = ENTRY_MASKED;
        }
    }

    int pbaOffset() {
        return pbaOffset;
    }

    int barByteSize() {
        return 2 * pbaOffset;
    }

    void control(boolean enable, boolean functionMask) {
        synchronized (this) {
            enabled = enable && !closed;
            functionMasked = functionMask;
            for (Source source : own) {
                source.update();
            }
            attached.forEach(Source::update);
        }
        controlListener.run();
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
            if (vector >= 0 && vector < own.length && isPending((int) vector)) {
                pending |= 1 << bit;
            }
        }
        return pending;
    }

    /** A connected event's signal is on its way, not pending. */
    private boolean isPending(int vector) {
        if (closed) {
            return false;
        }
        boolean pending = own[vector].isPending();
        for (Source source : attached) {
            pending |= source.vector == vector && source.isPending();
        }
        return pending;
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
                updateRoutes(vector);
            }
        }
    }

    private void updateRoutes(int vector) {
        own[vector].update();
        for (Source source : attached) {
            if (source.vector == vector) {
                source.update();
            }
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
        attached.forEach(Source::disconnect);
        for (Source source : own) {
            source.disconnect();
            source.event.close();
        }
    }

    /** An event, and the route that it has while its vector is unmasked. Under the table's lock. */
    private final class Source implements Attachment {

        private final int vector;
        private final EventFd event;
        private MsiController.Connection connection;
        private long address;
        private int data;

        Source(int vector, EventFd event) {
            this.vector = vector;
            this.event = event;
        }

        boolean isPending() {
            return connection == null && event.isSignalled();
        }

        void update() {
            int entry = vector * ENTRY_BYTES;
            boolean wanted = enabled && !functionMasked && (table[entry + ENTRY_CONTROL_OFFSET] & ENTRY_MASKED) == 0;
            long newAddress = tableLong(entry);
            int newData = (int) tableLong(entry + ENTRY_DATA_OFFSET);
            if (!wanted || address != newAddress || data != newData) {
                // Between this and the new connection the event keeps a signal; none is lost.
                disconnect();
            }
            if (wanted && connection == null) {
                address = newAddress;
                data = newData;
                connection = controller.connect(event, address, data);
            }
        }

        void forget() {
            if (!closed) {
                event.drain();
            }
        }

        void disconnect() {
            if (connection != null) {
                connection.close();
                connection = null;
            }
        }

        @Override
        public void close() {
            synchronized (Msix.this) {
                attached.remove(this);
                disconnect();
            }
        }
    }
}
