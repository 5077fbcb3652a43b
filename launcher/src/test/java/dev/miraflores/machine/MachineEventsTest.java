// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineEventsTest {

    /** An error of one's that got through would end the thread that tells all others, and that pauses the machine. */
    @Test
    void shouldTellTheOthersWhateverAListenerThrows() {
        List<String> heard = new ArrayList<>();
        MachineEvents events = new MachineEvents();
        events.add(new DriveListener() {
            @Override
            public void added(String id) {
                throw new NoClassDefFoundError("on purpose: a test of what a listener throws");
            }

            @Override
            public void removed(String id) {
                throw new IllegalStateException("on purpose: a test of what a listener throws");
            }
        });
        events.add(new DriveListener() {
            @Override
            public void added(String id) {
                heard.add("added " + id);
            }

            @Override
            public void removed(String id) {
                heard.add("removed " + id);
            }
        });
        events.added("disk0");
        events.removed("disk0");
        assertEquals(List.of("added disk0", "removed disk0"), heard);
    }
}
