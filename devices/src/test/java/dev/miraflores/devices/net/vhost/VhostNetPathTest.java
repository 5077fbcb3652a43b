// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.testkit.LogLines;
import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A NIC that the kernel serves, from the driver's registers and control queue to the kernel's ioctls and back. */
@Timeout(60)
class VhostNetPathTest {

    private final VhostNetFixture fixture = new VhostNetFixture();

    @AfterEach
    void close() {
        fixture.close();
        fixture.kernels.forEach(kernel -> assertTrue(kernel.isClosed()));
        assertTrue(fixture.tap.closed);
        assertEquals(List.of(), fixture.violations());
    }

    private void exchange(int pair, int number) {
        int before = fixture.pair(pair).received().size();
        assertTrue(fixture.pair(pair).send(number));
        fixture.await("packet " + number, () -> {
            fixture.kernels.get(pair).serve();
            return fixture.pair(pair).received().size() == before + 1;
        });
        assertEquals(number, fixture.pair(pair).received().getLast());
    }

    private void start() {
        fixture.start();
        fixture.await("the first pair", () -> fixture.isServed(0));
    }

    @Test
    void shouldOfferWhatKernelAndTapCanDo() {
        long offered = fixture.driver.deviceFeatures();
        long both = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX | NetFeatures.MRG_RXBUF | NetFeatures.MQ
            | FakeTap.OFFLOADS;
        assertEquals(both, offered & both);
        assertEquals(0, offered & (RingFeatures.RING_PACKED | RingFeatures.IN_ORDER | NetFeatures.RSS | NetFeatures.HASH_REPORT
            | NetFeatures.HOST_TSO6 | FakeKernel.NOT_OURS | 1 << 27));
        assertEquals(1400, fixture.driver.readConfig(10, 2), "the tap's MTU");
        assertEquals("tap,ifname=fake0,vhost=on", fixture.device.path().description());
    }

    @Test
    void shouldHaveTheKernelMovePacketsOfEachPair() {
        start();
        assertFalse(fixture.isServed(1), "not in use yet");
        assertEquals(NetFeatures.MRG_RXBUF | RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX,
            fixture.kernels.getFirst().accepted());
        assertEquals(NetFeatures.GUEST_CSUM | NetFeatures.GUEST_TSO4, fixture.tap.offloads);
        exchange(0, 1);
        fixture.await("the notification", () -> fixture.driver.takeUsedBufferNotification(0));

        assertEquals(0, fixture.usePairs(2));
        assertTrue(fixture.isServed(1));
        assertEquals(2, fixture.tap.activePairs);
        exchange(0, 2);
        exchange(1, 3);
        assertEquals(fixture.tap.port(1).descriptor(), fixture.kernels.get(1).backend(0));
        assertEquals(fixture.tap.port(1).descriptor(), fixture.kernels.get(1).backend(1));

        assertEquals(0, fixture.usePairs(1));
        assertFalse(fixture.isServed(1));
        assertEquals(1, fixture.tap.activePairs);
        assertEquals(0, fixture.usePairs(2));
        exchange(1, 4);
        assertEquals(List.of(3, 4), fixture.pair(1).received());
    }

    @Test
    void shouldTellTheDriverThatTheTapDoesNotDoIt() {
        start();
        fixture.tap.refusal = Errno.EINVAL;
        assertNotEquals(0, fixture.usePairs(2));
        assertFalse(fixture.isServed(1));
        fixture.tap.refusal = 0;
        exchange(0, 1);
        assertFalse(fixture.needsReset());
    }

    @Test
    void shouldTellTheTapWhatTheGuestTakes() {
        start();
        assertEquals(0, fixture.command(5, 0, 2, 0, 0, 0, 0, 0, 0, 0));
        assertEquals(NetFeatures.GUEST_CSUM, fixture.tap.offloads);
        exchange(0, 1);
    }

    @Test
    void shouldMoveNothingWhileTheLinkIsDown() {
        start();
        exchange(0, 1);
        fixture.device.setLinkUp(false);
        fixture.await("a kernel at rest", fixture.kernels.getFirst()::isStill);
        fixture.await("the notification", fixture.driver::takeConfigNotification);
        assertEquals(0, fixture.driver.readConfig(6, 2) & 1);

        fixture.device.setLinkUp(true);
        fixture.await("the pair", () -> fixture.isServed(0));
        exchange(0, 2);
    }

    @Test
    void shouldHearOfTheTapsLink() {
        start();
        fixture.tap.events.linkChanged(false);
        fixture.await("a kernel at rest", fixture.kernels.getFirst()::isStill);
        fixture.tap.events.linkChanged(true);
        fixture.await("the pair", () -> fixture.isServed(0));
        fixture.tap.events.changePort(0, () -> assertTrue(fixture.kernels.getFirst().isStill()));
        fixture.device.pause();
        fixture.device.resume();
        exchange(0, 1);
    }

    @Test
    void shouldStandStillWhilePausedAndGoOnWhereItWas() {
        start();
        exchange(0, 1);
        fixture.device.pause();
        assertTrue(fixture.kernels.getFirst().isStill());
        assertTrue(fixture.pair(0).send(2));
        fixture.device.resume();
        fixture.await("the packet", () -> {
            fixture.kernels.getFirst().serve();
            return fixture.pair(0).received().equals(List.of(1, 2));
        });
    }

    @Test
    void shouldLeaveTheKernelNothingAfterAReset() {
        start();
        assertEquals(0, fixture.usePairs(2));
        exchange(1, 1);
        assertTrue(fixture.pair(0).send(2), "and the kernel has not looked at it");

        fixture.driver.writeStatus(0);

        assertEquals(0, fixture.driver.status());
        fixture.kernels.forEach(kernel -> assertTrue(kernel.isStill() && !kernel.hasEvents()));
        start();
        assertFalse(fixture.isServed(1));
        exchange(0, 3);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldNeedAResetWhereTheKernelCannotGoOn(int pair) {
        start();
        fixture.usePairs(2);
        try (LogLines log = new LogLines(VhostNetPath.class.getName())) {
            fixture.kernels.get(pair).breakVring(1);
            fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
            assertEquals(List.of("nic n: needs a reset: the kernel reports an error of queue pair " + pair), log.lines());
        }
        start();
        exchange(0, 1);
    }

    /** Each ioctl of a start refused in its turn; the last ones are the two that give the rings a tap. */
    @Test
    void shouldNeedAResetWhereTheKernelRefusesAnything() {
        FakeKernel kernel = fixture.kernels.getFirst();
        int before = kernel.calls();
        start();
        int calls = kernel.calls() - before;
        fixture.driver.writeStatus(0);
        for (int i = 0; i < calls; i++) {
            kernel.refuse(i, Errno.ENOMEM);
            fixture.start();
            fixture.await("DEVICE_NEEDS_RESET", fixture::needsReset);
            assertTrue(kernel.isStill());
            fixture.driver.writeStatus(0);
            assertFalse(kernel.hasEvents());
        }
        start();
        exchange(0, 1);
    }

    @Test
    void shouldCloseAllThatItHasOpenedWhereOneCannotBe() {
        FakeTap tap = new FakeTap(3);
        FakeKernel first = new FakeKernel(fixture.machine.ram());
        VhostException refusal = assertThrows(VhostException.class, () -> VhostNetPath.open("m", tap, 3, () -> {
            if (first.calls() != 0) {
                throw new VhostException("no more");
            }
            return first.open();
        }, 1));
        assertEquals("no more", refusal.getMessage());
        assertTrue(first.isClosed() && tap.closed);
    }
}
