// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;
import java.util.Arrays;

/**
 * {@code struct virtio_blk_config} (virtio 1.3 §5.2.4) as the back end gave it last, so that no vCPU waits for it. Only
 * {@code num_queues} is ours, since the number of queues is, and {@code writeback} the driver's once it has written it.
 * <p>Thread: any.
 */
final class RemoteConfigSpace {

    /** What every device has, up to and with num_queues. */
    private static final int LEAST_BYTES = (int) virtio_blk_config.max_discard_sectors;
    private static final int DISCARD_BYTES = (int) virtio_blk_config.max_write_zeroes_sectors;
    private static final int WRITE_ZEROES_BYTES = (int) virtio_blk_config.max_secure_erase_sectors;
    private static final int SECURE_ERASE_BYTES = WRITE_ZEROES_BYTES + 12;
    private static final int WCE = (int) virtio_blk_config.wce;
    private static final int NUM_QUEUES = (int) virtio_blk_config.num_queues;
    private static final int CAPACITY_BYTES = 8;
    private static final int SECTOR_SHIFT = 9;

    private final int queues;
    private final int byteSize;
    private volatile byte[] bytes;
    private boolean wceWritten;
    private byte initialWce;

    RemoteConfigSpace(byte[] first, int queues) {
        this.queues = queues;
        byteSize = first.length;
        initialWce = first[WCE];
        bytes = withQueues(first);
    }

    private byte[] withQueues(byte[] from) {
        byte[] copy = Arrays.copyOf(from, byteSize);
        copy[NUM_QUEUES] = (byte) queues;
        copy[NUM_QUEUES + 1] = (byte) (queues >>> 8);
        return copy;
    }

    /** How long it is: as far as the features of the device have fields. */
    static int byteSize(long features) {
        if (has(features, virtio_abi.VIRTIO_BLK_F_SECURE_ERASE)) {
            return SECURE_ERASE_BYTES;
        }
        if (has(features, virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES)) {
            return WRITE_ZEROES_BYTES;
        }
        return has(features, virtio_abi.VIRTIO_BLK_F_DISCARD) ? DISCARD_BYTES : LEAST_BYTES;
    }

    private static boolean has(long features, int bit) {
        return (features >>> bit & 1) != 0;
    }

    int byteSize() {
        return byteSize;
    }

    long read(int offset, int byteSize) {
        byte[] now = bytes;
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | now[offset + i] & 0xff;
        }
        return value;
    }

    /** Bytes on the disk, as the back end says. */
    long capacityBytes() {
        long sectors = read(0, CAPACITY_BYTES);
        return sectors >>> Long.SIZE - 1 - SECTOR_SHIFT == 0 ? sectors << SECTOR_SHIFT : Long.MAX_VALUE;
    }

    /** Whether {@code fresh}, read from the back end, would change what the driver sees. */
    boolean differs(byte[] fresh) {
        return !Arrays.equals(merged(fresh), bytes);
    }

    synchronized void set(byte[] fresh) {
        initialWce = wceWritten ? initialWce : fresh[WCE];
        bytes = merged(fresh);
    }

    private synchronized byte[] merged(byte[] fresh) {
        byte[] merged = withQueues(fresh);
        if (wceWritten) {
            merged[WCE] = bytes[WCE];
        }
        return merged;
    }

    /** Whether a write is one that a driver may make: {@code writeback}, as the byte it is (§5.2.4). */
    static boolean isWce(int offset, int byteSize) {
        return offset == WCE && byteSize == 1;
    }

    static int wceOffset() {
        return WCE;
    }

    synchronized void writeWce(byte value) {
        byte[] changed = bytes.clone();
        changed[WCE] = value;
        wceWritten = true;
        bytes = changed;
    }

    /** What the back end that comes next has to be told, or −1 where the driver has written nothing. */
    synchronized int writtenWce() {
        return wceWritten ? bytes[WCE] & 0xff : -1;
    }

    /** After a reset it is as it was at first (§5.2.5.2 leaves that to the device): what the back end has to be told, or −1. */
    synchronized int resetWce() {
        if (!wceWritten) {
            return -1;
        }
        writeWce(initialWce);
        wceWritten = false;
        return initialWce & 0xff;
    }
}
