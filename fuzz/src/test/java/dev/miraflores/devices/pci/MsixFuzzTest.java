// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.testkit.FakeMsiController;
import dev.miraflores.devices.testkit.FakeMsiController.Message;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any accesses of an MSI-X table and its pending bits while vectors are signalled, against a table that is a few arrays:
 * a signal becomes one message, at once or as soon as its vector is unmasked, and none is lost or made up (PCI 3.0 §6.8.2, §6.8.3).
 */
class MsixFuzzTest {

    private static final int WRITE = 0;
    private static final int READ = 1;
    private static final int SIGNAL = 2;
    private static final int CONTROL = 3;
    private static final int CLEAR = 4;
    private static final int EVENTS = 5;

    private static final int VECTORS = 3;
    private static final int ENTRY_BYTES = 16;
    private static final int TABLE_BYTES = VECTORS * ENTRY_BYTES;
    private static final int MASK_OFFSET = 12;

    private final byte[] table = new byte[TABLE_BYTES];
    private final boolean[] pending = new boolean[VECTORS];
    private boolean enabled;
    private boolean functionMasked;

    static Stream<byte[]> seeds() {
        Seed unmask = new Seed().u8(CONTROL, 1, SIGNAL, 1);
        unmask.u8(WRITE).u16(16).u8(3).u64(0xfee0_0000L).u8(WRITE).u16(24).u8(3).u64(0x41).u8(SIGNAL, 1);
        unmask.u8(WRITE).u16(28).u8(0, 1, SIGNAL, 1, CONTROL, 3, WRITE).u16(28).u8(0, 0, CONTROL, 1);
        // A live vector's address, then its data, are changed.
        unmask.u8(WRITE).u16(16).u8(2).u32(0xfee0_1000L).u8(SIGNAL, 1, WRITE).u16(24).u8(0, 0x42, SIGNAL, 1);
        Seed bits = new Seed().u8(SIGNAL, 0, SIGNAL, 2, READ).u16(2048).u8(3, CLEAR, 2, READ).u16(2049).u8(0);
        Seed odd = new Seed().u8(CONTROL, 1, WRITE).u16(11).u8(2).u32(-1).u8(WRITE).u16(47).u8(3).u64(-1).u8(READ).u16(4095).u8(3);
        return Stream.of(unmask, bits, odd).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldSendEachSignalOnce(byte[] bytes) {
        begin();
        FuzzInput input = new FuzzInput(bytes);
        FakeMsiController controller = new FakeMsiController();
        try (Msix msix = new Msix(VECTORS, controller); Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                List<Message> expected = happen(msix, input);
                List<Message> sent = new ArrayList<>(controller.takeMessages());
                assertEquals(expected.size(), sent.size(), sent::toString);
                assertTrue(sent.containsAll(expected), () -> sent + ", not " + expected);
                assertEquals(live(), controller.connections());
            }
        }
        assertEquals(0, controller.connections());
    }

    private void begin() {
        for (int i = 0; i < TABLE_BYTES; i++) {
            table[i] = (byte) (i % ENTRY_BYTES == MASK_OFFSET ? 1 : 0);
        }
        for (int vector = 0; vector < VECTORS; vector++) {
            pending[vector] = false;
        }
        enabled = false;
        functionMasked = false;
    }

    /** Does one thing to both; the messages that it should cause. */
    private List<Message> happen(Msix msix, FuzzInput input) {
        switch (input.below(EVENTS)) {
            case WRITE -> write(msix, input.u16() % msix.barByteSize(), input.width(), input);
            case READ -> read(msix, input.u16() % msix.barByteSize(), input.width());
            case SIGNAL -> {
                int vector = input.below(VECTORS);
                pending[vector] = true;
                msix.signal(vector);
            }
            case CONTROL -> {
                int control = input.u8();
                enabled = (control & 1) != 0;
                functionMasked = (control & 2) != 0;
                msix.control(enabled, functionMasked);
            }
            default -> {
                int vector = input.below(VECTORS);
                pending[vector] = false;
                msix.clearPending(vector);
            }
        }
        List<Message> messages = new ArrayList<>();
        for (int vector = 0; vector < VECTORS; vector++) {
            if (pending[vector] && isLive(vector)) {
                pending[vector] = false;
                messages.add(new Message(number(vector * ENTRY_BYTES, 8), (int) number(vector * ENTRY_BYTES + 8, 4)));
            }
        }
        return messages;
    }

    private void write(Msix msix, int offset, int byteSize, FuzzInput input) {
        long value = input.number(byteSize);
        msix.write(offset, byteSize, value);
        for (int i = 0; i < byteSize && offset + i < TABLE_BYTES; i++) {
            int inEntry = (offset + i) % ENTRY_BYTES;
            int writable = inEntry < MASK_OFFSET ? 0xff : inEntry == MASK_OFFSET ? 1 : 0;
            table[offset + i] = (byte) (value >>> 8 * i & writable);
        }
    }

    private void read(Msix msix, int offset, int byteSize) {
        long expected = 0;
        for (int i = 0; i < byteSize; i++) {
            expected |= (long) byteAt(offset + i, msix.pbaOffset()) << 8 * i;
        }
        assertEquals(expected, msix.read(offset, byteSize) & TestMachine.mask(byteSize));
    }

    private int byteAt(int offset, int pbaOffset) {
        if (offset < TABLE_BYTES) {
            return table[offset] & 0xff;
        }
        int bits = 0;
        for (int vector = 0; vector < VECTORS && offset == pbaOffset; vector++) {
            bits |= pending[vector] ? 1 << vector : 0;
        }
        return bits;
    }

    private boolean isLive(int vector) {
        return enabled && !functionMasked && table[vector * ENTRY_BYTES + MASK_OFFSET] == 0;
    }

    private int live() {
        int count = 0;
        for (int vector = 0; vector < VECTORS; vector++) {
            count += isLive(vector) ? 1 : 0;
        }
        return count;
    }

    private long number(int offset, int byteSize) {
        long value = 0;
        for (int i = 0; i < byteSize; i++) {
            value |= (table[offset + i] & 0xffL) << 8 * i;
        }
        return value;
    }
}
