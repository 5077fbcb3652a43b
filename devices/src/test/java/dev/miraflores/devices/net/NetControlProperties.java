// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;

/** Commands, right and wrong ones, beside a model of what they do: state and answers are the same. */
class NetControlProperties {

    private static final int PAIRS = 4;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(64, 0, 0x1000, 0x2000);
    private static final long DATA = 0x8000;
    private static final long ACK = 0x7000;

    /** What the specification says of the state that commands change. */
    private static final class Model {
        final long features;
        long mac = NetFixture.MAC;
        final BitSet modes = new BitSet();
        TreeSet<Long> unicast = new TreeSet<>();
        TreeSet<Long> multicast = new TreeSet<>();
        boolean allUnicast;
        boolean allMulticast;
        final BitSet vlans = new BitSet();
        int pairs = 1;
        long offloads;
        String hash = "0 [] false 0 [0]";

        Model(long features, long offloads) {
            this.features = features;
            this.offloads = offloads;
            modes.set(0);
        }

        boolean has(int bit) {
            return (features >>> bit & 1) != 0;
        }

        boolean command(byte[] bytes) {
            ByteBuffer data = ByteBuffer.wrap(bytes, 2, bytes.length - 2).slice().order(ByteOrder.LITTLE_ENDIAN);
            try {
                return switch (bytes[0] << 8 | bytes[1] & 0xff) {
                    case 0x000, 0x001 -> has(18) && mode(bytes[1], data);
                    case 0x002, 0x003, 0x004, 0x005 -> has(20) && mode(bytes[1], data);
                    case 0x100 -> has(18) && tables(data);
                    case 0x101 -> has(23) && data.remaining() == 6 && set(() -> mac = address(data));
                    case 0x200, 0x201 -> has(19) && data.remaining() == 2 && (data.getShort(0) & 0xffff) < 4096
                        && set(() -> vlans.set(data.getShort(0) & 0xffff, bytes[1] == 0));
                    case 0x300 -> has(21);
                    case 0x400 -> has(22) && data.remaining() == 2 && pairs(data.getShort() & 0xffff);
                    case 0x401 -> has(60) && rss(data);
                    case 0x402 -> has(57) && hashConfig(data);
                    case 0x500 -> has(2) && data.remaining() == 8 && offloads(data.getLong());
                    default -> false;
                };
            } catch (BufferUnderflowException e) {
                return false;
            }
        }

        private static boolean set(Runnable change) {
            change.run();
            return true;
        }

        private boolean mode(int which, ByteBuffer data) {
            return data.remaining() == 1 && (data.get(0) & 0xff) < 2 && set(() -> modes.set(which, data.get(0) == 1));
        }

        private static long address(ByteBuffer data) {
            long value = 0;
            for (int i = 0; i < 6; i++) {
                value = value << 8 | data.get() & 0xff;
            }
            return value;
        }

        private boolean tables(ByteBuffer data) {
            long first = data.getInt() & 0xffff_ffffL;
            TreeSet<Long> one = new TreeSet<>();
            for (long i = 0; i < first; i++) {
                one.add(address(data));
            }
            long second = data.getInt() & 0xffff_ffffL;
            TreeSet<Long> two = new TreeSet<>();
            for (long i = 0; i < second; i++) {
                two.add(address(data));
            }
            if (data.hasRemaining()) {
                return false;
            }
            allUnicast = first > 64;
            unicast = allUnicast ? new TreeSet<>() : one;
            allMulticast = second > 64 - (allUnicast ? 0 : first);
            multicast = allMulticast ? new TreeSet<>() : two;
            return true;
        }

        private boolean pairs(int count) {
            if (count < 1 || count > PAIRS) {
                return false;
            }
            pairs = count;
            if (hash.contains("true")) {
                hash = hash.substring(0, hash.indexOf(" true")) + " false 0 [0]";
            }
            return true;
        }

