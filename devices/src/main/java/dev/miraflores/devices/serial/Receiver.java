// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static dev.miraflores.devices.serial.UartRegisters.FIFO_BYTES;
import static dev.miraflores.devices.serial.UartRegisters.LSR_BREAK;
import static dev.miraflores.devices.serial.UartRegisters.LSR_DATA_READY;
import static dev.miraflores.devices.serial.UartRegisters.LSR_FIFO_ERROR;
import static dev.miraflores.devices.serial.UartRegisters.LSR_OVERRUN;

import dev.miraflores.devices.character.ByteQueue;

/**
 * The receiving half: the FIFO the guest sees and, behind it, what has arrived and has not got in yet. As the line
 * waits for the guest, only loopback can overrun the FIFO.
 * <p>Thread: the port's lock is held around each call.
 */
final class Receiver {

    static final int WAITING_BYTES = 4096;

    private final ByteQueue waiting = new ByteQueue(WAITING_BYTES);
    /** A received byte, with its LSR error bits from bit 8 on. */
    private final int[] fifo = new int[FIFO_BYTES];
    private int head;
    private int size;
    private int capacity = 1;
    private int trigger = 1;
    private boolean breakWaiting;
    private boolean connected = true;
    private int errors;
    private int lastByte;

    int offer(byte[] bytes, int offset, int length) {
        int taken = waiting.add(bytes, offset, length);
        refill();
        return taken;
    }

    /** Nothing is received and no error has been; what still waits on the line stays. */
    void reset() {
        trigger = 1;
        breakWaiting = false;
        connected = true;
        errors = 0;
        lastByte = 0;
        setFifo(false);
    }

    int waitingRoom() {
        return waiting.free();
    }

    void lineBreak() {
        breakWaiting = true;
        refill();
    }

    /** A byte from the port's own transmitter. */
    void loopBack(int value) {
        if (size < capacity) {
            enter(value);
            return;
        }
        errors |= LSR_OVERRUN;
        if (capacity == 1) {
            fifo[head] = value;            // the newer byte destroys the older (PC16550D §8.3, LSR bit 1)
        }
    }

    /** The oldest byte; the last one read when there is none. */
    int take() {
        if (size > 0) {
            lastByte = fifo[head] & 0xFF;
            head = (head + 1) % FIFO_BYTES;
            size--;
            revealErrors();
            refill();
        }
        return lastByte;
    }

    /** FIFOs on or off; both empty the receiver. */
    void setFifo(boolean enabled) {
        capacity = enabled ? FIFO_BYTES : 1;
        clear();
    }

    void setTrigger(int bytes) {
        trigger = bytes;
    }

    void clear() {
        size = 0;
        refill();
    }

    /** Whether the line reaches the receiver; in loopback it does not. */
    void setConnected(boolean toLine) {
        connected = toLine;
        refill();
    }

    boolean atTrigger() {
        return size >= Math.min(trigger, capacity);
    }

    boolean hasData() {
        return size > 0;
    }

    boolean hasErrors() {
        return errors != 0;
    }

    /** LSR bits of the receiver; reading them clears the errors. */
    int takeStatus() {
        int status = errors | (size > 0 ? LSR_DATA_READY : 0);
        errors = 0;
        if (capacity > 1 && errorInFifo()) {
            status |= LSR_FIFO_ERROR;
        }
        return status;
    }

    private void refill() {
        while (connected && size < capacity && (breakWaiting || waiting.size() > 0)) {
            // A break is received as a zero byte with its bit set (PC16550D §8.3, LSR bit 4).
            enter(breakWaiting ? LSR_BREAK << 8 : waiting.remove());
            breakWaiting = false;
        }
    }

    private void enter(int entry) {
        fifo[(head + size) % FIFO_BYTES] = entry;
        size++;
        if (size == 1) {
            revealErrors();
        }
    }

    /** An entry's errors show when it is the next to be read. */
    private void revealErrors() {
        if (size > 0) {
            errors |= fifo[head] >>> 8;
        }
    }

    private boolean errorInFifo() {
        for (int i = 0; i < size; i++) {
            if (fifo[(head + i) % FIFO_BYTES] >>> 8 != 0) {
                return true;
            }
        }
        return false;
    }
}
