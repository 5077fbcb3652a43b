// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;

/** Packets of any size, in buffers of any shape, on queues of any kind: they survive byte for byte, both ways. */
class NetProperties {

    private static final int HOST_TSO4_BIT = 11;
    private static final int[] SIZES = {14, 15, 59, 60, 115, 116, 117, 127, 128, 129, 1513, 1514, 2036, 2037, 9014, 65_549, 65_550,
        NetHeader.MAX_FRAME_BYTES - 1, NetHeader.MAX_FRAME_BYTES};

    private static NetDeviceConfig config(Random random) {
        return NetDeviceConfig.of("model", NetFixture.MAC).withRing(true, random.nextBoolean(), true)
            .withHash(false, random.nextInt(4) == 0).withQueues(1, 16 << random.nextInt(7));
    }

    /** Of what is offered. */
    private static long without(Random random) {
        return (random.nextBoolean() ? RingFeatures.EVENT_IDX : 0) | (random.nextBoolean() ? RingFeatures.RING_PACKED : 0)
            | (random.nextBoolean() ? RingFeatures.INDIRECT_DESC : 0);
    }

    private static int size(Random random) {
        return random.nextBoolean() ? SIZES[random.nextInt(SIZES.length)] : 14 + random.nextInt(3000);
    }

    private static byte[] frame(Random random, int size) {
        byte[] frame = new byte[size];
        random.nextBytes(frame);
        return frame;
    }

    /** Cuts {@code byteSize} bytes at {@code at} into pieces, some of them of no bytes. */
    private static void cut(Random random, long at, int byteSize, int most, boolean writable, BufferElements into) {
        int done = 0;
        for (int i = 0; done < byteSize || i == 0; i++) {
            int piece = i == most - 1 ? byteSize - done : Math.min(byteSize - done, random.nextInt(1 + 2 * byteSize / most));
            if (writable) {
                into.writable(at + done, piece);
            } else {
                into.readable(at + done, piece);
            }
            done += piece;
        }
    }

    private static int add(Random random, NetDriver driver, int index, BufferElements elements, boolean indirect) {
        if (!indirect || random.nextBoolean()) {
            return driver.add(index, elements);
        }
        int id = driver.queue(index).addIndirect(elements, driver.place(16L * elements.count()));
        assertTrue(id >= 0);
        driver.kick(index);
        return id;
    }

    @Property(tries = 40)
    @Tag("virtio:2.7.4.1/any")
    @Tag("virtio:5.1.6.2.2/any-checksum")
    @Tag("virtio:6.2/in-order")
    void shouldSendWhatTheGuestHas(@ForAll long seed) {
        Random random = new Random(seed);
        PairBackend backend = new PairBackend(1, NetFeatures.OFFLOADS);
        VirtioNetDevice device = VirtioNetDevice.open(config(random), backend);
        try (NetDriver driver = new NetDriver(device)) {
            long without = without(random);
            driver.start(without);
            int pieces = Math.min(12, driver.queue(1).size());
            Deque<byte[]> onTheirWay = new ArrayDeque<>();
            int back = 0;
            int count = 40;
            for (int i = 0; i < count; i++) {
                byte[] frame = frame(random, size(random));
                byte[] packet = new byte[driver.headerBytes() + frame.length];
                System.arraycopy(frame, 0, packet, driver.headerBytes(), frame.length);
                while (driver.queue(1).freeDescriptors() < pieces) {
                    expect(backend, onTheirWay.poll());
                    driver.used(1);
                    back++;
                }
                BufferElements elements = new BufferElements();
                cut(random, driver.place(packet), packet.length, pieces, false, elements);
                add(random, driver, 1, elements, (without & RingFeatures.INDIRECT_DESC) == 0);
                onTheirWay.add(frame);
            }
            while (!onTheirWay.isEmpty()) {
                expect(backend, onTheirWay.poll());
            }
            for (; back < count; back++) {
                driver.used(1);
                assertEquals(0, driver.queue(1).usedBytes());
            }
            assertEquals(count, device.report().pairs().getFirst().transmitted().packets().get(NetCounter.PACKETS));
        }
    }

    private static void expect(PairBackend backend, byte[] frame) {
        byte[][] packet = new byte[1][];
        NetDriver.await("a packet of " + frame.length, () -> (packet[0] = backend.take(0)) != null);
        assertArrayEquals(frame, Arrays.copyOfRange(packet[0], NetHeader.BYTES, packet[0].length));
    }

    private record Receiving(List<long[]> places) {
    }

    @Property(tries = 40)
    @Tag("virtio:5.1.6.4.1/full")
    void shouldReceiveWhatTheNetworkSends(@ForAll long seed) {
        Random random = new Random(seed);
        PairBackend backend = new PairBackend(1, NetFeatures.OFFLOADS);
        VirtioNetDevice device = VirtioNetDevice.open(config(random), backend);
        try (NetDriver driver = new NetDriver(device)) {
            boolean mergeable = random.nextInt(3) != 0;
            long without = without(random) | (mergeable ? 0 : NetFeatures.MRG_RXBUF);
            driver.start(without);
            boolean indirect = (without & RingFeatures.INDIRECT_DESC) == 0;
            Receiving[] byId = new Receiving[driver.queue(0).size()];
            for (int i = 0; i < 40; i++) {
                byte[] frame = frame(random, size(random));
                int total = driver.headerBytes() + frame.length;
                boolean early = random.nextBoolean();
                if (early) {
                    backend.inject(0, new byte[NetHeader.BYTES], frame);
                }
                addRoom(random, driver, byId, mergeable, indirect, total);
                if (!early) {
                    backend.inject(0, new byte[NetHeader.BYTES], frame);
                }
                byte[] packet = received(driver, byId);
                assertArrayEquals(frame, Arrays.copyOfRange(packet, driver.headerBytes(), packet.length));
            }
        }
    }