        private boolean rss(ByteBuffer data) {
            int types = data.getInt();
            int entries = (data.getShort() & 0xffff) + 1;
            int unclassified = data.getShort() & 0xffff;
            int[] table = new int[entries];
            int most = unclassified;
            for (int i = 0; i < entries; i++) {
                table[i] = data.getShort() & 0xffff;
                most = Math.max(most, table[i]);
            }
            int transmit = data.getShort() & 0xffff;
            byte[] key = key(data);
            if (key == null || (types & ~0x3f) != 0 || entries > 128 || (entries & entries - 1) != 0 || most >= PAIRS
                    || transmit < 1 || transmit > PAIRS) {
                return false;
            }
            pairs = Math.max(transmit, most + 1);
            hash = types + " " + Arrays.toString(key) + " true " + unclassified + " " + Arrays.toString(table);
            return true;
        }

        private boolean hashConfig(ByteBuffer data) {
            int types = data.getInt();
            data.getLong();
            byte[] key = key(data);
            return key != null && (types & ~0x3f) == 0
                && set(() -> hash = types + " " + Arrays.toString(key) + " false 0 [0]");
        }

        private static byte[] key(ByteBuffer data) {
            byte[] key = new byte[data.get() & 0xff];
            data.get(key);
            return data.hasRemaining() || key.length > 40 ? null : key;
        }

        private boolean offloads(long wanted) {
            if ((wanted & ~(features & NetFeatures.GUEST_OFFLOADS)) != 0) {
                return false;
            }
            offloads = (wanted & 2) == 0 ? 0 : (wanted & 0x180) == 0 ? wanted & ~0x200 : wanted;
            return true;
        }

        @Override
        public String toString() {
            return mac + " " + modes + " " + unicast + allUnicast + " " + multicast + allMulticast + " " + vlans + " " + pairs + " "
                + offloads + " " + hash;
        }
    }

    private static String describe(NetState state) {
        ReceiveFilter filter = state.filter();
        BitSet modes = new BitSet();
        for (ReceiveFilter.Mode mode : ReceiveFilter.Mode.values()) {
            modes.set(mode.ordinal(), filter.has(mode));
        }
        BitSet vlans = new BitSet();
        for (int i = 0; filter.filtersVlans() && i < 4096; i++) {
            vlans.set(i, filter.hasVlan(i));
        }
        HashConfig hash = state.hash();
        return filter.mac() + " " + modes + " " + set(filter.unicast()) + filter.unicastOverflow() + " " + set(filter.multicast())
            + filter.multicastOverflow() + " " + vlans + " " + state.activePairs() + " " + state.guestOffloads() + " " + hash.types()
            + " " + Arrays.toString(hash.key()) + " " + hash.steers() + " " + hash.unclassifiedQueue() + " "
            + Arrays.toString(hash.table());
    }

    private static TreeSet<Long> set(long[] values) {
        TreeSet<Long> set = new TreeSet<>();
        for (long each : values) {
            set.add(each);
        }
        return set;
    }

    private static final class Target implements ControlCommands.Target {
        NetState state;

        @Override
        public NetState state() {
            return state;
        }

        @Override
        public boolean change(NetState to) {
            state = to;
            return true;
        }

        @Override
        public void announced() {
        }
    }

