// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.RecordedLine;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What Linux's i8042, atkbd and libps2 do at boot, and what kernels do to reset the machine. */
class I8042Test {

    private static final int DATA = 0;
    private static final int COMMAND = 4;
    private static final int OUTPUT_FULL = 0x01;
    private static final int AUX_DATA = 0x20;
    private static final int TIMEOUT = 0x40;

    private final RecordedLine keyboard = new RecordedLine();
    private final RecordedLine aux = new RecordedLine();
    private final RecordedPower power = new RecordedPower();
    private final I8042 i8042 = new I8042(keyboard, aux, power);

    private int status() {
        return (int) i8042.read(COMMAND, 1);
    }

    private void command(int value) {
        assertEquals(0, status() & 0x02, "input buffer full");
        i8042.write(COMMAND, 1, value);
    }

    private void data(int value) {
        i8042.write(DATA, 1, value);
    }

    private int answer() {
        assertTrue((status() & OUTPUT_FULL) != 0, "a driver would wait here for half a second");
        return (int) i8042.read(DATA, 1);
    }

    @Test
    void shouldPassSelfTestAndInterfaceTests() {
        command(0xAA);
        assertEquals(0x55, answer());
        command(0xAB);
        assertEquals(0x00, answer());
        command(0xA9);
        assertEquals(0x00, answer());
        assertEquals(0, status() & OUTPUT_FULL);
    }

    @Test
    void shouldKeepTheModeByteWhenItIsWritten() {
        command(0x60);
        data(0x47);
        command(0x20);
        assertEquals(0x47, answer());
    }

    /** i8042_check_aux(): the loop answers, and the port's disable bit follows its commands. */
    @Test
    void shouldShowAnAuxiliaryPort() {
        command(0xD3);
        data(0x5A);
        assertEquals(AUX_DATA, status() & AUX_DATA);
        assertEquals(0x5A, answer());
        command(0xA7);
        command(0x20);
        assertEquals(0x20, answer() & 0x20);
        command(0xA8);
        command(0x20);
        assertEquals(0x00, answer() & 0x20);
    }

    /** i8042_check_aux() goes on to wait for IRQ 12. */
    @Test
    void shouldInterruptOnTheAuxiliaryLineWhenTheLoopAnswers() {
        command(0x60);
        data(0x02);
        command(0xD3);
        data(0xA5);
        assertTrue(aux.asserted());
        assertFalse(keyboard.asserted());
        assertEquals(0xA5, answer());
        assertFalse(aux.asserted());
    }

    /** libps2: a resend with the time-out bit ends the probe of a missing mouse at once. */
    @Test
    void shouldAnswerWithATimeoutWhenTheMissingMouseIsSpokenTo() {
        command(0xD4);
        data(0xF2);
        assertEquals(AUX_DATA | TIMEOUT, status() & (AUX_DATA | TIMEOUT));
        assertEquals(0xFE, answer());
        assertEquals(0, status() & TIMEOUT);
    }

    @Test
    void shouldResetAndIdentifyTheKeyboard() {
        data(0xFF);
        assertEquals(0xFA, answer());
        assertEquals(0xAA, answer());
        command(0x60);
        data(0x01);                              // no translation
        data(0xF2);
        assertEquals(0xFA, answer());
        assertEquals(0xAB, answer());
        assertEquals(0x83, answer());
        data(0xED);
        assertEquals(0xFA, answer());
        data(0x07);
        assertEquals(0xFA, answer());
        data(0xF0);
        assertEquals(0xFA, answer());
        data(0x00);
        assertEquals(0xFA, answer());
        assertEquals(2, answer());
        data(0xF4);
        assertEquals(0xFA, answer());
        data(0x12);
        assertEquals(0xFE, answer());
    }

    @Test
    void shouldTranslateTheKeyboardsIdWhenTranslationIsOn() {
        data(0xF2);
        assertEquals(0xFA, answer());
        assertEquals(0xAB, answer());
        assertEquals(0x41, answer());
    }

    @Test
    void shouldGiveOneEdgePerByteWhenSeveralWait() {
        data(0xFF);
        assertEquals(1, keyboard.edges());
        answer();
        assertEquals(2, keyboard.edges());
        answer();
        assertFalse(keyboard.asserted());
    }

    @Test
    void shouldResetTheMachineWhenToldThroughPort64() {
        command(0xFE);
        assertEquals(1, power.resets);
        command(0xFF);                           // pulses nothing
        assertEquals(1, power.resets);
        command(0xD1);
        data(0xDF);                              // A20 on, keeps running
        assertEquals(1, power.resets);
        command(0xD1);
        data(0x02);
        assertEquals(2, power.resets);
    }

    @Test
    @Tag("class:memory")
    void shouldHoldABoundedNumberOfAnswersWhenNoneIsRead() {
        for (int i = 0; i < 100_000; i++) {
            command(0xAA);
            data(0xF2);
        }
        int count = 0;
        while ((status() & OUTPUT_FULL) != 0) {
            answer();
            count++;
        }
        assertTrue(count <= 17, "answers: " + count);
    }
}
