// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeInterruptLine;
import org.junit.jupiter.api.Test;

class WiredOrTest {

    private final FakeInterruptLine wire = new FakeInterruptLine();
    private final WiredOr shared = new WiredOr(wire);

    /** PCI 3.0 §2.2.6: level-sensitive pins may be wired together. */
    @Test
    void shouldStayAssertedUntilLastInputLetsGo() {
        InterruptLine first = shared.input();
        InterruptLine second = shared.input();

        first.set(true);
        second.set(true);
        first.set(false);
        assertTrue(wire.isAsserted());
        second.set(false);
        assertFalse(wire.isAsserted());
        assertEquals(1, wire.risingEdges());
    }

    @Test
    void shouldCountAnInputOnceHoweverOftenItIsSet() {
        InterruptLine first = shared.input();
        InterruptLine second = shared.input();

        first.set(true);
        first.set(true);
        second.set(false);
        first.set(false);

        assertFalse(wire.isAsserted());
    }
}
