// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Packets that come from the network (virtio 1.3 §5.1.6.3, §5.1.6.4). */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetReceiveTest extends NetFixture {

    private static final int TCPV4 = 1;
    private static final int UDP = 3;
    private static final int TCPV6 = 4;
    private static final int UDP_L4 = 5;

    private static byte[] withCount(byte[] header, int count) {
        byte[] with = header.clone();
        with[NetHeader.NUM_BUFFERS_OFFSET] = (byte) count;
        return with;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED, RingFeatures.EVENT_IDX, RingFeatures.EVENT_IDX | RingFeatures.RING_PACKED})
    @Tag("virtio:5.1.6.3.2/num-buffers")
    @Tag("virtio:5.1.6.4.1/num-buffers")
    void shouldReceiveOnAnyKindOfQueue(long without) {
        open(config().withRing(true, true, true), OFFLOADS);
        driver.start(without);
        for (int size : new int[] {14, 60, 127, 128, 129, 1514, 9014, 65000, NetHeader.MAX_FRAME_BYTES}) {
            for (int room = 0; room < size + 12; room += 4096) {
                driver.addReceive(0, 4096);
            }
            assertTrue(backend.inject(0, PLAIN, frame(size)));
            byte[] packet = driver.received(0);
            assertArrayEquals(withCount(PLAIN, (size + 12 + 4095) / 4096), Arrays.copyOf(packet, 12));
            assertArrayEquals(frame(size), Arrays.copyOfRange(packet, 12, packet.length));
        }
        assertEquals(9, pair(0).received().packets().get(NetCounter.PACKETS));
        assertTrue(driver.interrupts.get() > 0);
    }

    /** virtio 1.3 §5.1.6.4.1: all buffers of a packet but the last are full. */
    @Test
    @Tag("virtio:5.1.6.4.1/full")
    @Tag("virtio:5.1.6.4.1/together")
    void shouldFillBuffersOneAfterTheOther() {
        open(config(), OFFLOADS);
        driver.start(0);
        int[] sizes = {12, 13, 100, 64, 200, 1000};
        for (int size : sizes) {
            driver.addReceive(0, size);
        }
        backend.inject(0, PLAIN, frame(600));
        byte[] first = driver.receivedBuffer(0);
        assertArrayEquals(withCount(PLAIN, 6), first);
        int total = first.length;
        for (int i = 1; i < sizes.length - 1; i++) {
            byte[] part = driver.receivedBuffer(0);
            assertEquals(sizes[i], part.length);
            total += part.length;
        }
        assertEquals(612 - total, driver.receivedBuffer(0).length);
    }

    /** virtio 1.3 §5.1.6.3.2. */
    @Test
    @Tag("virtio:5.1.6.3.2/single")
    @Tag("virtio:5.1.6.4.1/one-without-merge")
    void shouldUseOneBufferWithoutMergeableOnes() {
        open(config(), OFFLOADS);
        driver.start(NetFeatures.MRG_RXBUF);
        driver.addReceive(0, 100, 512);
        driver.addReceive(0, 2048);
        driver.addReceive(0, 16, 50, 70_000);
        backend.inject(0, PLAIN, frame(601));
        backend.inject(0, PLAIN, frame(600));
        assertArrayEquals(frame(600), driver.receivedFrame(0), "601 do not fit into the first buffer, and are dropped");
        assertEquals(1, dropped(NetFault.BUFFERS_TOO_SMALL));
        backend.inject(0, PLAIN, frame(61));
        byte[] packet = driver.received(0);
        assertArrayEquals(withCount(PLAIN, 1), Arrays.copyOf(packet, 12));
        backend.inject(0, PLAIN, frame(65_550));
        assertArrayEquals(frame(65_550), driver.receivedFrame(0));
    }

    /** Nothing is read that nobody has room for: it waits in the back end, and costs no processor time. */
    @Test
    @Tag("class:starvation")
    void shouldWaitForBuffers() {
        open(config(), OFFLOADS);
        driver.start(0);
        for (int i = 0; i < 20; i++) {
            assertTrue(backend.inject(0, PLAIN, frame(100 + i)));
        }
        NetDriver.await("it waits", () -> pair(0).received().packets().get(NetCounter.WAITS) == 1);
        assertEquals(0, pair(0).received().packets().get(NetCounter.PACKETS));
        long turns = turns();
        device.pause();
        device.resume();
        assertTrue(turns() - turns < 50, "turns without work: " + (turns() - turns));
        for (int i = 0; i < 20; i++) {
            driver.addReceive(0, 2048);
            assertArrayEquals(frame(100 + i), driver.receivedFrame(0));
        }
    }

    private long turns() {
        return device.threads().getFirst().counters().get(dev.miraflores.aio.IoThreadCounter.TURNS);
    }

    private long waits;

    /** The device has a buffer, and waits for nothing but packets. */
    private void addAndAwaitRoom(int bytes) {
        driver.addReceive(0, 100);
        driver.addReceive(0, bytes);
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        waits = pair(0).received().packets().get(NetCounter.WAITS);
    }

    private void awaitAnotherWait() {
        NetDriver.await("it waits", () -> pair(0).received().packets().get(NetCounter.WAITS) > waits);
    }

    /** A packet larger than what the guest has put out so far is not lost. */
    @Test
    void shouldHoldAPacketUntilThereIsRoom() {
        open(config(), OFFLOADS);
        driver.start(0);
        addAndAwaitRoom(1000);
        backend.inject(0, PLAIN, frame(5000));
        backend.inject(0, PLAIN, frame(60));
        awaitAnotherWait();
        driver.addReceive(0, 100, 1900);
        driver.addReceive(0, 3000);
        driver.addReceive(0, 3000);
        byte[] packet = driver.received(0);
        assertArrayEquals(withCount(PLAIN, 3), Arrays.copyOf(packet, 12));
        assertArrayEquals(frame(5000), Arrays.copyOfRange(packet, 12, packet.length));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
    }

    /** What the guest does not take any more when there is room, it does not get. */
    @Test
    void shouldDropAPacketThatWaitsWhenOffloadsChange() {
        open(config(), OFFLOADS);
        driver.start(0);
        addAndAwaitRoom(1000);
        backend.inject(0, header(1, 0, 0, 0, 34, 16), frame(3000));
        awaitAnotherWait();
        assertEquals(0, driver.command(5, 0, new byte[8]));
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        assertEquals(1, dropped(NetFault.OFFLOAD_NOT_NEGOTIATED));
    }

    /** What came before the cable was pulled out is not what comes after it was put in. */
    @Test
    void shouldDropAPacketThatWaitsWhenTheLinkGoesDown() {
        open(config(), OFFLOADS);
        driver.start(0);
        addAndAwaitRoom(1000);
        backend.inject(0, PLAIN, frame(3000));
        awaitAnotherWait();
        device.setLinkUp(false);
        assertEquals(1, dropped(NetFault.LINK_DOWN));
        device.setLinkUp(true);
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
    }

    /** Buffers that can never hold a packet, all of them together, do not hold up what comes after it. */
    @Test
    void shouldDropAPacketThatNoBuffersWillHold() {
        open(config().withQueues(1, 8), OFFLOADS);
        driver.start(0);
        for (int i = 0; i < 8; i++) {
            driver.addReceive(0, 100);
        }
        backend.inject(0, PLAIN, frame(2000));
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        assertEquals(1, dropped(NetFault.BUFFERS_TOO_SMALL));
    }

    /** More elements than one system call takes. */
    @Test
    void shouldTakeAsManyElementsAsTheQueueHas() {
        open(config().withQueues(1, 1024), OFFLOADS);
        driver.start(NetFeatures.MRG_RXBUF);
        int[] sizes = new int[1024];
        Arrays.fill(sizes, 1);
        driver.addReceive(0, sizes);
        backend.inject(0, PLAIN, frame(1000));
        assertArrayEquals(frame(1000), driver.receivedFrame(0));
    }

    @Test
    void shouldGoRoundItsListOfBuffersManyTimes() {
        open(config().withQueues(1, 64), OFFLOADS);
        driver.start(0);
        for (int i = 0; i < 3000; i++) {
            if (i == 2500) {
                device.reset();
                driver.start(0);
            }
            driver.addReceive(0, 40, 40, 40);
            driver.addReceive(0, 30);
            int size = 14 + i % 120;
            byte[] frame = frame(size);
            backend.inject(0, PLAIN, frame);
            byte[] packet = driver.received(0);
            assertArrayEquals(frame, Arrays.copyOfRange(packet, 12, packet.length));
            if (packet[NetHeader.NUM_BUFFERS_OFFSET] == 1) {
                backend.inject(0, PLAIN, frame(14));
                driver.received(0);
            }
        }
    }

    static Stream<Arguments> headers() {
        return Stream.of(
            Arguments.of("a checksum to be finished", header(1, 0, 0, 0, 34, 16), header(1, 0, 0, 0, 34, 16)),
            Arguments.of("a checksum that is right", header(2, 0, 0, 0, 0, 0), header(2, 0, 0, 0, 0, 0)),
            Arguments.of("TSO", header(1, TCPV4, 54, 1448, 34, 16), header(1, TCPV4, 54, 1448, 34, 16)),
            Arguments.of("TSO with ECN", header(1, TCPV6 | 0x80, 74, 1428, 54, 16), header(1, TCPV6 | 0x80, 74, 1428, 54, 16)),
            Arguments.of("UFO", header(1, UDP, 42, 1472, 34, 6), header(1, UDP, 42, 1472, 34, 6)),
            Arguments.of("USO", header(1, UDP_L4, 42, 1472, 34, 6), header(1, UDP_L4, 42, 1472, 34, 6)),
            Arguments.of("RSC_INFO", header(4, 0, 0, 0, 0, 0), header(0, 0, 0, 0, 0, 0)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("headers")
    @Tag("virtio:5.1.6.4.1/ecn")
    @Tag("virtio:5.1.6.4.1/rsc")
    void shouldTellTheDriverWhatTheNetworkSays(String what, byte[] header, byte[] expected) {
        open(config(), OFFLOADS);
        driver.start(0);
        driver.addReceive(0, 4096);
        backend.inject(0, header, frame(2000));
        byte[] packet = driver.received(0);
        assertArrayEquals(withCount(expected, 1), Arrays.copyOf(packet, 12));
        assertArrayEquals(frame(2000), Arrays.copyOfRange(packet, 12, packet.length));
    }

    static Stream<Arguments> refused() {
        long all = NetFeatures.GUEST_OFFLOADS;
        return Stream.of(
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, 0, 0, 0, 34, 16), all),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV4, 54, 1448, 34, 16), NetFeatures.GUEST_TSO4),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV6, 54, 1448, 34, 16), NetFeatures.GUEST_TSO6),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, UDP, 54, 1448, 34, 16), NetFeatures.GUEST_UFO),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, UDP_L4, 54, 1448, 34, 16),
                NetFeatures.GUEST_USO4 | NetFeatures.GUEST_USO6),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV4 | 0x80, 54, 1448, 34, 16), NetFeatures.GUEST_ECN),
            Arguments.of(NetFault.CHECKSUM_OUTSIDE, header(0, TCPV4, 54, 1448, 34, 16), 0),
            Arguments.of(NetFault.GSO_TYPE_UNKNOWN, header(1, 7, 54, 1448, 34, 16), 0),
            Arguments.of(NetFault.GSO_SIZE_ZERO, header(1, TCPV4, 54, 0, 34, 16), 0),
            Arguments.of(NetFault.CHECKSUM_OUTSIDE, header(1, 0, 0, 0, 1999, 0), 0));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("refused")
    @Tag("virtio:5.1.6.4.1/tso4")
    @Tag("virtio:5.1.6.4.1/tso6")
    @Tag("virtio:5.1.6.4.1/ufo")
    @Tag("virtio:5.1.6.4.1/uso")
    @Tag("virtio:5.1.6.4.1/ecn")
    @Tag("virtio:5.1.6.4.1/gso-checksum")
    void shouldKeepFromTheDriverWhatItDoesNotTake(NetFault why, byte[] header, long without) {
        open(config(), OFFLOADS);
        driver.start(without);
        driver.addReceive(0, 4096);
        backend.inject(0, header, frame(2000));
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        assertEquals(1, dropped(why));
    }

    /** virtio 1.3 §5.1.6.4.1: without VIRTIO_NET_F_GUEST_CSUM flags are 0. */
    @Test
    @Tag("virtio:5.1.6.4.1/no-guest-csum")
    @Tag("virtio:5.1.6.4.1/gso-none")
    void shouldSetNoFlagsWithoutGuestCsum() {
        open(config(), OFFLOADS);
        driver.start(NetFeatures.GUEST_OFFLOADS);
        driver.addReceive(0, 4096);
        backend.inject(0, header(2, 0, 99, 7, 5, 5), frame(60));
        byte[] packet = driver.received(0);
        assertEquals(0, packet[NetHeader.FLAGS_OFFSET]);
        assertEquals(0, packet[NetHeader.GSO_TYPE_OFFSET]);
    }

    /** virtio 1.3 §5.1.4.1. */
    @Test
    @Tag("virtio:5.1.4.1/mtu-receive")
    @Tag("virtio:5.1.4.1/mtu-transmit")
    void shouldKeepToTheMtuThatItTold() {
        open(config().withMtu(1000), OFFLOADS);
        driver.start(0);
        driver.addReceive(0, 4096);
        driver.addReceive(0, 4096);
        driver.addReceive(0, 4096);
        backend.inject(0, PLAIN, frame(1015));
        backend.inject(0, PLAIN, frame(1014));
        assertArrayEquals(frame(1014), driver.receivedFrame(0));
        byte[] tagged = frame(1018);
        tagged[12] = (byte) 0x81;
        tagged[13] = 0;
        backend.inject(0, PLAIN, tagged);
        assertArrayEquals(tagged, driver.receivedFrame(0));
        backend.inject(0, header(1, TCPV4, 54, 946, 34, 16), frame(2000));
        assertArrayEquals(frame(2000), driver.receivedFrame(0));
        assertEquals(1, dropped(NetFault.FRAME_TOO_LONG));
        driver.transmitted(0, PLAIN, frame(1014));
        assertEquals(1026, backend.take(0).length);
    }

    @Test
    void shouldPassAnyLengthWhereNoMtuWasNegotiated() {
        open(config().withMtu(1000), OFFLOADS);
        driver.start(NetFeatures.MTU);
        driver.addReceive(0, 4096);
        backend.inject(0, PLAIN, frame(1015));
        assertArrayEquals(frame(1015), driver.receivedFrame(0));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 11, 12, 25, NetHeader.BYTES + NetHeader.MAX_FRAME_BYTES + 1, 2 * NetHeader.MAX_FRAME_BYTES})
    @Tag("class:frames")
    void shouldDropFramesThatCannotBe(int bytes) {
        open(config(), OFFLOADS);
        driver.start(0);
        for (int i = 0; i < 20; i++) {
            driver.addReceive(0, 4096);
        }
        assertTrue(backend.inject(0, new byte[0], new byte[bytes]));
        backend.inject(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        assertEquals(1, pair(0).received().packets().get(NetCounter.DROPS));
    }

    @Test
    void shouldGiveBackBuffersThatNothingCanBeReceivedInto() {
        open(config(), OFFLOADS);
        driver.start(0);
        long at = driver.place(4096);
        BufferElements elements = new BufferElements();
        driver.add(0, elements.clear().readable(at, 100).writable(at + 1000, 2000));
        driver.add(0, elements.clear().writable(at, 11));
        driver.add(0, elements.clear().writable(-4096L, 4096));
        driver.addReceive(0, 2048);
        backend.inject(0, PLAIN, frame(60));
        for (int i = 0; i < 3; i++) {
            driver.used(0);
            assertEquals(0, driver.queue(0).usedBytes());
        }
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        NetCounters counters = pair(0).received();
        assertEquals(1, counters.faults().get(NetFault.WRONG_DIRECTION));
        assertEquals(1, counters.faults().get(NetFault.HEADER_TOO_SHORT));
        assertEquals(1, counters.driverFaults().get(DriverFault.BUFFER_OUTSIDE_MEMORY));
        assertEquals(0, driver.needsReset.get());
    }

    /** virtio 1.3 §2.7.8.2: no byte is written that the used ring does not answer for, or that the buffer does not have. */
    @Test
    @Tag("class:leak")
    void shouldWriteNoMoreThanItReportsOfTheLastBuffer() {
        open(config(), OFFLOADS);
        driver.start(0);
        long at = driver.place(8192);
        byte[] canary = new byte[8192];
        Arrays.fill(canary, (byte) 0x77);
        driver.memory.write(at, canary);
        driver.add(0, new BufferElements().writable(at, 1000).writable(at + 2000, 1000));
        backend.inject(0, PLAIN, frame(1500));
        driver.used(0);
        assertEquals(1512, driver.queue(0).usedBytes());
        byte[] after = new byte[8192];
        driver.memory.read(at, after);
        for (int i = 0; i < after.length; i++) {
            boolean covered = i < 1000 || i >= 2000 && i < 2512;
            assertTrue(covered || after[i] == 0x77, "byte " + i);
        }
    }

    @Test
    void shouldTryAPortAgainThatHadAnError() {
        open(config(), OFFLOADS);
        driver.start(0);
        driver.addReceive(0, 2048);
        backend.receiveError = -Errno.EIO;
        backend.inject(0, PLAIN, frame(60));
        NetDriver.await("an error", () -> dropped(NetFault.PORT_ERROR) >= 1);
        assertFalse(dropped(NetFault.PORT_ERROR) > 50, "it is not tried again and again");
        backend.receiveError = 0;
        assertArrayEquals(frame(60), driver.receivedFrame(0));
    }

    @Test
    void shouldNeedAResetWhereTheRingIsBroken() {
        open(config(), OFFLOADS);
        driver.start(RingFeatures.RING_PACKED);
        driver.memory.write(0x6000 + 2, new byte[] {0, 0x70});
        backend.inject(0, PLAIN, frame(60));
        driver.kickAnyway(0);
        NetDriver.await("it needs a reset", () -> driver.needsReset.get() == 1);
        assertEquals(1, pair(0).received().driverFaults().get(DriverFault.AVAIL_IDX_JUMPED));
        device.reset();
        driver.start(RingFeatures.RING_PACKED);
        driver.addReceive(0, 2048);
        assertArrayEquals(frame(60), driver.receivedFrame(0));
    }
}
