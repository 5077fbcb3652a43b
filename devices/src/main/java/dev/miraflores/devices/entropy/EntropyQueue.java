// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.linux.Entropy;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * Fills a queue's buffers with random bytes, in place.
 * <p>A buffer gets at most {@link #MAX_BYTES}, however large the driver made it, and a turn serves a few of them only:
 * what a guest asks for decides neither how much memory nor how long the thread needs.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.4.6; a device may use less than the whole buffer (§5.4.6.2).
 */
final class EntropyQueue extends ServedQueue {

    /** What one request gets at most. */
    static final int MAX_BYTES = 64 << 10;

    /** Requests served in a turn: a millisecond or so of the kernel's generator. */
    static final int TURN_BUDGET = 8;

    EntropyQueue(DeviceQueue queue, DeviceEvents events) {
        super(queue, events, TURN_BUDGET);
    }

    /** Fills the writable elements from the first on; a malformed chain has none. */
    @Override
    protected int serve(DescriptorChain chain) {
        int filled = 0;
        for (int i = chain.readableCount(); i < chain.count() && filled < MAX_BYTES; i++) {
            long wanted = Math.min(chain.length(i), MAX_BYTES - filled);
            long got = fill(chain.hostAddress(i), wanted);
            filled += (int) got;
            if (got < wanted) {
                break;   // no gaps: what follows would count as written too
            }
        }
        return filled;
    }

    private static long fill(long address, long byteSize) {
        long got;
        do {
            got = Entropy.fill(address, byteSize);
        } while (got == -Errno.EINTR);
        return Math.max(got, 0);
    }
}
