// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class PortEventsTest {

    /** While a listener is slow, a storm of a guest's waits as one event for each port. */
    @Test
    @Timeout(60)
    void shouldTellWhatAStormComesTo() throws InterruptedException {
        List<String> told = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch listening = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        MachineEvents listeners = new MachineEvents();
        listeners.add(new MachineListener() {
            @Override
            public void portChanged(String id, boolean open) {
                told.add(id + " " + open);
                listening.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        });
        try (DeviceEvents thread = new DeviceEvents("test-events", listeners)) {
            PortEvents events = new PortEvents(thread, listeners);
            events.guestChanged("a", true);
            listening.await();
            for (int i = 0; i < 100_000; i++) {
                events.guestChanged("a", i % 2 == 0);
                events.guestChanged("b", i % 2 == 1);
            }
            goOn.countDown();
        }
        assertEquals(List.of("a true", "a false", "b true"), told);
    }
}
