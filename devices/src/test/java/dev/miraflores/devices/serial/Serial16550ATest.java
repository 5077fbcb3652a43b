// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.character.RecordingBackend;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class Serial16550ATest {

    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;
    private static final int NO_INTERRUPT = 0x01;

    private final RecordedLine line = new RecordedLine();
    private final RecordingBackend backend = new RecordingBackend();
    private final Serial16550A uart = new Serial16550A("com1", line, backend);

    @AfterEach
    void close() {
        backend.block(false);
        uart.close();
    }

    private int read(int register) {
        return (int) uart.read(register, 1);
    }

    private void write(int register, int value) {
        uart.write(register, 1, value);
    }

    private int type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        return backend.input().offer(bytes, 0, bytes.length);
    }

    @Test
    void shouldSendInOrderAndInBatchesWhenBytesAreWrittenOneByOne() throws InterruptedException {
        String text = "Linux version 6.1.0\r\n".repeat(400);
        for (int i = 0; i < text.length(); i++) {
            assertTrue((read(LSR) & 0x20) != 0);
            write(DATA, text.charAt(i));
        }
        assertEquals(text.length(), backend.awaitWritten(text.length()));
        assertEquals(text, backend.written());
        assertTrue(backend.writes() < text.length() / 10, "writes: " + backend.writes());
    }

    /** Linux 8250_port.c, autoconfig(): IER keeps four bits, loopback shows RTS as CTS and OUT2 as DCD. */
    @Test
    void shouldPassLinuxAutoconfigWhenProbed() {
        write(IER, 0);
        assertEquals(0x00, read(IER) & 0x0F);
        write(IER, 0x0F);
        assertEquals(0x0F, read(IER));
        write(IER, 0);
        write(MCR, 0x10 | 0x0A);
        assertEquals(0x90, read(MSR) & 0xF0);
        write(MCR, 0);
        write(FCR, 0x01);
        assertEquals(3, read(IIR) >>> 6);
        write(FCR, 0x01 | 0x20);                 // a 16750 would turn on 64-byte FIFOs here
        assertEquals(0, read(IIR) & 0x20);
        write(SCR, 0xA5);
        assertEquals(0xA5, read(SCR));
    }

    /** Linux 8250_port.c, serial8250_do_startup(): otherwise it polls with a timer (UART_BUG_THRE). */
    @Test
    void shouldReassertThreWhenTheInterruptIsEnabledAgain() {
        write(IER, 0x02);
        assertEquals(0x02, read(IIR) & 0x0F);
        assertEquals(NO_INTERRUPT, read(IIR) & 0x0F);
        write(IER, 0);
        write(IER, 0x02);
        assertEquals(0x02, read(IIR) & 0x0F);
    }

    @Test
    void shouldDropTheThreInterruptWhenIirIsReadOrThrIsNoLongerEnabled() {
        write(MCR, 0x08);
        write(IER, 0x02);
        assertTrue(line.asserted());
        read(IIR);
        assertFalse(line.asserted());
        write(DATA, 'x');
        assertTrue(line.asserted());
        write(IER, 0);
        assertFalse(line.asserted());
    }

    @Test
    void shouldGateTheLineWithOut2AndLoopback() {
        write(IER, 0x02);
        write(MCR, 0);
        assertFalse(line.asserted());
        write(MCR, 0x08);
        assertTrue(line.asserted());
        write(MCR, 0x18);
        assertFalse(line.asserted());
    }

    @Test
    void shouldInterruptAndHandOverEachByteWhenInputArrives() {
        write(FCR, 0x81);                        // FIFOs on, trigger at 8
        write(IER, 0x01);
        type("hi");
        assertTrue(line.asserted());
        assertEquals(0x0C, read(IIR) & 0x0F, "below the trigger level: time-out");
        assertEquals('h', read(DATA));
        assertTrue(line.asserted());
        assertEquals('i', read(DATA));
        assertFalse(line.asserted());
        assertEquals(NO_INTERRUPT, read(IIR) & 0x0F);
        assertEquals(0, read(LSR) & 0x01);
    }

    @Test
    void shouldSayReceivedDataWhenTheTriggerLevelIsReached() {
        write(FCR, 0x01 | 0xC0);                 // trigger at 14
        write(IER, 0x01);
        type("0123456789abc");
        assertEquals(0x0C, read(IIR) & 0x0F);
        type("d");
        assertEquals(0x04, read(IIR) & 0x0F);
        read(DATA);
        assertEquals(0x0C, read(IIR) & 0x0F);
    }

    @Test
    void shouldKeepInputInOrderWhenItExceedsTheFifo() {
        write(FCR, 0x01);
        String text = "abcdefghijklmnopqrstuvwxyz".repeat(20);
        assertEquals(text.length(), type(text));
        StringBuilder read = new StringBuilder();
        while ((read(LSR) & 0x01) != 0) {
            read.append((char) read(DATA));
        }
        assertEquals(text, read.toString());
    }

    /** CVE-2020-27174: input that the guest does not read must not pile up on the host. */
    @Test
    @Tag("class:memory")
    void shouldTakeNoMoreThanItsBuffersHoldWhenTheGuestReadsNothing() {
        byte[] block = new byte[1000];
        int taken = 0;
        for (int i = 0; i < 1000; i++) {
            taken += backend.input().offer(block, 0, block.length);
        }
        assertTrue(taken <= Receiver.WAITING_BYTES + 16, "taken: " + taken);
        assertEquals(0, backend.input().offer(block, 0, block.length));
    }

    /** CVE-2020-16843, firecracker#5764: input must flow again after its buffers were full. */
    @Test
    @Tag("class:starvation")
    void shouldLetPutGoOnWhenTheGuestReadsAgain() {
        int total = 3 * Receiver.WAITING_BYTES;
        write(FCR, 0x01);
        Thread typist = Thread.ofPlatform().daemon().start(() -> {
            byte[] bytes = new byte[total];
            for (int i = 0; i < total; i++) {
                bytes[i] = (byte) (i % 251);
            }
            try {
                backend.input().put(bytes, 0, total);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            for (int i = 0; i < total; i++) {
                while ((read(LSR) & 0x01) == 0) {
                    Thread.onSpinWait();
                }
                assertEquals(i % 251, read(DATA));
            }
            typist.join();
        });
    }

    @Test
    void shouldEndPutWhenClosed() {
        Thread typist = Thread.ofPlatform().daemon().start(() -> {
            try {
                backend.input().put(new byte[100_000], 0, 100_000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        uart.close();
        assertTimeoutPreemptively(Duration.ofSeconds(10), () -> typist.join());
        assertTrue(backend.isClosed());
    }

    @Test
    @Tag("class:memory")
    @Tag("class:starvation")
    void shouldLookBusyAndRecoverWhenTheFarEndBlocks() throws InterruptedException {
        backend.block(true);
        write(IER, 0x02);
        int sent = 0;
        while ((read(LSR) & 0x20) != 0) {
            write(DATA, 'x');
            sent++;
            assertTrue(sent < 200_000, "output is not bounded");
        }
        for (int i = 0; i < 100; i++) {
            write(DATA, 'y');                    // a driver that does not look at LSR
        }
        assertTrue(uart.droppedBytes() >= 80);
        read(IIR);
        assertFalse(line.asserted());
        backend.block(false);
        assertTrue(line.awaitAsserted(), "THRE comes back by interrupt");
        assertTrue((read(LSR) & 0x20) != 0);
        assertTrue(backend.awaitWritten(sent) >= sent);
    }

    @Test
    void shouldGoOnWithoutOutputWhenTheFarEndFails() {
        backend.fail();
        for (int i = 0; i < 300_000; i++) {
            write(DATA, 'x');
        }
        assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
            while ((read(LSR) & 0x20) == 0) {
                Thread.onSpinWait();
            }
        });
    }

    @Test
    void shouldWriteOutWhatIsQueuedWhenClosed() {
        for (char c : "reboot: Power down\n".toCharArray()) {
            write(DATA, c);
        }
        uart.close();
        assertEquals("reboot: Power down\n", backend.written());
    }

    @Test
    void shouldCloseInBoundedTimeWhenTheFarEndIsStuck() {
        backend.block(true);
        write(DATA, 'x');
        assertTimeoutPreemptively(Duration.ofSeconds(8), uart::close);
    }

    @Test
    void shouldReceiveItsOwnBytesWhenLoopedBack() {
        write(FCR, 0x01);
        write(MCR, 0x10);
        write(DATA, 'a');
        write(DATA, 'b');
        type("from outside");
        assertEquals('a', read(DATA));
        assertEquals('b', read(DATA));
        assertEquals(0, read(LSR) & 0x01, "the line is disconnected");
        write(MCR, 0);
        assertEquals('f', read(DATA));
        uart.close();
        assertEquals("", backend.written());
    }

    @Test
    void shouldReportAnOverrunOnceWhenLoopbackFillsTheFifo() {
        write(FCR, 0x01);
        write(IER, 0x04);
        write(MCR, 0x10);
        for (int i = 0; i < 17; i++) {
            write(DATA, i);
        }
        assertEquals(0x06, read(IIR) & 0x0F);
        assertEquals(0x02, read(LSR) & 0x02);
        assertEquals(0x00, read(LSR) & 0x02);
        assertEquals(0, read(DATA));
    }

    @Test
    void shouldReportModemDeltasOnceWhenLoopbackMovesTheLines() {
        read(MSR);
        write(MCR, 0x10 | 0x04);                 // RI on, CTS DSR DCD off
        assertEquals(0x40 | 0x0B, read(MSR));
        assertEquals(0x40, read(MSR));
        write(MCR, 0x10);
        assertEquals(0x04, read(MSR), "trailing edge of RI");
        write(IER, 0x08);
        assertEquals(NO_INTERRUPT, read(IIR) & 0x0F);
        write(MCR, 0x10 | 0x02);
        assertEquals(0x00, read(IIR) & 0x0F);
    }

    @Test
    void shouldDeliverABreakAsAZeroByteWithItsBit() {
        write(FCR, 0x01);
        write(IER, 0x05);
        type("a");
        backend.input().sendBreak();
        assertEquals('a', read(DATA));
        assertEquals(0x06, read(IIR) & 0x0F);
        assertEquals(0x10 | 0x01, read(LSR) & 0x1F);
        assertEquals(0, read(DATA));
    }

    /** CVE-2016-8669: a divisor of zero must not be divided by. */
    @Test
    @Tag("class:divisor")
    void shouldAcceptAnyDivisorIncludingZero() {
        write(LCR, 0x80);
        write(0, 0);
        write(1, 0);
        assertEquals(0, read(0));
        write(0, 0x34);
        write(1, 0x12);
        assertEquals(0x1234, (int) uart.read(0, 2));
        write(LCR, 0x03);
        write(DATA, 'x');
        assertEquals(0x60, read(LSR) & 0x60);
    }

    @Test
    void shouldClearTheFifoWhenAsked() {
        write(FCR, 0x01);
        type("abc");
        assertEquals(1, read(LSR) & 1);
        write(FCR, 0x01 | 0x02);
        assertEquals(0, read(LSR) & 1);
    }

    @Test
    void shouldRaiseInterruptsInOrderOfPriority() {
        write(FCR, 0x01);
        write(IER, 0x0F);
        write(MCR, 0x10);
        read(MSR);
        write(MCR, 0x12);
        for (int i = 0; i < 17; i++) {
            write(DATA, i);
        }
        assertEquals(0x06, read(IIR) & 0x0F);
        read(LSR);
        assertEquals(0x04, read(IIR) & 0x0F);
        for (int i = 0; i < 16; i++) {
            read(DATA);
        }
        assertEquals(0x02, read(IIR) & 0x0F);
        assertEquals(0x00, read(IIR) & 0x0F);
        read(MSR);
        assertEquals(NO_INTERRUPT, read(IIR) & 0x0F);
    }
}
