// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** QEMU's vhost-user-blk-pci in front of our back end, driven register by register. */
@EnabledIf("hasQemu")
class VhostUserQemuTest {

    private static final int STATUS = 0x14;
    private static final int QUEUE_SELECT = 0x16;
    private static final int QUEUE_SIZE = 0x18;
    private static final int QUEUE_ENABLE = 0x1C;
    private static final long RINGS = 0x10_0000;
    private static final long RING_STRIDE = 0x1_0000;
    private static final long DATA = 0x20_0000;
    private static final int SIZE = 16;
    private static final long FEATURES = RingFeatures.VERSION_1 | 1L << virtio_abi.VIRTIO_BLK_F_FLUSH | 1L << virtio_abi.VIRTIO_BLK_F_MQ
        | 1L << virtio_abi.VIRTIO_BLK_F_CONFIG_WCE;
    private static final long TIMEOUT_NS = 20_000_000_000L;

    @TempDir
    Path directory;

    static boolean hasQemu() {
        boolean there = Arrays.stream(System.getenv("PATH").split(":")).anyMatch(
            path -> Files.isExecutable(Path.of(path, "qemu-system-x86_64")));
        if (!there) {
            System.out.println("SKIPPED VhostUserQemuTest: there is no qemu-system-x86_64");
        }
        return there;
    }

    @Test
    void shouldBeAllThatADriverExpects() throws IOException {
        byte[] content = new byte[1 << 20];
        new Random(3).nextBytes(content);
        Path image = Files.write(directory.resolve("disk.img"), content);
        String socket = directory.resolve("s").toString();
        BlockDeviceConfig config = BlockDeviceConfig.raw("disk0", image.toString()).queues(2).maxSegments(126).build();
        VirtioBlockDevice device = VirtioBlockDevice.open(config);
        try (VhostUserBlockServer server = VhostUserBlockServer.start(device, socket);
                QtestMachine machine = QtestMachine.start(directory, server.path(), 2)) {
            checkFeatures(machine);
            checkConfig(machine, content.length);
            // Set up in every order, driven, reset, and set up again.
            List<List<Integer>> orders = List.of(List.of(0, 1), List.of(1, 0), List.of(0), List.of(1), List.of(1, 0));
            for (int round = 0; round < orders.size(); round++) {
                setUp(machine, orders.get(round));
                for (int queue : orders.get(round)) {
                    checkRead(machine, queue, 8 + round, content);
                    checkWrite(machine, queue, 100 + 10 * round + queue, image);
                }
                reset(machine);
            }
        } finally {
            device.close();
        }
    }

    private static void checkFeatures(QtestMachine machine) {
        machine.setCommon(4, 0, 0);
        long low = machine.common(4, 4);
        machine.setCommon(4, 0, 1);
        long offered = low | machine.common(4, 4) << 32;
        long expected = FEATURES | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX | 1L << virtio_abi.VIRTIO_BLK_F_SEG_MAX
            | 1L << virtio_abi.VIRTIO_BLK_F_BLK_SIZE | 1L << virtio_abi.VIRTIO_BLK_F_TOPOLOGY
            | 1L << virtio_abi.VIRTIO_BLK_F_DISCARD | 1L << virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES;
        assertEquals(expected, offered & expected, () -> Long.toHexString(offered));
        assertEquals(0, offered & 1L << virtio_abi.VIRTIO_BLK_F_RO);
    }

    private static void checkConfig(QtestMachine machine, int diskBytes) {
        assertEquals(diskBytes / 512, machine.deviceConfig(4, 0));
        assertEquals(126, machine.deviceConfig(4, 12));
        assertEquals(512, machine.deviceConfig(4, 20));
        assertEquals(2, machine.deviceConfig(2, 34));
        assertEquals(1, machine.deviceConfig(1, 32));
        machine.setDeviceConfig(1, 32, 0);
        assertEquals(0, machine.deviceConfig(1, 32));
    }

    private static void reset(QtestMachine machine) {
        machine.setCommon(1, STATUS, 0);
        assertEquals(0, machine.common(1, STATUS));
    }

    private static void setUp(QtestMachine machine, List<Integer> queues) {
        machine.put(RINGS, new byte[0x2_0000]);
        reset(machine);
        machine.setCommon(1, STATUS, 1);
        machine.setCommon(1, STATUS, 3);
        machine.setCommon(4, 8, 0);
        machine.setCommon(4, 12, FEATURES & 0xFFFF_FFFFL);
        machine.setCommon(4, 8, 1);
        machine.setCommon(4, 12, FEATURES >>> 32);
        machine.setCommon(1, STATUS, 11);
        assertEquals(11, machine.common(1, STATUS));
        for (int queue : queues) {
            machine.setCommon(2, QUEUE_SELECT, queue);
            machine.setCommon(2, QUEUE_SIZE, SIZE);
            machine.setCommon(4, 0x20, ring(queue));
            machine.setCommon(4, 0x28, ring(queue) + 0x1000);
            machine.setCommon(4, 0x30, ring(queue) + 0x2000);
            machine.setCommon(2, QUEUE_ENABLE, 1);
        }
        machine.setCommon(1, STATUS, 15);
        assertEquals(15, machine.common(1, STATUS));
    }

    private static long ring(int queue) {
        return RINGS + RING_STRIDE * queue;
    }

    private static void checkRead(QtestMachine machine, int queue, int sector, byte[] content) {
        machine.put(DATA + 0x1000, new byte[1024]);
        request(machine, queue, 0, sector, 2);
        assertArrayEquals(Arrays.copyOfRange(content, sector * 512, sector * 512 + 1024), machine.bytes(DATA + 0x1000, 1024));
    }

    private static void checkWrite(QtestMachine machine, int queue, int sector, Path image) throws IOException {
        byte[] data = new byte[1024];
        Arrays.fill(data, (byte) sector);
        machine.put(DATA + 0x1000, data);
        request(machine, queue, 1, sector, 0);
        assertArrayEquals(data, Arrays.copyOfRange(Files.readAllBytes(image), sector * 512, sector * 512 + 1024));
    }

    /** Header, 1024 bytes of data, status; one descriptor each, the next place of the ring. */
    private static void request(QtestMachine machine, int queue, int type, int sector, int dataFlags) {
        ByteBuffer header = little(16).putInt(0, type).putLong(8, sector);
        machine.put(DATA, header.array());
        machine.write(1, DATA + 0x800, 0xEE);
        ByteBuffer table = little(48);
        table.putLong(DATA).putInt(16).putShort((short) 1).putShort((short) 1);
        table.putLong(DATA + 0x1000).putInt(1024).putShort((short) (1 | dataFlags)).putShort((short) 2);
        table.putLong(DATA + 0x800).putInt(1).putShort((short) 2).putShort((short) 0);
        machine.put(ring(queue), table.array());
        long avail = ring(queue) + 0x1000;
        int idx = (int) machine.read(2, avail + 2);
        machine.write(2, avail + 4 + 2L * (idx % SIZE), 0);
        machine.write(2, avail + 2, idx + 1);
        machine.notifyQueue(queue);
        long end = System.nanoTime() + TIMEOUT_NS;
        while (machine.read(2, ring(queue) + 0x2002) != idx + 1) {
            assertTrue(System.nanoTime() < end, "no answer from the device");
        }
        assertEquals(0, machine.read(1, DATA + 0x800));
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
