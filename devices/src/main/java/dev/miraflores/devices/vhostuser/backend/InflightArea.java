// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.vhostuser.InflightDescription;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Memfd;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;

/**
 * Where the rings note what they have in flight: memory that the front end keeps when this process ends, and hands to the next
 * ("Inflight I/O tracking"). The rings' regions lie one behind the other.
 * <p>Thread: the session's.
 */
final class InflightArea implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    private final ReceivedFile file;
    private final InflightDescription description;

    private InflightArea(ReceivedFile file, InflightDescription description) {
        this.file = file;
        this.description = description;
    }

    /** A new file for that many rings; the front end maps it, and sends it back. */
    static Fd create(InflightDescription wanted) {
        return Memfd.createSealed("vhost-user-inflight", byteSize(wanted));
    }

    static long byteSize(InflightDescription wanted) {
        return stride(wanted) * wanted.queueCount();
    }

    /** From one ring's region to the next. */
    private static long stride(InflightDescription wanted) {
        return Virtqueue.inflightBytes(wanted.queueSize()) + ALIGNMENT - 1 & -ALIGNMENT;
    }

    static void check(InflightDescription wanted, int queueCount) throws Refusal {
        if (wanted.queueCount() < 1 || wanted.queueCount() > queueCount
                || wanted.queueSize() < 1 || wanted.queueSize() > QueueGeometry.MAX_SIZE) {
            throw new Refusal("in-flight record for " + wanted.queueCount() + " rings of " + wanted.queueSize()
                + " entries, where there are " + queueCount);
        }
    }

    /** SET_INFLIGHT_FD. */
    static InflightArea map(InflightDescription description, Fd file, int queueCount) throws Refusal {
        check(description, queueCount);
        if (description.mmapSize() < byteSize(description)) {
            throw new Refusal("in-flight record of " + description.mmapSize() + " bytes, where " + byteSize(description)
                + " are needed");
        }
        return new InflightArea(
            ReceivedFile.map(file, description.mmapOffset(), byteSize(description), "in-flight record"), description);
    }

    /** Where a ring of that size notes its own, or null where there is no room for it. */
    MemorySegment region(int ring, int size) {
        if (ring >= description.queueCount() || size > description.queueSize()) {
            return null;
        }
        return file.segment().asSlice(stride(description) * ring, stride(description));
    }

    @Override
    public void close() {
        file.mapping().close();
    }
}