    /** Buffers that hold a packet of {@code total} bytes, with those that are there already. */
    private static void addRoom(
            Random random, NetDriver driver, Receiving[] byId, boolean mergeable, boolean indirect, int total) {
        int size = driver.queue(0).size();
        int room = 0;
        for (Receiving each : byId) {
            room += each == null ? 0 : each.places().stream().mapToInt(place -> (int) place[1]).sum();
        }
        if (!mergeable) {
            room = 0;
        }
        while (room < total) {
            int free = driver.queue(0).freeDescriptors();
            int least = mergeable ? Math.max(driver.headerBytes(), (total - room + free - 2) / Math.max(1, free - 1)) : total;
            int bytes = least + random.nextInt(1 + (mergeable ? total : 100));
            BufferElements elements = new BufferElements();
            cut(random, driver.place(bytes), bytes, mergeable && size < 64 ? 1 : Math.min(8, Math.max(1, free)), true, elements);
            List<long[]> places = new ArrayList<>();
            for (int i = 0; i < elements.count(); i++) {
                places.add(new long[] {elements.gpa(i), elements.byteSize(i)});
            }
            byId[add(random, driver, 0, elements, indirect)] = new Receiving(places);
            room += bytes;
        }
    }

    private static byte[] received(NetDriver driver, Receiving[] byId) {
        byte[] packet = buffer(driver, byId);
        for (int left = packet[NetHeader.NUM_BUFFERS_OFFSET] & 0xff; left > 1; left--) {
            byte[] more = buffer(driver, byId);
            packet = Arrays.copyOf(packet, packet.length + more.length);
            System.arraycopy(more, 0, packet, packet.length - more.length, more.length);
        }
        return packet;
    }

    private static byte[] buffer(NetDriver driver, Receiving[] byId) {
        int id = driver.used(0);
        byte[] bytes = new byte[(int) driver.queue(0).usedBytes()];
        int at = 0;
        for (long[] place : byId[id].places()) {
            byte[] part = new byte[(int) Math.min(place[1], bytes.length - at)];
            driver.memory.read(place[0], part);
            System.arraycopy(part, 0, bytes, at, part.length);
            at += part.length;
        }
        byId[id] = null;
        assertEquals(bytes.length, at);
        return bytes;
    }

    /** Any twelve bytes before a packet: it gets through, with nothing said that was not negotiated, or it is dropped and counted. */
    @Property(tries = 60)
    @Tag("class:length")
    void shouldSurviveAnyHeader(@ForAll long seed) {
        Random random = new Random(seed);
        PairBackend backend = new PairBackend(1, NetFeatures.OFFLOADS);
        VirtioNetDevice device = VirtioNetDevice.open(NetDeviceConfig.of("model", NetFixture.MAC), backend);
        try (NetDriver driver = new NetDriver(device)) {
            long without = random.nextLong() & NetFeatures.OFFLOADS;
            long features = device.features() & ~without;
            driver.start(without);
            for (int i = 0; i < 60; i++) {
                byte[] header = header(random);
                byte[] frame = frame(random, 14 + random.nextInt(200));
                driver.transmitted(0, header, frame);
                byte[] packet = backend.take(0);
                boolean passes = mayPass(header, frame.length, features, HOST_TSO4_BIT);
                assertEquals(passes, packet != null, () -> Arrays.toString(header) + " of " + frame.length);
                if (packet != null) {
                    assertArrayEquals(frame, Arrays.copyOfRange(packet, 12, packet.length));
                    assertTrue(mayPass(packet, frame.length, features, HOST_TSO4_BIT));
                    assertEquals(header[1], packet[1]);
                    assertTrue(u16(packet, 2) <= frame.length);
                }
            }
            NetCounters counters = device.report().pairs().getFirst().transmitted();
            assertEquals(60, counters.packets().get(NetCounter.PACKETS) + counters.packets().get(NetCounter.DROPS));
        }
    }

    private static byte[] header(Random random) {
        byte[] header = new byte[12];
        random.nextBytes(header);
        int[] types = {0, 0, 1, 3, 4, 5, 0x81, 0x84, 0x85, 2, 6};
        header[1] = random.nextInt(4) == 0 ? header[1] : (byte) types[random.nextInt(types.length)];
        for (int at = 2; at < 10; at += 2) {
            if (random.nextInt(4) != 0) {
                header[at] = (byte) random.nextInt(100);
                header[at + 1] = 0;
            }
        }
        return header;
    }

    /** virtio 1.3 §5.1.6.2, said once more. */
    private static boolean mayPass(byte[] header, int frameBytes, long features, int tso4Bit) {
        if ((header[0] & 1) != 0 && ((features & 1) == 0 || u16(header, 6) + u16(header, 8) + 2 > frameBytes)) {
            return false;
        }
        if (header[1] == 0) {
            return true;
        }
        int bit = switch (header[1] & 0x7f) {
            case 1 -> tso4Bit;
            case 4 -> tso4Bit + 1;
            case 3 -> tso4Bit + 3;
            case 5 -> 56;
            default -> -1;
        };
        boolean ecn = header[1] >= 0 || (features >>> tso4Bit + 2 & 1) != 0;
        return bit >= 0 && (features >>> bit & 1) != 0 && ecn && u16(header, 4) != 0;
    }

    private static int u16(byte[] bytes, int at) {
        return bytes[at] & 0xff | (bytes[at + 1] & 0xff) << 8;
    }
}
