// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * A life of a socket device, a byte a step: a driver that starts, resets, sends and writes registers, a machine that is paused,
 * a kernel that refuses and gives up. After each step what is to be seen of it is compared with what has to be.
 */
final class VsockScript {

    private static final int[] REFUSALS = {Errno.ENOMEM, Errno.EFAULT, Errno.EBUSY};

    private final VsockFixture fixture;
    private final byte[] script;
    private int at;
    private boolean started;
    private boolean paused;
    /** The kernel refused something, or gave a ring up: the driver has to reset. */
    private boolean broken;
    private boolean mayBreak;
    private final List<Integer> sent = new ArrayList<>();
    private int number;

    private VsockScript(VsockFixture fixture, byte[] script) {
        this.fixture = fixture;
        this.script = script;
    }

    /** Plays it to its end. */
    static void play(byte[] script) {
        VsockFixture fixture = new VsockFixture(script.length % 2 == 0);
        try (fixture) {
            new VsockScript(fixture, script).play();
        }
        assertTrue(fixture.kernel.isClosed());
        assertFalse(fixture.kernel.hasEvents());
        assertEquals(List.of(), fixture.kernel.violations);
    }

    private void play() {
        while (at < script.length) {
            step(script[at++] & 0xff);
            settle();
            check();
        }
        if (paused) {
            fixture.device.resume();
            paused = false;
        }
        settle();
        check();
        if (runs()) {
            fixture.await("all that was sent", () -> {
                fixture.kernel.serve();
                return fixture.received().size() >= sent.size();
            });
            assertEquals(sent, fixture.received());
        }
    }

    private int next(int bound) {
        return at < script.length ? (script[at++] & 0xff) % bound : 0;
    }

    private boolean runs() {
        return started && !paused && !broken;
    }

    private void step(int what) {
        switch (what % 12) {
            case 0, 1 -> start();
            case 2 -> reset();
            case 3 -> {
                fixture.device.pause();
                paused = true;
                assertFalse(fixture.kernel.isRunning());
            }
            case 4 -> {
                fixture.device.resume();
                paused = false;
            }
            case 5 -> breakVring();
            case 6 -> {
                fixture.kernel.refuse(next(20), REFUSALS[next(REFUSALS.length)]);
                mayBreak = true;
            }
            case 7 -> fixture.driver.writeConfig(next(16), 1 << next(3), -1);
            case 8 -> changeVector();
            case 9 -> fixture.kernel.serve();
            default -> send();
        }
    }

    /** Any vector, or none: the way of notifications changes in between. */
    private void changeVector() {
        fixture.driver.set(0x16, 2, next(3));
        fixture.driver.set(0x1a, 2, next(2) == 0 ? 0xffff : next(5));
    }

    private void start() {
        if (started) {
            return;
        }
        fixture.start();
        sent.clear();
        started = true;
        broken = false;
    }

    private void reset() {
        fixture.driver.writeStatus(0);
        started = false;
        broken = false;
        assertEquals(0, fixture.driver.status());
        assertFalse(fixture.kernel.isRunning());
        assertFalse(fixture.kernel.hasEvents());
    }

    private void breakVring() {
        if (runs()) {
            fixture.kernel.breakVring(next(2));
            fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
            broken = true;
        }
    }

    private void send() {
        if (started && fixture.send(number)) {
            sent.add(number++);
        }
    }

    /** Until the control thread has done what it was given. */
    private void settle() {
        if (paused) {
            fixture.device.pause();
        } else {
            fixture.device.resume();
        }
        broken |= mayBreak && started && fixture.needsReset();
    }

    private void check() {
        assertEquals(VsockFixture.CID, fixture.driver.readConfig(0, 4));
        if (!mayBreak) {
            assertEquals(broken, started && fixture.needsReset());
            assertEquals(runs(), fixture.kernel.isRunning());
        }
        if (started) {
            List<Integer> received = fixture.received();
            assertEquals(sent.subList(0, Math.min(received.size(), sent.size())), received);
        }
    }
}
