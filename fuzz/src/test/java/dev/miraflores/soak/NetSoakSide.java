// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.net.tap.TapSetup;
import dev.miraflores.virtio.ring.RingFeatures;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.concurrent.Semaphore;

/**
 * One of the two NICs, with what its guest has chosen for now.
 * <p>Thread: one.
 */
final class NetSoakSide implements AutoCloseable {

    private static final long[] SEGMENTED = {
        NetFeatures.HOST_TSO4 | NetFeatures.HOST_TSO6 | NetFeatures.HOST_ECN | NetFeatures.HOST_USO,
        NetFeatures.GUEST_TSO4 | NetFeatures.GUEST_TSO6 | NetFeatures.GUEST_ECN | NetFeatures.GUEST_USO4 | NetFeatures.GUEST_USO6
    };
    private static final int MQ = 4;
    private static final int GUEST_OFFLOADS = 5;

    final long mac;
    final NetSoakDriver driver;
    final VirtioNetDevice device;
    private final NetSoakPlan plan;
    private final Random random;
    /** Queue pairs in use. */
    int active = 1;

    NetSoakSide(String id, long mac, NetSoakPlan plan, String bridge, Semaphore interrupts, Random random) {
        this.mac = mac;
        this.plan = plan;
        this.random = random;
        device = VirtioNetDevice.open(plan.config(id, mac), TapSetup.open("nic " + id, null, plan.pairs(), bridge, plan.mtu()));
        driver = new NetSoakDriver(device, interrupts, random);
    }

    /** Accepts what it happens to like of what is offered. */
    void start() {
        long features = device.features();
        for (long each : new long[] {RingFeatures.RING_PACKED, RingFeatures.IN_ORDER, RingFeatures.EVENT_IDX, NetFeatures.MRG_RXBUF,
                NetFeatures.HASH_REPORT, SEGMENTED[0], SEGMENTED[1]}) {
            features &= random.nextBoolean() ? -1 : ~each;
        }
        features &= random.nextInt(4) == 0 ? ~(NetFeatures.CSUM | SEGMENTED[0]) : -1;
        features &= random.nextInt(4) == 0 ? ~(NetFeatures.GUEST_CSUM | NetFeatures.CTRL_GUEST_OFFLOADS | SEGMENTED[1]) : -1;
        active = 1;
        driver.start(features, plan.mtu() > 1500 || (features & SEGMENTED[1]) != 0);
    }

    void restart() {
        device.reset();
        start();
    }

    /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, as {@code ethtool -L} (virtio 1.3 §5.1.6.5.5). */
    void changePairs(NetSoakDriver.Receiver receiver) throws InterruptedException {
        if (!driver.has(NetFeatures.MQ)) {
            return;
        }
        int wanted = 1 + random.nextInt(driver.pairs());
        active = Math.min(active, wanted);
        driver.command(MQ, 0, new byte[] {(byte) wanted, 0}, receiver);
        active = wanted;
    }

    /** VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, as {@code ethtool -K} (§5.1.6.5.8): some of those accepted. */
    void changeOffloads(NetSoakDriver.Receiver receiver) throws InterruptedException {
        if (!driver.has(NetFeatures.CTRL_GUEST_OFFLOADS)) {
            return;
        }
        long wanted = 0;
        for (long each : new long[] {NetFeatures.GUEST_CSUM, NetFeatures.GUEST_TSO4, NetFeatures.GUEST_TSO6, NetFeatures.GUEST_USO4,
                NetFeatures.GUEST_USO6}) {
            wanted |= driver.has(each) && random.nextInt(3) != 0 ? each : 0;
        }
        byte[] data = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(wanted).array();
        driver.command(GUEST_OFFLOADS, 0, data, receiver);
    }

    /** VIRTIO_NET_CTRL_RX_PROMISC, which changes nothing for packets that are for this guest (§5.1.6.5.1). */
    void changeMode(NetSoakDriver.Receiver receiver) throws InterruptedException {
        driver.command(0, 0, new byte[] {(byte) random.nextInt(2)}, receiver);
    }

    /** Makes a packet to another that this guest may send. */
    void choose(NetSoakPacket packet, int number, long to) {
        NetSoakPacket.Kind[] kinds = NetSoakPacket.Kind.values();
        NetSoakPacket.Kind kind = kinds[random.nextInt(kinds.length)];
        boolean leaveChecksum = driver.has(NetFeatures.CSUM) && random.nextInt(3) != 0;
        boolean mayCut = kind != NetSoakPacket.Kind.RAW && driver.has(kind.isUdp() ? NetFeatures.HOST_USO : NetFeatures.HOST_TSO4);
        int whole = plan.mtu() + 14;
        if (mayCut && random.nextBoolean()) {
            int most = plan.mtu() - (kind.contentAt - 14);
            int part = random.nextBoolean() ? most : NetSoakPacket.MIN_PART + random.nextInt(most - NetSoakPacket.MIN_PART);
            // No more than the kernel makes of one packet of UDP's.
            int content = Math.min(NetSoakPacket.MAX_FRAME_BYTES - kind.contentAt, part * (2 + random.nextInt(60)));
            content -= random.nextInt(part);
            if (content > part) {
                int last = content % part;
                content -= last > 0 && last < 8 ? last : 0;
            }
            if (content > part) {
                packet.make(kind, number, kind.contentAt + content, part, true, to, mac);
                return;
            }
        }
        int most = switch (random.nextInt(4)) {
            case 0 -> 128;
            case 1 -> 1514;
            default -> whole;
        };
        int least = Math.max(60, kind.contentAt + 8);
        packet.make(kind, number, least + random.nextInt(Math.min(most, whole) - least + 1), 0, leaveChecksum, to, mac);
    }

    @Override
    public void close() {
        driver.close();
    }
}