    @Property(tries = 60)
    @Tag("virtio:5.1.6.5.2.1/table")
    @Tag("class:control-tables")
    void shouldDoWhatTheModelDoes(@ForAll long seed) {
        Random random = new Random(seed);
        long features = NetFeatures.CONTROL | NetFeatures.OFFLOADS | NetFeatures.RSS | NetFeatures.HASH_REPORT | RingFeatures.VERSION_1;
        features &= random.nextBoolean() ? -1L : random.nextLong() | NetFeatures.CTRL_VQ | RingFeatures.VERSION_1;
        Target target = new Target();
        long offloads = NetFeatures.effectiveGuestOffloads(features);
        target.state = new NetState(1, offloads, true,
            ReceiveFilter.initial(NetFixture.MAC, (features & NetFeatures.CTRL_VLAN) != 0), HashConfig.NONE);
        Model model = new Model(features, offloads);
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20); EventFd kick = EventFd.create()) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.VERSION_1);
            Virtqueue ring = Virtqueue.create(memory, GEOMETRY, RingFeatures.VERSION_1);
            ControlQueue queue = new ControlQueue(new DeviceQueue(0, ring, kick, () -> { }), new NoEvents(),
                new ControlCommands(features, PAIRS, target));
            for (int i = 0; i < 80; i++) {
                byte[] command = command(random);
                assertEquals(model.command(command) ? 0 : 1, execute(driver, queue, memory, command, random),
                    () -> Arrays.toString(command));
                assertEquals(model.toString(), describe(target.state), () -> Arrays.toString(command));
            }
        }
    }

    private static int execute(
            VirtqueueDriver driver, ControlQueue queue, GuestMemory memory, byte[] command, Random random) {
        memory.write(DATA, command);
        memory.write(ACK, new byte[] {0x55});
        int middle = random.nextInt(command.length + 1);
        driver.add(new BufferElements().readable(DATA, middle).readable(DATA + middle, command.length - middle).writable(ACK, 1));
        driver.publish();
        queue.poll();
        queue.endTurn();
        assertEquals(0, queue.hasWork() ? 1 : 0);
        driver.pollUsed();
        assertEquals(1, driver.usedBytes());
        byte[] ack = new byte[1];
        memory.read(ACK, ack);
        return ack[0];
    }

    private static final class NoEvents implements DeviceEvents {
        @Override
        public void configChanged() {
        }

        @Override
        public void needsReset() {
            throw new AssertionError("the queue is in order");
        }
    }

    /** A command that is right, as a rule, or nearly so. */
    private static byte[] command(Random random) {
        ByteBuffer data = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        int type = random.nextInt(7);
        switch (type) {
            case 0 -> data.put((byte) 0).put((byte) random.nextInt(7)).put((byte) random.nextInt(random.nextInt(4) == 0 ? 4 : 2));
            case 1 -> putAddresses(random, data);
            case 2 -> data.put((byte) 2).put((byte) random.nextInt(3)).putShort((short) random.nextInt(random.nextInt(8) == 0 ? 65536 : 4096));
            case 3 -> data.put((byte) 4).put((byte) 0).putShort((short) random.nextInt(PAIRS + 2));
            case 4 -> putSteering(random, data);
            case 5 -> {
                data.put((byte) 4).put((byte) 2).putInt(random.nextInt(random.nextInt(4) == 0 ? 1 << 10 : 1 << 6)).putLong(0);
                putKey(random, data);
            }
            default -> data.put((byte) 5).put((byte) 0).putLong(
                random.nextLong() & (random.nextInt(4) == 0 ? -1L : NetFeatures.GUEST_OFFLOADS));
        }
        byte[] command = Arrays.copyOf(data.array(), data.position());
        if (random.nextInt(6) == 0) {
            command[random.nextInt(command.length)] ^= (byte) (1 << random.nextInt(8));
        }
        if (random.nextInt(8) == 0) {
            command = Arrays.copyOf(command, Math.max(2, command.length + random.nextInt(5) - 2));
        }
        return command;
    }

    private static void putAddresses(Random random, ByteBuffer data) {
        if (random.nextInt(3) == 0) {
            data.put((byte) 1).put((byte) 1);
            putAddress(random, data);
            return;
        }
        data.put((byte) 1).put((byte) 0);
        for (int table = 0; table < 2; table++) {
            int count = random.nextInt(random.nextInt(3) == 0 ? 80 : 6);
            data.putInt(count);
            for (int i = 0; i < count; i++) {
                putAddress(random, data);
            }
        }
    }

    private static void putAddress(Random random, ByteBuffer data) {
        byte[] address = new byte[6];
        random.nextBytes(address);
        data.put(address);
    }

    private static void putSteering(Random random, ByteBuffer data) {
        int entries = random.nextInt(4) == 0 ? 1 + random.nextInt(130) : 1 << random.nextInt(8);
        data.put((byte) 4).put((byte) 1).putInt(random.nextInt(random.nextInt(6) == 0 ? 1 << 10 : 1 << 6));
        data.putShort((short) (entries - 1)).putShort((short) random.nextInt(random.nextInt(8) == 0 ? PAIRS + 2 : PAIRS));
        for (int i = 0; i < entries; i++) {
            data.putShort((short) random.nextInt(random.nextInt(300) == 0 ? PAIRS + 2 : PAIRS));
        }
        data.putShort((short) (random.nextInt(8) == 0 ? random.nextInt(7) : 1 + random.nextInt(PAIRS)));
        putKey(random, data);
    }

    private static void putKey(Random random, ByteBuffer data) {
        byte[] key = new byte[random.nextInt(8) == 0 ? random.nextInt(60) : 40];
        random.nextBytes(key);
        data.put((byte) key.length).put(key);
    }
}
