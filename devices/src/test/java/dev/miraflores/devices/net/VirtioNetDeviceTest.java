// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a NIC offers, tells and does as a device; what it does with packets has tests of its own. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VirtioNetDeviceTest extends NetFixture {

    private static final int STATUS_OFFSET = 6;

    @Test
    @Tag("virtio:2.2.2/dependencies")
    void shouldOfferOnlyWhatItsBackEndCarries() {
        open(config(), 0);
        long all = device.features();
        assertEquals(0, all & NetFeatures.OFFLOADS);
        assertEquals(0, all & (NetFeatures.CTRL_GUEST_OFFLOADS | NetFeatures.MQ | NetFeatures.MTU | NetFeatures.RSS));
        long always = NetFeatures.MAC | NetFeatures.STATUS | NetFeatures.CTRL_VQ | NetFeatures.CTRL_RX | NetFeatures.CTRL_VLAN
            | NetFeatures.CTRL_RX_EXTRA | NetFeatures.CTRL_MAC_ADDR | NetFeatures.GUEST_ANNOUNCE | NetFeatures.MRG_RXBUF
            | RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC | RingFeatures.RING_PACKED;
        assertEquals(always, all);
        assertEquals(1, device.deviceId());
    }

    /** virtio 1.3 §5.1.3.1: segmentation needs checksums, ECN needs TSO. */
    @Test
    @Tag("virtio:2.2.2/dependencies")
    void shouldOfferNoFeatureWithoutThoseThatItNeeds() {
        open(config(), NetFeatures.HOST_TSO4 | NetFeatures.HOST_ECN | NetFeatures.GUEST_CSUM | NetFeatures.GUEST_ECN);
        assertEquals(NetFeatures.GUEST_CSUM, device.features() & NetFeatures.OFFLOADS);
    }

    @Test
    @Tag("virtio:5.1.4.1/pairs")
    @Tag("virtio:5.1.4.1/mtu-range")
    @Tag("virtio:5.1.4.1/rss-key")
    @Tag("virtio:5.1.4.1/rss-table")
    void shouldDescribeItself() {
        open(config().withQueues(4, 256).withMtu(9000).withHash(true, true), OFFLOADS);
        assertEquals(0x5634_1200_5452L, device.readConfig(0, 4) & 0xffff_ffffL | device.readConfig(4, 2) << 32);
        assertEquals(1, device.readConfig(STATUS_OFFSET, 2));
        assertEquals(4, device.readConfig(8, 2));
        assertEquals(9000, device.readConfig(10, 2));
        assertEquals(0xffff_ffffL, device.readConfig(12, 4));
        assertEquals(0xff, device.readConfig(16, 1));
        assertEquals(40, device.readConfig(17, 1));
        assertEquals(128, device.readConfig(18, 2));
        assertEquals(0x3f, device.readConfig(20, 4));
        assertEquals(24, device.configByteSize());
        assertEquals(9, device.queueCount());
        assertTrue((device.features() & NetFeatures.MQ) != 0);
    }

    @Test
    @Tag("virtio:5.1.4.1/mtu-fixed")
    void shouldIgnoreWritesToItsConfiguration() {
        open(config().withMtu(1400), 0);
        for (int i = 0; i < device.configByteSize(); i++) {
            device.writeConfig(i, 1, 0xa5);
        }
        assertEquals(1400, device.readConfig(10, 2));
        assertEquals(0x5452, device.readConfig(0, 2));
    }

    @Test
    void shouldRefuseAConfigurationThatCannotBe() {
        assertEquals("nic test: mac 10052540012 is not that of one device",
            assertThrows(IllegalArgumentException.class, () -> NetDeviceConfig.of("test", 0x0100_5254_0012L)).getMessage());
        assertThrows(IllegalArgumentException.class, () -> NetDeviceConfig.of("test", 0));
        assertThrows(IllegalArgumentException.class, () -> config().withQueues(0, 256));
        assertThrows(IllegalArgumentException.class, () -> config().withQueues(1, 100));
        assertThrows(IllegalArgumentException.class, () -> config().withQueues(1, 2048));
        assertThrows(IllegalArgumentException.class, () -> config().withMtu(67));
        assertThrows(IllegalArgumentException.class, () -> config().withThreads(2, IoThreadOptions.DEFAULTS));
        assertThrows(IllegalArgumentException.class,
            () -> config().withQueues(2, 64).withThreads(2, IoThreadOptions.DEFAULTS).withHash(true, false));
    }

    @Test
    void shouldTellItsBackEndWhatTheDriverTakes() {
        open(config().withQueues(2, 64), OFFLOADS);
        driver.start(NetFeatures.GUEST_TSO6);
        assertEquals(List.of("offloads " + Long.toHexString(NetFeatures.GUEST_OFFLOADS & ~NetFeatures.GUEST_TSO6), "pairs 1"),
            backend.calls);
    }

    /** virtio 1.3 §5.1.3.1: a driver that takes segments without checksums gets neither. */
    @Test
    void shouldNotTakeSegmentsWithoutChecksums() {
        open(config(), OFFLOADS);
        driver.start(NetFeatures.GUEST_CSUM);
        assertEquals(List.of("offloads 0", "pairs 1"), backend.calls);
    }

    @Test
    void shouldNeedAResetWhereItsBackEndDoesNotKeepItsWord() {
        open(config(), OFFLOADS);
        backend.answer = -22;
        driver.start(0);
        assertEquals(1, driver.needsReset.get());
        driver.transmit(0, PLAIN, frame(60));
        device.pause();
        assertNull(backend.take(0));
    }

    @Test
    void shouldTellTheDriverOfItsLink() {
        open(config(), 0);
        driver.start(0);
        device.setLinkUp(false);
        NetDriver.await("the link is down", () -> driver.configChanges.get() == 1);
        assertEquals(0, device.readConfig(STATUS_OFFSET, 2));
        driver.transmitted(0, PLAIN, frame(60));
        assertNull(backend.take(0));
        driver.addReceive(0, 2048);
        backend.inject(0, PLAIN, frame(60));
        NetDriver.await("what comes is dropped", () -> pair(0).received().faults().get(NetFault.LINK_DOWN) == 1);
        assertEquals(1, pair(0).transmitted().faults().get(NetFault.LINK_DOWN));
        assertFalse(device.report().linkUp());
        device.setLinkUp(false);
        device.setLinkUp(true);
        NetDriver.await("the link is up", () -> driver.configChanges.get() == 2);
        assertEquals(1, device.readConfig(STATUS_OFFSET, 2));
        backend.inject(0, PLAIN, frame(61));
        assertArrayEquals(frame(61), driver.receivedFrame(0));
    }

    /** Who has pulled the cable out may rely on it. */
    @Test
    void shouldHaveItsLinkDownWhenTheCallReturns() {
        open(config(), 0);
        driver.start(0);
        device.threads().getFirst().execute(() -> LockSupport.parkNanos(100_000_000));
        device.setLinkUp(false);
        assertFalse(device.report().linkUp());
        assertEquals(0, device.readConfig(STATUS_OFFSET, 2));
        assertEquals(1, driver.configChanges.get());
    }

    @Test
    void shouldHaveALinkOnlyWhereThereIsSomebody() {
        open(config(), 0);
        driver.start(0);
        backend.events.linkChanged(false);
        NetDriver.await("the link is down", () -> !device.report().linkUp());
        assertTrue(device.report().linkUpByUser());
        device.setLinkUp(false);
        backend.events.linkChanged(true);
        NetDriver.await("the operator wants it down", () -> !device.report().linkUpByUser());
        assertFalse(device.report().linkUp());
        device.setLinkUp(true);
        NetDriver.await("the link is up", () -> device.report().linkUp());
        assertEquals(2, driver.configChanges.get());
    }

    /** virtio 1.3 §5.1.6.5.4. */
    @Test
    @Tag("virtio:5.1.6.5.4.2/announce")
    void shouldAskForAnAnnouncementUntilItIsAcknowledged() {
        open(config(), 0);
        driver.start(0);
        device.announce();
        NetDriver.await("it asks", () -> driver.configChanges.get() == 1);
        assertEquals(3, device.readConfig(STATUS_OFFSET, 2));
        assertEquals(1, driver.command(3, 1, new byte[0]));
        assertEquals(3, device.readConfig(STATUS_OFFSET, 2));
        assertEquals(0, driver.command(3, 0, new byte[0]));
        assertEquals(1, device.readConfig(STATUS_OFFSET, 2));
    }

    @Test
    void shouldNotAskADriverThatCannotAnnounceItself() {
        open(config(), 0);
        driver.start(NetFeatures.GUEST_ANNOUNCE);
        device.announce();
        device.threads().getFirst().call(() -> { });
        assertEquals(1, device.readConfig(STATUS_OFFSET, 2));
        assertEquals(1, driver.command(3, 0, new byte[0]));
    }

    @Test
    void shouldMoveNothingWhilePaused() {
        open(config(), 0);
        driver.start(0);
        driver.addReceive(0, 2048);
        device.pause();
        driver.transmit(0, PLAIN, frame(60));
        backend.inject(0, PLAIN, frame(64));
        assertNull(backend.take(0));
        device.pause();
        assertNull(backend.take(0));
        assertEquals(-1, driver.queue(0).pollUsed());
        device.resume();
        assertArrayEquals(frame(64), driver.receivedFrame(0));
        driver.used(1);
        assertEquals(NetHeader.BYTES + 60, backend.take(0).length);
    }

    @Test
    void shouldTakeNoCommandsWhilePaused() {
        open(config(), 0);
        driver.start(0);
        device.pause();
        long header = driver.place(new byte[] {0, 0});
        long ack = driver.place(1);
        driver.add(driver.controlQueue(), new BufferElements().readable(header, 2).readable(driver.place(new byte[1]), 1).writable(ack, 1));
        for (int i = 0; i < 20; i++) {
            device.threads().getFirst().call(() -> { });
        }
        assertEquals(-1, driver.queue(driver.controlQueue()).pollUsed());
        assertEquals(0, device.report().commands());
        device.resume();
        assertEquals(0, driver.answer(ack));
        assertEquals(1, device.report().commands());
    }

    /** An I/O thread that has died costs its own pairs, and no more. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldEndWhereOneOfItsThreadsHasDied(int dead) {
        open(config().withQueues(2, 64).withThreads(2, IoThreadOptions.DEFAULTS), 0);
        driver.start(0);
        device.threads().get(dead).close();
        device.pause();
        device.resume();
        device.setLinkUp(false);
        assertFalse(device.report().linkUp());
        device.reset();
        assertFalse(device.report().active());
        driver.start(0);
        assertEquals(1, driver.needsReset.get());
        device.reset();
        device.close();
        assertTrue(backend.closed);
        for (var thread : device.threads()) {
            assertThrows(RejectedExecutionException.class, () -> thread.call(() -> { }));
        }
    }

    /** virtio 1.3 §2.4.1. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
    @Tag("virtio:5.1.6.5.2.1/empty")
    void shouldTouchNothingAfterAResetAndBeginAnew() {
        open(config(), 0);
        for (int i = 0; i < 3; i++) {
            driver.start(i == 1 ? RingFeatures.RING_PACKED : 0);
            driver.addReceive(0, 2048);
            assertEquals(0, driver.command(1, 1, new byte[] {2, 0, 0, 0, 0, (byte) i}));
            assertEquals(0, driver.command(0, 0, new byte[] {0}));
            device.reset();
            driver.transmit(0, PLAIN, frame(60));
            backend.inject(0, PLAIN, frame(60));
            assertNull(backend.take(0));
            boolean before = i != 0; // what waited for the driver to be ready again
            assertEquals(before, driver.queue(0).pollUsed() >= 0);
            assertEquals(-1, driver.queue(0).pollUsed());
            NetReport report = device.report();
            assertFalse(report.active());
            assertEquals(MAC, report.state().filter().mac());
            assertTrue(report.state().filter().has(ReceiveFilter.Mode.PROMISCUOUS));
            assertEquals(0x5452, device.readConfig(0, 2));
        }
        driver.start(0);
        driver.addReceive(0, 2048);
        assertArrayEquals(frame(60), driver.receivedFrame(0), "what came meanwhile waits in the back end");
        assertEquals(6, device.report().commands());
    }

    @Test
    void shouldEndWithItsBackEndAndItsThreads() {
        open(config().withQueues(2, 64).withThreads(2, IoThreadOptions.DEFAULTS), 0);
        driver.start(0);
        device.close();
        assertTrue(backend.closed);
        device.close();
        device.setLinkUp(false);
        device.announce();
        for (var thread : device.threads()) {
            assertThrows(RuntimeException.class, () -> thread.call(() -> { }));
        }
    }

    /** A socket that connects again has another descriptor. */
    @Test
    void shouldGoOnWithThePortThatABackEndChanges() {
        open(config(), 0);
        driver.start(0);
        driver.addReceive(0, 2048);
        driver.addReceive(0, 2048);
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        boolean[] changed = new boolean[1];
        backend.events.changePort(0, () -> {
            backend.connect(0);
            changed[0] = true;
        });
        device.threads().getFirst().call(() -> { });
        assertTrue(changed[0]);
        backend.inject(0, PLAIN, frame(70));
        assertArrayEquals(frame(70), driver.receivedFrame(0));
    }
}
