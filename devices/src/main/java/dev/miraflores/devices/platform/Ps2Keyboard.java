// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

/**
 * A keyboard's side of the PS/2 command set, without keys.
 * <p>Thread: the controller's lock is held around each call.
 * <p>Source: IBM PS/2 technical reference, keyboard, "commands from the system".
 */
final class Ps2Keyboard {

    static final int ID_SECOND_BYTE = 0x83;
    /** What the controller makes of it while it translates to set 1. */
    static final int ID_SECOND_BYTE_TRANSLATED = 0x41;

    private static final int ACK = 0xFA;
    private static final int RESEND = 0xFE;
    private static final int SELF_TEST_PASSED = 0xAA;
    private static final int ID_FIRST_BYTE = 0xAB;

    /** The command whose argument comes next, or 0. */
    private int awaiting;
    private int scanCodeSet = 2;

    /** As when it gets its power. */
    void reset() {
        awaiting = 0;
        scanCodeSet = 2;
    }

    /** Takes one byte and returns the reply, first byte lowest, at most three, none of them 0. */
    int receive(int value) {
        int command = awaiting;
        awaiting = 0;
        if (command != 0 && value < 0xED) {
            return argument(command, value);
        }
        return switch (value) {
            case 0xED, 0xF0, 0xF3 -> {     // LEDs, scan code set, typematic rate: an argument follows
                awaiting = value;
                yield ACK;
            }
            case 0xEE -> 0xEE;             // echo
            case 0xF2 -> ACK | ID_FIRST_BYTE << 8 | ID_SECOND_BYTE << 16;
            case 0xF4, 0xF5, 0xF7, 0xF8, 0xF9, 0xFA -> ACK;
            case 0xF6 -> {
                scanCodeSet = 2;
                yield ACK;
            }
            case 0xFF -> {
                scanCodeSet = 2;
                yield ACK | SELF_TEST_PASSED << 8;
            }
            default -> RESEND;
        };
    }

    private int argument(int command, int value) {
        if (command != 0xF0) {
            return ACK;
        }
        if (value == 0) {
            return ACK | scanCodeSet << 8;
        }
        if (value > 3) {
            return RESEND;
        }
        scanCodeSet = value;
        return ACK;
    }
}
