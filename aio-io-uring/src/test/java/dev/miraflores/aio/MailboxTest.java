// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class MailboxTest {

    @Test
    void shouldKeepTheOrderOfOneSenderAndSignalOnceForAll() {
        try (Mailbox mailbox = new Mailbox()) {
            List<Integer> ran = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                int number = i;
                assertTrue(mailbox.send(() -> ran.add(number)));
            }
            assertTrue(mailbox.hasMessages());
            assertEquals(1, mailbox.event().drain());
            for (Runnable action; (action = mailbox.take()) != null; ) {
                action.run();
            }
            assertEquals(List.of(0, 1, 2, 3, 4), ran);
            assertFalse(mailbox.hasMessages());
            mailbox.send(() -> { });
            assertEquals(1, mailbox.event().drain(), "signalled anew");
        }
    }

    @Test
    void shouldRefuseMessagesAfterItsEnd() {
        try (Mailbox mailbox = new Mailbox()) {
            mailbox.end();
            assertFalse(mailbox.send(() -> { }));
            assertNull(mailbox.take());
        }
    }

    /** Whatever the moment of the end: what was accepted is taken, what was refused is not. */
    @Test
    void shouldRunEachMessageOnceOrRefuseIt() throws InterruptedException {
        for (int round = 0; round < 300; round++) {
            AtomicInteger ran = new AtomicInteger();
            AtomicInteger accepted = new AtomicInteger();
            Mailbox mailbox = new Mailbox();
            Thread[] senders = new Thread[3];
            for (int s = 0; s < senders.length; s++) {
                senders[s] = Thread.ofPlatform().start(() -> {
                    while (mailbox.send(ran::incrementAndGet)) {
                        accepted.incrementAndGet();
                    }
                });
            }
            for (int i = 0; i < 200; i++) {
                Runnable action = mailbox.take();
                if (action != null) {
                    action.run();
                }
            }
            mailbox.end();
            for (Runnable action; (action = mailbox.take()) != null; ) {
                action.run();
            }
            mailbox.close();
            for (Thread sender : senders) {
                sender.join();
            }
            assertEquals(accepted.get(), ran.get());
        }
    }
}
