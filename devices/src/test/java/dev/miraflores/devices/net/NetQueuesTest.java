// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThreadOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several queue pairs, and packets that go to them by their hash (virtio 1.3 §5.1.6.5.5 to §5.1.6.5.7). */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetQueuesTest extends NetFixture {

    private static final int OK = 0;
    private static final int ERR = 1;
    private static final int MQ = 4;
    private static final int PAIRS_SET = 0;
    private static final int RSS_CONFIG = 1;
    private static final int HASH_CONFIG = 2;
    private static final byte[] KEY = HexFormat.of().parseHex(
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    /** Its hash is 0x51ccc178. */
    private static final byte[] TCP = HexFormat.of().parseHex("525400123456525400abcdef"
        + "0800" + "450000280000400040060000" + "420995bb" + "a18e6450" + "0aea06e6" + "0000000000000000");

    private int setPairs(int pairs) {
        return driver.command(MQ, PAIRS_SET, le16(pairs));
    }

    private static byte[] rss(int types, int mask, int unclassified, int[] table, int maxTransmit, byte[] key) {
        ByteBuffer data = ByteBuffer.allocate(11 + 2 * table.length + key.length).order(ByteOrder.LITTLE_ENDIAN);
        data.putInt(types).putShort((short) mask).putShort((short) unclassified);
        for (int each : table) {
            data.putShort((short) each);
        }
        return data.putShort((short) maxTransmit).put((byte) key.length).put(key).array();
    }

    private static byte[] hash(int types, byte[] key) {
        return ByteBuffer.allocate(13 + key.length).order(ByteOrder.LITTLE_ENDIAN).putInt(types).putLong(0)
            .put((byte) key.length).put(key).array();
    }

    private boolean isActive(int pair) {
        return pair(pair).active();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @Tag("virtio:5.1.6.5.6.2/first")
    @Tag("virtio:5.1.6.5.6.2/no-more")
    void shouldUseAsManyPairsAsTheDriverSays(int threads) {
        open(config().withQueues(3, 64).withThreads(threads, IoThreadOptions.DEFAULTS), OFFLOADS);
        driver.start(0);
        for (int pair = 0; pair < 3; pair++) {
            for (int i = 0; i < 4; i++) {
                driver.addReceive(pair, 2048);
            }
        }
        assertTrue(isActive(0));
        assertFalse(isActive(1));
        backend.inject(1, PLAIN, frame(61));
        driver.transmit(1, PLAIN, frame(60));
        assertEquals(OK, setPairs(1));
        assertEquals(-1, driver.queue(2).pollUsed());
        assertNull(backend.take(1));

        assertEquals(OK, setPairs(3));
        assertArrayEquals(frame(61), driver.receivedFrame(1));
        driver.used(3);
        assertEquals(72, backend.take(1).length);
        for (int pair = 0; pair < 3; pair++) {
            driver.transmitted(pair, PLAIN, frame(80 + pair));
            assertEquals(92 + pair, backend.take(pair).length);
            backend.inject(pair, PLAIN, frame(90 + pair));
            assertArrayEquals(frame(90 + pair), driver.receivedFrame(pair));
        }
        assertEquals(OK, setPairs(2));
        assertFalse(isActive(2));
        backend.inject(2, PLAIN, frame(62));
        driver.transmit(2, PLAIN, frame(60));
        assertEquals(OK, setPairs(2));
        assertNull(backend.take(2));
        assertEquals(-1, driver.queue(4).pollUsed());
        assertEquals(1, pair(2).transmitted().packets().get(NetCounter.PACKETS));
    }

    @Test
    @Tag("class:control-tables")
    void shouldRefuseNumbersOfPairsThatThereAreNot() {
        open(config().withQueues(2, 64), OFFLOADS);
        driver.start(0);
        assertEquals(ERR, setPairs(0));
        assertEquals(ERR, setPairs(3));
        assertEquals(ERR, setPairs(0x8000));
        assertEquals(ERR, setPairs(0xffff));
        assertEquals(ERR, driver.command(MQ, PAIRS_SET, new byte[] {1}));
        assertEquals(ERR, driver.command(MQ, PAIRS_SET, new byte[3]));
        assertEquals(ERR, driver.command(MQ, 3, new byte[2]));
        assertEquals(1, device.report().state().activePairs());
        backend.answer = -22;
        assertEquals(ERR, setPairs(2));
        assertEquals(1, device.report().state().activePairs());
        assertFalse(isActive(1));
    }

    /** virtio 1.3 §5.1.6.5.7, with the packet of Microsoft's examples. */
    @Test
    @Tag("virtio:5.1.6.5.7.3/destination")
    void shouldSteerPacketsByTheirHash() {
        open(config().withQueues(4, 64).withHash(true, false), OFFLOADS);
        driver.start(0);
        for (int pair = 0; pair < 4; pair++) {
            for (int i = 0; i < 6; i++) {
                driver.addReceive(pair, 512);
            }
        }
        int[] table = new int[128];
        table[0x51ccc178 & 127] = 2;
        assertEquals(OK, driver.command(MQ, RSS_CONFIG, rss(0x3f, 127, 3, table, 4, KEY)));
        assertEquals(4, device.report().state().activePairs());
        backend.inject(0, PLAIN, TCP);
        assertArrayEquals(TCP, driver.receivedFrame(2));
        backend.inject(1, PLAIN, TCP);
        assertArrayEquals(TCP, driver.receivedFrame(2));
        byte[] arp = frame(60);
        arp[13] = 6;
        backend.inject(0, PLAIN, arp);
        assertArrayEquals(arp, driver.receivedFrame(3));
        byte[] large = Arrays.copyOf(TCP, 1800);
        backend.inject(0, PLAIN, large);
        byte[] packet = driver.received(2);
        assertEquals(4, packet[NetHeader.NUM_BUFFERS_OFFSET]);
        assertArrayEquals(large, Arrays.copyOfRange(packet, 12, packet.length));
        // All buffers but those of pair 2 are left, where the next one does not find room.
        backend.inject(0, PLAIN, Arrays.copyOf(TCP, 600));
        NetDriver.await("it is dropped", () -> pair(0).received().faults().get(NetFault.NO_QUEUE) == 1);
        // The last command decides how packets are steered.
        assertEquals(OK, setPairs(2));
        backend.inject(0, PLAIN, TCP);
        assertArrayEquals(TCP, driver.receivedFrame(0));
    }

    /** The class of CVE-2024-6505: an indirection table beyond the queues. */
    @Test
    @Tag("class:control-tables")
    @Tag("class:selector")
    void shouldRefuseSteeringThatCannotBe() {
        open(config().withQueues(2, 64).withHash(true, false), OFFLOADS);
        driver.start(0);
        int[] table = {0, 1};
        assertEquals(OK, driver.command(MQ, RSS_CONFIG, rss(0x3f, 1, 0, table, 2, KEY)));
        byte[][] wrong = {
            rss(0x3f, 1, 2, table, 2, KEY), rss(0x3f, 1, 0xffff, table, 2, KEY), rss(0x3f, 1, 0, new int[] {0, 2}, 2, KEY),
            rss(0x3f, 1, 0, new int[] {0x8000, 0}, 2, KEY), rss(0x3f, 1, 0, table, 0, KEY), rss(0x3f, 1, 0, table, 3, KEY),
            rss(0x7f, 1, 0, table, 2, KEY), rss(-1, 1, 0, table, 2, KEY), rss(0x3f, 2, 0, new int[3], 2, KEY),
            rss(0x3f, 255, 0, new int[256], 2, KEY), rss(0x3f, 0xffff, 0, table, 2, KEY), rss(0x3f, 1, 0, table, 2, new byte[41]),
            rss(0x3f, 0, 0, table, 2, KEY), rss(0x3f, 3, 0, table, 2, KEY), new byte[0], new byte[8], new byte[10],
            Arrays.copyOf(rss(0x3f, 1, 0, table, 2, KEY), 54), Arrays.copyOf(rss(0x3f, 1, 0, table, 2, KEY), 56)};
        for (int i = 0; i < wrong.length; i++) {
            assertEquals(ERR, driver.command(MQ, RSS_CONFIG, wrong[i]), "case " + i);
        }
        HashConfig now = device.report().state().hash();
        assertArrayEquals(table, now.table());
        assertArrayEquals(KEY, now.key());
        assertEquals(OK, driver.command(MQ, RSS_CONFIG, rss(0, 0, 1, new int[1], 1, new byte[0])));
        driver.addReceive(1, 512);
        backend.inject(0, PLAIN, TCP);
        assertArrayEquals(TCP, driver.receivedFrame(1), "without a hash they go to the queue of the unclassified");
    }

    /** Buffers that were waited for, and went to packets of another pair, have to be asked for again. */
    @Test
    @Tag("class:starvation")
    void shouldAskForBuffersAgainThatSteeringHasTaken() {
        open(config().withQueues(2, 64).withHash(true, false), OFFLOADS);
        driver.start(0);
        for (int round = 0; round < 3; round++) {
            long waits = pair(1).received().packets().get(NetCounter.WAITS);
            assertEquals(OK, setPairs(2));
            backend.inject(1, PLAIN, frame(60));
            NetDriver.await("pair 1 waits", () -> pair(1).received().packets().get(NetCounter.WAITS) > waits);
            assertEquals(OK, driver.command(MQ, RSS_CONFIG, rss(0x3f, 0, 1, new int[] {1}, 2, KEY)));
            int drops = round + 1;
            NetDriver.await("there is no buffer", () -> pair(1).received().faults().get(NetFault.NO_QUEUE) == drops);
            driver.addReceive(1, 512);
            backend.inject(0, PLAIN, TCP);
            assertArrayEquals(TCP, driver.receivedFrame(1));
            assertEquals(OK, setPairs(2));
            backend.inject(1, PLAIN, frame(61));
            driver.addReceive(1, 512);
            assertArrayEquals(frame(61), driver.receivedFrame(1));
        }
    }

    @Test
    void shouldDropWhatIsSteeredToAQueueThatIsNot() {
        open(config().withQueues(2, 64).withHash(true, false), OFFLOADS);
        driver.start(0);
        assertEquals(OK, driver.command(MQ, RSS_CONFIG, rss(0x3f, 0, 1, new int[] {1}, 2, KEY)));
        backend.inject(0, PLAIN, TCP);
        NetDriver.await("it is dropped", () -> pair(0).received().faults().get(NetFault.NO_QUEUE) == 1);
        driver.addReceive(1, 512);
        backend.inject(0, PLAIN, TCP);
        assertArrayEquals(TCP, driver.receivedFrame(1));
    }

    /** virtio 1.3 §5.1.6.4, "Hash reporting for incoming packets". */
    @Test
    void shouldReportHashes() {
        open(config().withHash(false, true), OFFLOADS);
        driver.start(0);
        for (int i = 0; i < 4; i++) {
            driver.addReceive(0, 512);
        }
        backend.inject(0, PLAIN, TCP);
        byte[] packet = driver.received(0);
        assertArrayEquals(new byte[8], Arrays.copyOfRange(packet, 12, 20), "no hash until it is asked for");
        assertArrayEquals(TCP, Arrays.copyOfRange(packet, 20, packet.length));
        assertEquals(ERR, driver.command(MQ, HASH_CONFIG, new byte[12]));
        assertEquals(ERR, driver.command(MQ, HASH_CONFIG, hash(0x40, KEY)));
        assertEquals(ERR, driver.command(MQ, HASH_CONFIG, hash(1, new byte[41])));
        assertEquals(OK, driver.command(MQ, HASH_CONFIG, hash(0x3f, KEY)));
        backend.inject(0, PLAIN, TCP);
        packet = driver.received(0);
        assertArrayEquals(HexFormat.of().parseHex("78c1cc51" + "0200" + "0000"), Arrays.copyOfRange(packet, 12, 20));
        assertEquals(1, packet[NetHeader.NUM_BUFFERS_OFFSET]);
        byte[] arp = frame(60);
        arp[13] = 6;
        backend.inject(0, PLAIN, arp);
        packet = driver.received(0);
        assertArrayEquals(new byte[8], Arrays.copyOfRange(packet, 12, 20));
        assertArrayEquals(arp, Arrays.copyOfRange(packet, 20, packet.length));
    }

    @Test
    void shouldDoWithQueuesThatTheDriverHasNotSetUp() {
        open(config().withQueues(2, 64), OFFLOADS);
        driver.leaveOut(2, 3);
        driver.start(0);
        assertEquals(OK, setPairs(2));
        backend.inject(1, PLAIN, frame(60));
        driver.transmitted(0, PLAIN, frame(60));
        assertEquals(72, backend.take(0).length);
        assertEquals(OK, setPairs(1));
    }
}
