// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.LevelLine;
import dev.miraflores.devices.Resettable;
import java.util.Arrays;

/**
 * The keyboard controller: a keyboard that no one types on, an auxiliary port with nothing plugged in, and the
 * command that resets the machine. Every command gets its answer, as a driver waits half a second for each that does
 * not come; a byte to the missing mouse is answered as the real controller does, by a time-out in the status.
 * <pre>  0  port 60h  data, both ways
 *   4  port 64h  status (read), command (write) </pre>
 * <p>Thread: any.
 * <p>Source: IBM PS/2 technical reference, keyboard/auxiliary device controller; Intel 8042.
 */
public final class I8042 implements ByteRegisters, Resettable {

    /** 60h to 64h; 61h is not ours, and no access to it gets here. */
    public static final int PORT_COUNT = 5;

    private static final int DATA = 0;
    private static final int COMMAND = 4;

    private static final int STATUS_OUTPUT_FULL = 0x01;
    private static final int STATUS_SYSTEM = 0x04;
    private static final int STATUS_COMMAND = 0x08;
    private static final int STATUS_UNLOCKED = 0x10;
    private static final int STATUS_AUX_DATA = 0x20;
    private static final int STATUS_TIMEOUT = 0x40;

    private static final int MODE_KEYBOARD_INTERRUPT = 0x01;
    private static final int MODE_AUX_INTERRUPT = 0x02;
    private static final int MODE_SYSTEM = 0x04;
    private static final int MODE_KEYBOARD_OFF = 0x10;
    private static final int MODE_AUX_OFF = 0x20;
    private static final int MODE_TRANSLATE = 0x40;

    private static final int OUTPUT_A20 = 0x02;
    private static final int OUTPUT_RUN = 0x01;
    private static final int RESEND = 0xFE;
    private static final int RAM_BYTES = 32;

    private final LevelLine keyboardLine;
    private final LevelLine auxLine;
    private final PowerControl power;
    private final Ps2Keyboard keyboard = new Ps2Keyboard();

    /** The controller's memory; byte 0 is the mode ("command byte"). */
    private final byte[] ram = new byte[RAM_BYTES];
    /** Answers not read yet: a byte and the status bits that go with it. Room for a driver that never reads. */
    private final int[] answers = new int[16];
    private int firstAnswer;
    private int answerCount;
    private int outputByte;
    /** Status bits of the byte in the output buffer; 0 when that is empty. */
    private int outputStatus;
    private boolean commandLast;
    /** The command whose data byte comes next; 0 for none, which is a byte for the keyboard. */
    private int pendingCommand;
    private int outputPort;

    public I8042(InterruptLine keyboardLine, InterruptLine auxLine, PowerControl power) {
        this.keyboardLine = new LevelLine(keyboardLine);
        this.auxLine = new LevelLine(auxLine);
        this.power = power;
        powerOn();
    }

    private void powerOn() {
        Arrays.fill(ram, (byte) 0);
        // What a PC's firmware leaves: keyboard on, its interrupt on, scan codes translated to set 1.
        ram[0] = MODE_KEYBOARD_INTERRUPT | MODE_SYSTEM | MODE_AUX_OFF | MODE_TRANSLATE;
        firstAnswer = 0;
        answerCount = 0;
        outputByte = 0;
        outputStatus = 0;
        commandLast = false;
        pendingCommand = 0;
        outputPort = OUTPUT_A20 | OUTPUT_RUN;
        keyboard.reset();
    }

    @Override
    public synchronized void reset() {
        powerOn();
        driveLines();
    }

    @Override
    public synchronized int readByte(int offset) {
        return switch (offset) {
            case DATA -> takeOutput();
            case COMMAND -> status();
            default -> 0;
        };
    }

    @Override
    public void writeByte(int offset, int value) {
        boolean resets = false;
        synchronized (this) {
            if (offset == DATA) {
                resets = data(value);
            } else if (offset == COMMAND) {
                resets = command(value);
            }
            settle();
        }
        if (resets) {
            power.reset();
        }
    }

