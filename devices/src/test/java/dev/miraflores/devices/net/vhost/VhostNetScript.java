// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.linux.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * A life of a NIC that the kernel serves, a byte a step: it is started, reset and given commands, its link goes and comes, the
 * machine is paused, the kernel refuses and gives up. After each step what is to be seen of it is compared with what has to be.
 */
final class VhostNetScript {

    private final VhostNetFixture fixture;
    private final byte[] script;
    private int at;
    private boolean started;
    private boolean paused;
    private boolean linkUp = true;
    private int pairs = 1;
    /** The kernel gave a ring up: the driver has to reset. */
    private boolean broken;
    private boolean mayBreak;
    private final List<List<Integer>> sent = List.of(new ArrayList<>(), new ArrayList<>());
    private int number;

    private VhostNetScript(VhostNetFixture fixture, byte[] script) {
        this.fixture = fixture;
        this.script = script;
    }

    /** Plays it to its end. */
    static void play(byte[] script) {
        VhostNetFixture fixture = new VhostNetFixture();
        try (fixture) {
            new VhostNetScript(fixture, script).play();
        }
        for (FakeKernel kernel : fixture.kernels) {
            assertTrue(kernel.isClosed());
            assertFalse(kernel.hasEvents());
        }
        assertTrue(fixture.tap.closed);
        assertEquals(List.of(), fixture.violations());
    }

    private void play() {
        while (at < script.length) {
            step(script[at++] & 0xff);
            check();
        }
        paused = false;
        fixture.device.setLinkUp(true);
        linkUp = true;
        check();
        for (int pair = 0; pair < pairs && started && !broken; pair++) {
            awaitAllOf(pair);
        }
    }

    private void awaitAllOf(int pair) {
        fixture.await("all that was sent", () -> {
            fixture.kernels.get(pair).serve();
            return fixture.pair(pair).received().size() >= sent.get(pair).size();
        });
        assertEquals(sent.get(pair), fixture.pair(pair).received());
    }

    private int next(int bound) {
        return at < script.length ? (script[at++] & 0xff) % bound : 0;
    }

    private void step(int what) {
        switch (what % 12) {
            case 0, 1 -> start();
            case 2 -> reset();
            case 3 -> paused = !paused;
            case 4 -> {
                linkUp = !linkUp;
                fixture.device.setLinkUp(linkUp);
            }
            case 5 -> breakVring();
            case 6 -> {
                fixture.kernels.get(next(2)).refuse(next(20), Errno.ENOMEM);
                mayBreak = true;
            }
            case 7 -> usePairs();
            case 8 -> fixture.kernels.get(next(2)).serve();
            default -> send();
        }
    }

    private void start() {
        if (!started) {
            fixture.start();
            sent.forEach(List::clear);
            started = true;
            pairs = 1;
        }
    }

    private void reset() {
        fixture.driver.writeStatus(0);
        started = false;
        broken = false;
        assertEquals(0, fixture.driver.status());
        fixture.kernels.forEach(kernel -> assertTrue(kernel.isStill() && !kernel.hasEvents()));
    }

    private void breakVring() {
        if (started && !broken && !paused && linkUp) {
            fixture.kernels.get(0).breakVring(next(2));
            fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
            broken = true;
        }
    }

    /** Of a device that is paused no driver runs that could ask, and none is answered. */
    private void usePairs() {
        if (started && !broken && !paused) {
            int wanted = 1 + next(2);
            int answer = fixture.usePairs(wanted);
            assertTrue(answer == 0 || mayBreak);
            pairs = answer == 0 ? wanted : pairs;
        }
    }

    private void send() {
        int pair = next(2);
        if (started && pair < pairs && fixture.pair(pair).send(number)) {
            sent.get(pair).add(number++);
        }
    }

    private void check() {
        // Either waits until all that came before has been done.
        if (paused) {
            fixture.device.pause();
        } else {
            fixture.device.resume();
        }
        broken |= mayBreak && started && fixture.needsReset();
        if (!mayBreak) {
            assertEquals(broken, started && fixture.needsReset());
        }
        for (int pair = 0; pair < VhostNetFixture.PAIRS; pair++) {
            FakeKernel kernel = fixture.kernels.get(pair);
            boolean served = started && !broken && !paused && linkUp && pair < pairs;
            assertTrue(served ? kernel.isRunning() : kernel.isStill(), "pair " + pair);
            if (started) {
                List<Integer> received = fixture.pair(pair).received();
                assertEquals(sent.get(pair).subList(0, Math.min(received.size(), sent.get(pair).size())), received);
            }
        }
    }
}
