// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

/**
 * Registers of a 16550A, a byte each (National PC16550D data sheet, table II).
 * <pre>  offset  read                  written               with LCR.DLAB
 *   0     RBR received byte     THR byte to send      DLL divisor, low
 *   1     IER interrupt enable  IER                   DLM divisor, high
 *   2     IIR interrupt id      FCR FIFO control
 *   3     LCR line control      LCR
 *   4     MCR modem control     MCR
 *   5     LSR line status
 *   6     MSR modem status
 *   7     SCR scratch           SCR </pre>
 */
final class UartRegisters {

    static final int DATA = 0;
    static final int IER = 1;
    static final int IIR_FCR = 2;
    static final int LCR = 3;
    static final int MCR = 4;
    static final int LSR = 5;
    static final int MSR = 6;
    static final int SCR = 7;

    static final int IER_RECEIVED = 0x01;
    static final int IER_THR_EMPTY = 0x02;
    static final int IER_LINE_STATUS = 0x04;
    static final int IER_MODEM_STATUS = 0x08;
    static final int IER_BITS = 0x0F;

    static final int IIR_NONE = 0x01;
    static final int IIR_MODEM_STATUS = 0x00;
    static final int IIR_THR_EMPTY = 0x02;
    static final int IIR_RECEIVED = 0x04;
    static final int IIR_LINE_STATUS = 0x06;
    static final int IIR_TIMEOUT = 0x0C;
    static final int IIR_FIFOS = 0xC0;

    static final int FCR_ENABLE = 0x01;
    static final int FCR_CLEAR_RECEIVER = 0x02;
    static final int FCR_CLEAR_TRANSMITTER = 0x04;

    static final int LCR_DLAB = 0x80;

    static final int MCR_DTR = 0x01;
    static final int MCR_RTS = 0x02;
    static final int MCR_OUT1 = 0x04;
    static final int MCR_OUT2 = 0x08;
    static final int MCR_LOOP = 0x10;
    static final int MCR_BITS = 0x1F;

    static final int LSR_DATA_READY = 0x01;
    static final int LSR_OVERRUN = 0x02;
    static final int LSR_BREAK = 0x10;
    static final int LSR_THR_EMPTY = 0x20;
    static final int LSR_TRANSMITTER_EMPTY = 0x40;
    static final int LSR_FIFO_ERROR = 0x80;
    /** Overrun, parity, framing, break: what raises the line status interrupt. */
    static final int LSR_ERRORS = 0x1E;

    static final int MSR_CTS = 0x10;
    static final int MSR_DSR = 0x20;
    static final int MSR_RI = 0x40;
    static final int MSR_DCD = 0x80;
    static final int MSR_LINES = 0xF0;
    static final int MSR_DELTAS = 0x0F;
    /** Set when RI ends, not when it starts. */
    static final int MSR_TERI = 0x04;

    static final int FIFO_BYTES = 16;

    private UartRegisters() {
    }

    /** How many bytes make the receiver FIFO ask for service (FCR bits 7:6). */
    static int triggerLevel(int fcr) {
        return switch (fcr >>> 6 & 3) {
            case 0 -> 1;
            case 1 -> 4;
            case 2 -> 8;
            default -> 14;
        };
    }

    /** MSR's lines when the chip's outputs are looped back to its inputs (PC16550D §8.6, MCR bit 4). */
    static int loopedLines(int mcr) {
        return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0) | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
                | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0) | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
    }
}
