// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static dev.miraflores.devices.serial.UartRegisters.*;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.LevelLine;
import dev.miraflores.devices.Resettable;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.OutputPump;
import dev.miraflores.devices.character.WaitingInput;

/**
 * A 16550A serial port: both FIFOs, all interrupts, loopback.
 * <p>The transmitter is infinitely fast for as long as the back end keeps up; when it does not, THR stays "not empty".
 * A character timeout interrupt comes at once, not after four character times: by then all that had arrived is in the
 * FIFO, so there is nothing to wait for.
 * <p>Thread: registers, any vCPU thread; input, any thread; one lock guards all state and no back end runs under it.
 * <p>Lifetime: {@code close} writes out what is queued, for at most two seconds, then closes the back end.
 * <p>Source: National PC16550D data sheet; the interrupt passes MCR.OUT2's gate, as on a PC.
 */
public final class Serial16550A extends WaitingInput implements ByteRegisters, Resettable, AutoCloseable {

    /** Ports a 16550A decodes. */
    public static final int PORT_COUNT = 8;

    // 9600 baud from 1.8432 MHz: what a PC's firmware leaves. It has no effect, so no value of it can do harm.
    private static final int RESET_DIVISOR = 12;

    private final LevelLine line;
    private final CharBackend backend;
    private final OutputPump output;
    private final Receiver receiver = new Receiver();
    private long droppedBytes;

    private int divisor;
    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private int msrLines;
    private int msrDeltas;
    private int scratch;
    private boolean thrEmptyPending;
    private boolean thrBusy;

    /** @param name names the port's thread and its log lines */
    public Serial16550A(String name, InterruptLine line, CharBackend backend) {
        this.line = new LevelLine(line);
        this.backend = backend;
        this.output = new OutputPump(name, backend, OutputPump.GATHER_NS) {
            @Override
            protected void onRoom() {
                onOutputRoom();
            }
        };
        powerOn();
        backend.connect(this);
    }

    private void powerOn() {
        divisor = RESET_DIVISOR;
        ier = 0;
        fcr = 0;
        lcr = 0;
        mcr = MCR_OUT2;                    // as a PC's firmware leaves it
        msrLines = MSR_CTS | MSR_DSR | MSR_DCD;
        msrDeltas = 0;
        scratch = 0;
        thrEmptyPending = false;
    }

    /** What was typed and has not reached the FIFO yet is for the guest that comes; what was printed goes on its way. */
    @Override
    public synchronized void reset() {
        powerOn();
        receiver.reset();
        thrBusy = !roomToTransmit();
        settle();
    }