    private int status() {
        return outputStatus | STATUS_UNLOCKED | (commandLast ? STATUS_COMMAND : 0)
                | ((ram[0] & MODE_SYSTEM) != 0 ? STATUS_SYSTEM : 0);
    }

    private int takeOutput() {
        int value = outputByte;
        outputStatus = 0;
        driveLines();                      // both low first: the next byte must be an edge to the interrupt controller
        settle();
        return value;
    }

    /** Whether the command resets the machine. */
    private boolean command(int value) {
        commandLast = true;
        pendingCommand = 0;
        switch (value) {
            case 0xA7 -> ram[0] |= MODE_AUX_OFF;
            case 0xA8 -> ram[0] &= ~MODE_AUX_OFF;
            case 0xA9, 0xAB -> answer(0x00, 0);                      // interface tests: no fault
            case 0xAA -> {
                ram[0] |= MODE_SYSTEM;
                answer(0x55, 0);                                     // self test passed
            }
            case 0xAD -> ram[0] |= MODE_KEYBOARD_OFF;
            case 0xAE -> ram[0] &= ~MODE_KEYBOARD_OFF;
            case 0xC0 -> answer(0x80, 0);                            // input port: keyboard not locked
            case 0xD0 -> answer(outputPort, 0);
            case 0xD1, 0xD2, 0xD3, 0xD4 -> pendingCommand = value;
            case 0xE0 -> answer(0x00, 0);                            // test inputs
            default -> {
                if (value >= 0xF0) {
                    return (value & OUTPUT_RUN) == 0;                // pulses the output port's low bits that are 0
                }
                if (value >= 0x20 && value < 0x40) {
                    answer(ram[value & 0x1F] & 0xFF, 0);
                } else if (value >= 0x60 && value < 0x80) {
                    pendingCommand = value;
                }
            }
        }
        return false;
    }

    /** Whether the byte resets the machine. */
    private boolean data(int value) {
        int command = pendingCommand;
        commandLast = false;
        pendingCommand = 0;
        switch (command) {
            case 0 -> {
                ram[0] &= ~MODE_KEYBOARD_OFF;                        // a byte for the keyboard turns its clock on
                int reply = keyboard.receive(value);
                for (; reply != 0; reply >>>= 8) {
                    answer(translate(reply & 0xFF), 0);
                }
            }
            case 0xD1 -> {
                outputPort = value;
                return (value & OUTPUT_RUN) == 0;
            }
            case 0xD2 -> answer(value, 0);
            case 0xD3 -> answer(value, STATUS_AUX_DATA);
            case 0xD4 -> {
                ram[0] &= ~MODE_AUX_OFF;
                answer(RESEND, STATUS_AUX_DATA | STATUS_TIMEOUT);
            }
            default -> ram[command & 0x1F] = (byte) value;
        }
        return false;
    }

    /** The replies that a keyboard sends and that differ in set 1 are the bytes of its id. */
    private int translate(int value) {
        boolean translates = (ram[0] & MODE_TRANSLATE) != 0;
        return translates && value == Ps2Keyboard.ID_SECOND_BYTE ? Ps2Keyboard.ID_SECOND_BYTE_TRANSLATED : value;
    }

    private void answer(int value, int statusBits) {
        if (answerCount < answers.length) {
            answers[(firstAnswer + answerCount) % answers.length] = value | statusBits << 8;
            answerCount++;
        }
    }

    /** Moves the next answer into the output buffer when that is free, and drives the interrupt lines. */
    private void settle() {
        if (outputStatus == 0 && answerCount > 0) {
            int next = answers[firstAnswer];
            firstAnswer = (firstAnswer + 1) % answers.length;
            answerCount--;
            outputByte = next & 0xFF;
            outputStatus = next >>> 8 | STATUS_OUTPUT_FULL;
        }
        driveLines();
    }

    private void driveLines() {
        boolean full = (outputStatus & STATUS_OUTPUT_FULL) != 0;
        boolean aux = (outputStatus & STATUS_AUX_DATA) != 0;
        keyboardLine.set(full && !aux && (ram[0] & MODE_KEYBOARD_INTERRUPT) != 0);
        auxLine.set(full && aux && (ram[0] & MODE_AUX_INTERRUPT) != 0);
    }
}
