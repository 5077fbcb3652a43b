// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
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

/** Packets that the guest sends (virtio 1.3 §5.1.6.2). */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetTransmitTest extends NetFixture {

    private static final int TCPV4 = 1;
    private static final int UDP = 3;
    private static final int TCPV6 = 4;
    private static final int UDP_L4 = 5;
    private static final int ECN = 0x80;

    private byte[] sent() {
        byte[] packet = backend.take(0);
        assertNotNull(packet);
        return packet;
    }

    private static byte[] frameOf(byte[] packet) {
        return Arrays.copyOfRange(packet, NetHeader.BYTES, packet.length);
    }

    private static byte[] headerOf(byte[] packet) {
        return Arrays.copyOf(packet, NetHeader.BYTES);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED, RingFeatures.EVENT_IDX, RingFeatures.EVENT_IDX | RingFeatures.RING_PACKED})
    void shouldSendOnAnyKindOfQueue(long without) {
        open(config().withRing(true, true, true), OFFLOADS);
        driver.start(without);
        for (int size : new int[] {14, 60, 1514, 9014, NetHeader.MAX_FRAME_BYTES}) {
            driver.transmitted(0, PLAIN, frame(size));
            assertArrayEquals(frame(size), frameOf(sent()));
        }
        assertEquals(5, pair(0).transmitted().packets().get(NetCounter.PACKETS));
        assertEquals(14 + 60 + 1514 + 9014 + NetHeader.MAX_FRAME_BYTES, pair(0).transmitted().packets().get(NetCounter.BYTES));
        assertTrue(driver.interrupts.get() > 0);
    }

    static Stream<Arguments> headers() {
        byte[] checksum = header(1, 0, 0, 0, 34, 16);
        return Stream.of(
            Arguments.of("a checksum to be finished", checksum, checksum),
            Arguments.of("TSO", header(1, TCPV4, 54, 1448, 34, 16), header(1, TCPV4, 54, 1448, 34, 16)),
            Arguments.of("TSO with ECN", header(1, TCPV6 | ECN, 74, 1428, 54, 16), header(1, TCPV6 | ECN, 74, 1428, 54, 16)),
            Arguments.of("UFO", header(1, UDP, 42, 1472, 34, 6), header(1, UDP, 42, 1472, 34, 6)),
            Arguments.of("USO", header(1, UDP_L4, 42, 1472, 34, 6), header(1, UDP_L4, 42, 1472, 34, 6)),
            Arguments.of("flags that mean nothing", header(0xfe, 0, 0, 0, 0, 0), header(0, 0, 0, 0, 0, 0)),
            Arguments.of("a checksum that is not wanted", header(0, 0, 0, 0, 40_000, 40_000), header(0, 0, 0, 0, 0, 0)),
            Arguments.of("a size of segments that are not", header(0, 0, 0, 77, 0, 0), header(0, 0, 0, 0, 0, 0)),
            Arguments.of("the longest hdr_len", header(1, TCPV4, 0xffff, 1448, 34, 16), header(1, TCPV4, 2000, 1448, 34, 16)),
            Arguments.of("a checksum at the end", header(1, 0, 0, 0, 1982, 16), header(1, 0, 0, 0, 1982, 16)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("headers")
    @Tag("virtio:5.1.6.2.2/unknown-flags")
    @Tag("virtio:5.1.6.2.2/no-checksum")
    @Tag("virtio:5.1.6.2.2/hdr-len")
    void shouldGiveTheBackEndWhatHoldsOfTheHeader(String what, byte[] header, byte[] expected) {
        open(config(), OFFLOADS);
        driver.start(0);
        byte[] withCount = header.clone();
        withCount[NetHeader.NUM_BUFFERS_OFFSET] = 9;
        driver.transmitted(0, withCount, frame(2000));
        byte[] packet = sent();
        assertArrayEquals(expected, headerOf(packet));
        assertArrayEquals(frame(2000), frameOf(packet));
    }

    static Stream<Arguments> refused() {
        return Stream.of(
            Arguments.of(NetFault.GSO_TYPE_UNKNOWN, header(1, 2, 54, 1448, 34, 16), 0),
            Arguments.of(NetFault.GSO_TYPE_UNKNOWN, header(1, 0x61, 54, 1448, 34, 16), 0),
            Arguments.of(NetFault.GSO_TYPE_UNKNOWN, header(1, ECN, 54, 1448, 34, 16), 0),
            Arguments.of(NetFault.GSO_SIZE_ZERO, header(1, TCPV4, 54, 0, 34, 16), 0),
            Arguments.of(NetFault.CHECKSUM_OUTSIDE, header(1, 0, 0, 0, 1983, 16), 0),
            Arguments.of(NetFault.CHECKSUM_OUTSIDE, header(1, 0, 0, 0, 0xffff, 0xffff), 0),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, 0, 0, 0, 34, 16), NetFeatures.CSUM),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV4, 54, 1448, 34, 16), NetFeatures.HOST_TSO4),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV6, 54, 1448, 34, 16), NetFeatures.HOST_TSO6),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, TCPV4 | ECN, 54, 1448, 34, 16), NetFeatures.HOST_ECN),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, UDP, 54, 1448, 34, 16), NetFeatures.HOST_UFO),
            Arguments.of(NetFault.OFFLOAD_NOT_NEGOTIATED, header(1, UDP_L4, 54, 1448, 34, 16), NetFeatures.HOST_USO));
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("refused")
    @Tag("class:length")
    void shouldDropWhatTheDriverMustNotAskFor(NetFault why, byte[] header, long without) {
        open(config(), OFFLOADS);
        driver.start(without);
        driver.transmitted(0, header, frame(2000));
        driver.transmitted(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), frameOf(sent()), "the next packet is the first that gets through");
        assertEquals(1, pair(0).transmitted().faults().get(why));
        assertEquals(1, pair(0).transmitted().packets().get(NetCounter.DROPS));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 13, NetHeader.MAX_FRAME_BYTES + 1})
    @Tag("class:frames")
    void shouldDropFramesThatCannotBe(int size) {
        open(config(), OFFLOADS);
        driver.start(0);
        driver.transmitted(0, PLAIN, frame60OrRaw(size));
        driver.transmitted(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), frameOf(sent()));
        assertEquals(1, pair(0).transmitted().faults().get(size < 14 ? NetFault.FRAME_TOO_SHORT : NetFault.FRAME_TOO_LONG));
    }

    private static byte[] frame60OrRaw(int size) {
        return size < 14 ? new byte[size] : frame(size);
    }

    /** virtio 1.3 §2.7.4.1: header and frame may be in any number of pieces, and in the same one. */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakeAnyFraming() {
        open(config().withQueues(1, 1024), OFFLOADS);
        driver.start(RingFeatures.RING_PACKED);
        byte[] packet = Arrays.copyOf(PLAIN, NetHeader.BYTES + 200);
        System.arraycopy(frame(200), 0, packet, NetHeader.BYTES, 200);
        long at = driver.place(packet);
        BufferElements elements = new BufferElements().readable(at, packet.length);
        driver.add(1, elements);
        driver.used(1);
        assertArrayEquals(frame(200), frameOf(sent()));
        elements.clear();
        for (int i = 0; i < packet.length; i++) {
            elements.readable(at + i, 1);
        }
        driver.add(1, elements);
        driver.used(1);
        assertArrayEquals(frame(200), frameOf(sent()));
    }

    /** More pieces than one system call takes. */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakeAsManyElementsAsTheQueueHas() {
        open(config().withQueues(1, 1024), OFFLOADS);
        driver.start(0);
        byte[] packet = Arrays.copyOf(PLAIN, 1024);
        System.arraycopy(frame(1024 - NetHeader.BYTES), 0, packet, NetHeader.BYTES, 1024 - NetHeader.BYTES);
        long at = driver.place(packet);
        BufferElements elements = new BufferElements();
        for (int i = 0; i < packet.length; i++) {
            elements.readable(at + i, 1);
        }
        driver.add(1, elements);
        driver.used(1);
        assertArrayEquals(frame(1024 - NetHeader.BYTES), frameOf(sent()));
    }

    @Test
    void shouldGiveBackBuffersThatAreNoPackets() {
        open(config(), OFFLOADS);
        driver.start(0);
        long at = driver.place(2000);
        BufferElements elements = new BufferElements();
        driver.add(1, elements.clear().readable(at, 100).writable(at + 1000, 100));
        driver.used(1);
        driver.add(1, elements.clear().readable(at, 11));
        driver.used(1);
        driver.add(1, elements.clear().readable(at, 12).readable(1L << 40, 100));
        driver.used(1);
        driver.transmitted(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), frameOf(sent()));
        NetCounters counters = pair(0).transmitted();
        assertEquals(1, counters.faults().get(NetFault.WRONG_DIRECTION));
        assertEquals(1, counters.faults().get(NetFault.HEADER_TOO_SHORT));
        assertEquals(1, counters.driverFaults().get(DriverFault.BUFFER_OUTSIDE_MEMORY));
        assertEquals(3, counters.packets().get(NetCounter.MALFORMED));
        assertEquals(0, driver.needsReset.get());
    }

    /** A back end that is full holds up the queue, and nothing gets lost. */
    @Test
    void shouldWaitForRoom() {
        open(config(), OFFLOADS);
        driver.start(0);
        int packets = 100;
        for (int i = 0; i < packets; i++) {
            driver.transmit(0, PLAIN, frame(9000 + i));
        }
        NetDriver.await("the back end is full", () -> pair(0).transmitted().packets().get(NetCounter.WAITS) > 0);
        assertTrue(pair(0).transmitted().packets().get(NetCounter.PACKETS) < packets);
        for (int i = 0; i < packets; i++) {
            byte[][] packet = new byte[1][];
            NetDriver.await("packet " + i, () -> (packet[0] = backend.take(0)) != null);
            assertArrayEquals(frame(9000 + i), frameOf(packet[0]));
        }
        for (int i = 0; i < packets; i++) {
            driver.used(1);
        }
    }

    /** A port that has a part of a packet is to know that the packet does not come once more. */
    @Test
    void shouldTellThePortOfAPacketThatItGivesUp() {
        open(config(), OFFLOADS);
        driver.start(0);
        backend.sendError = -Errno.EAGAIN;
        driver.transmit(0, PLAIN, frame(60));
        NetDriver.await("it waits", () -> pair(0).transmitted().packets().get(NetCounter.WAITS) > 0);
        assertEquals(0, backend.abandoned.get());
        device.setLinkUp(false);
        driver.used(1);
        assertEquals(1, backend.abandoned.get());
        assertEquals(1, dropped(NetFault.LINK_DOWN));
        device.setLinkUp(true);
        driver.transmit(0, PLAIN, frame(60));
        device.reset();
        assertEquals(2, backend.abandoned.get());
    }

    /** A descriptor that the kernel will not wait for costs the port some time, and the thread nothing. */
    @Test
    void shouldFindOutWhetherThereIsRoomWhereNothingTells() {
        open(config(), OFFLOADS);
        backend.otherDescriptor = 1 << 20;
        driver.start(0);
        backend.sendError = -Errno.EAGAIN;
        driver.transmit(0, PLAIN, frame(60));
        NetDriver.await("it waits", () -> pair(0).transmitted().packets().get(NetCounter.WAITS) > 0);
        backend.sendError = 0;
        driver.used(1);
        assertArrayEquals(frame(60), frameOf(sent()));
        driver.addReceive(0, 2048);
        backend.inject(0, PLAIN, frame(61));
        assertArrayEquals(frame(61), driver.receivedFrame(0));
        assertEquals(0, driver.needsReset.get());
    }

    @Test
    void shouldDropWhatTheBackEndWillNotHave() {
        open(config(), OFFLOADS);
        driver.start(0);
        backend.sendError = -Errno.EIO;
        driver.transmitted(0, PLAIN, frame(60));
        assertEquals(1, dropped(NetFault.PORT_ERROR));
        backend.sendError = 0;
        driver.transmitted(0, PLAIN, frame(61));
        assertArrayEquals(frame(61), frameOf(sent()));
    }

    /** What was checked is what is sent (the class of CVE-2023-6693: a header that is other than it was taken for). */
    @Test
    @Tag("class:control-tables")
    void shouldTakeALongerHeaderWhereHashesAreReported() {
        open(config().withHash(false, true), OFFLOADS);
        driver.start(0);
        assertEquals(20, driver.headerBytes());
        byte[] header = Arrays.copyOf(header(1, TCPV4, 54, 1448, 34, 16), 20);
        Arrays.fill(header, 12, 20, (byte) 0xff);
        driver.transmitted(0, header, frame(2000));
        byte[] packet = sent();
        assertArrayEquals(header(1, TCPV4, 54, 1448, 34, 16), headerOf(packet));
        assertArrayEquals(frame(2000), frameOf(packet));
        BufferElements elements = new BufferElements().readable(driver.place(new byte[19]), 19);
        driver.add(1, elements);
        driver.used(1);
        assertNull(backend.take(0));
        assertEquals(1, pair(0).transmitted().faults().get(NetFault.HEADER_TOO_SHORT));
    }

    /** A queue that the driver breaks costs it the device, and not the process. */
    @Test
    void shouldNeedAResetWhereTheRingIsBroken() {
        open(config(), OFFLOADS);
        driver.start(RingFeatures.RING_PACKED);
        // idx far beyond the queue's size
        driver.memory.write(0x1_0000 + 0x6000 + 2, new byte[] {0, 0x70});
        driver.kickAnyway(1);
        NetDriver.await("it needs a reset", () -> driver.needsReset.get() == 1);
        assertEquals(1, pair(0).transmitted().driverFaults().get(DriverFault.AVAIL_IDX_JUMPED));
        device.reset();
        driver.start(RingFeatures.RING_PACKED);
        driver.transmitted(0, PLAIN, frame(60));
        assertArrayEquals(frame(60), frameOf(sent()));
    }
}
