// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import org.openjdk.jcstress.infra.results.ZI_Result;

/** Messages to a thread that looks for them, sleeps, or ends. */
public class MailboxRaces {

    private MailboxRaces() {
    }

    /** A mailbox whose descriptor goes with the state; messages count. */
    private abstract static class WithMailbox {
        final Mailbox mailbox = new Mailbox();
        int ran;

        final boolean send() {
            return mailbox.send(() -> ran++);
        }

        final boolean takeOne() {
            Runnable action = mailbox.take();
            if (action != null) {
                action.run();
            }
            return action != null;
        }

        final void takeAll() {
            while (takeOne()) {
                // until none is left
            }
        }
    }

    /** Whoever takes nothing and sleeps on the event is woken. */
    @JCStressTest
    @Outcome(id = "false, false", expect = FORBIDDEN, desc = "a message waits and the thread sleeps")
    @Outcome(id = {"true, false", "true, true", "false, true"}, expect = ACCEPTABLE, desc = "taken, or signalled")
    @State
    public static class Sleep extends WithMailbox {

        @Actor
        public void sender() {
            send();
        }

        @Actor
        public void thread(ZZ_Result result) {
            result.r1 = takeOne();
        }

        @Arbiter
        public void sleep(ZZ_Result result) {
            result.r2 = mailbox.event().isSignalled() && (result.r1 || mailbox.hasMessages());
            mailbox.close();
        }
    }

    /** What was accepted runs once, what was refused never, whenever the thread ends. */
    @JCStressTest
    @Outcome(id = {"true, 1", "false, 0"}, expect = ACCEPTABLE, desc = "accepted and run, or refused")
    @Outcome(expect = FORBIDDEN, desc = "lost, or run though it was refused")
    @State
    public static class End extends WithMailbox {

        @Actor
        public void sender(ZI_Result result) {
            result.r1 = send();
        }

        @Actor
        public void thread() {
            takeOne();
            mailbox.end();
            takeAll();
        }

        @Arbiter
        public void after(ZI_Result result) {
            result.r2 = ran;
            mailbox.close();
        }
    }

    /** Two senders: both messages run, once each, and a thread that has not taken both is signalled. */
    @JCStressTest
    @Outcome(id = "2, 1", expect = ACCEPTABLE, desc = "both run, and nothing was left unsignalled")
    @Outcome(expect = FORBIDDEN, desc = "lost, run twice, or left without a signal")
    @State
    public static class TwoSenders extends WithMailbox {

        @Actor
        public void first() {
            send();
        }

        @Actor
        public void second() {
            send();
        }

        @Actor
        public void thread() {
            takeAll();
        }

        @Arbiter
        public void after(II_Result result) {
            result.r2 = ran == 2 || mailbox.hasMessages() && mailbox.event().isSignalled() ? 1 : 0;
            takeAll();
            result.r1 = ran;
            mailbox.close();
        }
    }
}
