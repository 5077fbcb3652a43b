// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PowerPortsTest {

    private final RecordedPower power = new RecordedPower();

    @Test
    void shouldResetThroughCf9WhenBit2Rises() {
        ResetControlPort port = new ResetControlPort(power);
        port.write(0, 1, 0x02);                  // Linux writes 2, then 6
        assertEquals(0, power.resets);
        assertEquals(0x02, port.read(0, 1));
        port.write(0, 1, ResetControlPort.RESET_VALUE);
        assertEquals(1, power.resets);
    }

    @Test
    void shouldResetThroughPort92WhenBit0Rises() {
        SystemControlPortA port = new SystemControlPortA(power);
        assertEquals(0x02, port.read(0, 1));
        port.write(0, 1, 0x02);
        assertEquals(0, power.resets);
        port.write(0, 1, 0x03);
        assertEquals(1, power.resets);
    }

    @Test
    void shouldHandOverTheDebugExitValueOnceWhateverTheWidth() {
        DebugExitPort port = new DebugExitPort(power);
        for (int byteSize : new int[] {1, 2, 4}) {
            port.write(0, byteSize, 0x21);
            assertEquals(0x21, power.debugValue);
        }
        assertEquals(3, power.debugExits);
        assertEquals(0, port.read(0, 4));
    }

    @Test
    void shouldRememberTheLastPostCode() {
        PostPort port = new PostPort();
        port.write(0, 1, 0x42);
        assertEquals(0x42, port.last());
        assertEquals(0x42, port.read(0, 1));
    }
}