    @Override
    public synchronized int readByte(int offset) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        int value = switch (offset) {
            case DATA -> dlab ? divisor & 0xFF : receiver.take();
            case IER -> dlab ? divisor >>> 8 : ier;
            case IIR_FCR -> identifyInterrupt();
            case LCR -> lcr;
            case MCR -> mcr;
            case LSR -> receiver.takeStatus() | transmitterStatus();
            case MSR -> takeModemStatus();
            case SCR -> scratch;
            default -> 0;
        };
        settle();
        return value;
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        switch (offset) {
            case DATA -> {
                if (dlab) {
                    divisor = divisor & 0xFF00 | value;
                } else {
                    transmit(value);
                }
            }
            case IER -> {
                if (dlab) {
                    divisor = divisor & 0xFF | value << 8;
                } else {
                    enableInterrupts(value & IER_BITS);
                }
            }
            case IIR_FCR -> controlFifos(value);
            case LCR -> lcr = value;
            case MCR -> controlModem(value & MCR_BITS);
            case SCR -> scratch = value;
            default -> { }                 // LSR and MSR are written in factory tests only
        }
        settle();
    }

    /** After any access: the interrupt line follows the registers, and {@code put} goes on if there is room. */
    private void settle() {
        updateLine();
        if (receiver.waitingRoom() > 0) {
            madeRoom();
        }
    }

    private void transmit(int value) {
        if ((mcr & MCR_LOOP) != 0) {
            receiver.loopBack(value);
        } else if (!output.offer(value)) {
            droppedBytes++;
        }
        thrBusy = !roomToTransmit();
        thrEmptyPending = !thrBusy;
    }

    private boolean roomToTransmit() {
        // A driver that sees THRE fills a whole FIFO without looking again.
        return (mcr & MCR_LOOP) != 0 || output.hasRoom(FIFO_BYTES);
    }

    private int transmitterStatus() {
        if (thrBusy && roomToTransmit()) {
            thrBusy = false;
            thrEmptyPending = true;
        }
        return thrBusy ? 0 : LSR_THR_EMPTY | LSR_TRANSMITTER_EMPTY;
    }

    private synchronized void onOutputRoom() {
        transmitterStatus();
        updateLine();
    }

    private void enableInterrupts(int value) {
        // Enabling the THRE interrupt while THR is empty raises it anew; Linux tests for that (8250_port.c).
        if ((value & ~ier & IER_THR_EMPTY) != 0) {
            thrEmptyPending = transmitterStatus() != 0;
        }
        ier = value;
    }

    private void controlFifos(int value) {
        boolean enable = (value & FCR_ENABLE) != 0;
        if (enable != ((fcr & FCR_ENABLE) != 0)) {
            receiver.setFifo(enable);
        }
        if (!enable) {
            fcr = 0;                       // other bits count only while bit 0 is written as 1 (PC16550D §8.4)
            receiver.setTrigger(1);
            return;
        }
        if ((value & FCR_CLEAR_RECEIVER) != 0) {
            receiver.clear();
        }
        if ((value & FCR_CLEAR_TRANSMITTER) != 0) {
            thrEmptyPending = transmitterStatus() != 0;
        }
        fcr = value;
        receiver.setTrigger(triggerLevel(value));
    }

    private void controlModem(int value) {
        mcr = value;
        boolean loop = (value & MCR_LOOP) != 0;
        receiver.setConnected(!loop);
        int lines = loop ? loopedLines(value) : MSR_CTS | MSR_DSR | MSR_DCD;
        int changed = lines ^ msrLines;
        int riEnded = (changed & msrLines & MSR_RI) != 0 ? MSR_TERI : 0;
        msrDeltas |= (changed & ~MSR_RI) >>> 4 | riEnded;
        msrLines = lines;
        transmitterStatus();
    }

    private int takeModemStatus() {
        int value = msrLines & MSR_LINES | msrDeltas & MSR_DELTAS;
        msrDeltas = 0;
        return value;
    }

    /** IIR; reading it takes back a THRE interrupt, when that is the one it names (PC16550D §8.5). */
    private int identifyInterrupt() {
        int id = pendingInterrupt();
        if (id == IIR_THR_EMPTY) {
            thrEmptyPending = false;
        }
        return id | ((fcr & FCR_ENABLE) != 0 ? IIR_FIFOS : 0);
    }

    /** The most urgent interrupt that is enabled and pending (PC16550D table IV). */
    private int pendingInterrupt() {
        if ((ier & IER_LINE_STATUS) != 0 && receiver.hasErrors()) {
            return IIR_LINE_STATUS;
        }
        if ((ier & IER_RECEIVED) != 0 && receiver.hasData()) {
            return receiver.atTrigger() ? IIR_RECEIVED : IIR_TIMEOUT;
        }
        if ((ier & IER_THR_EMPTY) != 0 && thrEmptyPending) {
            return IIR_THR_EMPTY;
        }
        if ((ier & IER_MODEM_STATUS) != 0 && msrDeltas != 0) {
            return IIR_MODEM_STATUS;
        }
        return IIR_NONE;
    }

    private void updateLine() {
        boolean gateOpen = (mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;   // loopback turns the OUT2 pin off
        line.set(gateOpen && pendingInterrupt() != IIR_NONE);
    }

    @Override
    public synchronized int offer(byte[] bytes, int offset, int length) {
        if (hasEnded()) {
            return 0;
        }
        int taken = receiver.offer(bytes, offset, length);
        updateLine();
        return taken;
    }

    @Override
    public synchronized void sendBreak() {
        receiver.lineBreak();
        updateLine();
    }

    /** Bytes the guest sent although THR was not empty. */
    public synchronized long droppedBytes() {
        return droppedBytes;
    }

    @Override
    public void close() {
        if (endInput()) {
            output.close();
            backend.close();
        }
    }
}
