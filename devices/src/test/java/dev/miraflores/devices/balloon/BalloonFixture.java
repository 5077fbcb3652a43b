// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * A queue of a balloon without its thread, and the driver's side of it. Guest memory is full of {@link #FULL}.
 * <pre>
 *   page 0 to 3       the queue
 *   page 4 to 31      buffers
 *   page 32 to 63     to be given; the end of the first region
 *   page 64 to 95     the second region, which touches the first
 *   from 4 GiB on     16 pages </pre>
 * <p>Thread: the test's.
 */
final class BalloonFixture implements AutoCloseable {

    static final long PAGE = 4096;
    static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    static final QueueGeometry GEOMETRY = new QueueGeometry(128, 0x1000, 0x2000, 0x3000);
    static final long BUFFERS = 4 * PAGE;
    static final int FIRST_PAGE = 32;
    static final int BORDER_PAGE = 64;
    static final int END_PAGE = 96;
    static final int HIGH_PAGE = 1 << 20;
    static final int HIGH_PAGES = 16;
    static final byte FULL = 0x5a;

    final GuestMemory ram;
    final VirtqueueDriver driver;
    final BufferElements elements = new BufferElements();
    final EventFd kick = EventFd.create();
    final Counters<BalloonCounter> counters = new Counters<>(BalloonCounter.values().length);
    final LimitedLog log = new LimitedLog(BalloonFixture.class, "test: ");
    final DeviceQueue queue;
    final DeviceEvents events;
    int interrupts;
    int resetsAsked;
    int configChanges;

    BalloonFixture() {
        this(GuestMemory.of(List.of(
            GuestMemoryRegion.anonymous(0, BORDER_PAGE * PAGE),
            GuestMemoryRegion.anonymous(BORDER_PAGE * PAGE, (END_PAGE - BORDER_PAGE) * PAGE),
            GuestMemoryRegion.anonymous(HIGH_PAGE * PAGE, HIGH_PAGES * PAGE))));
    }

    private BalloonFixture(GuestMemory memory) {
        ram = memory.discardable();
        for (GuestMemoryRegion region : ram.regions()) {
            region.segment().asSlice(region.gpa() == 0 ? BUFFERS : 0).fill(FULL);
        }
        driver = VirtqueueDriver.create(ram, GEOMETRY, FEATURES);
        queue = new DeviceQueue(0, Virtqueue.create(ram, GEOMETRY, FEATURES), kick, () -> interrupts++);
        events = new DeviceEvents() {
            @Override
            public void configChanged() {
                configChanges++;
            }

            @Override
            public void needsReset() {
                resetsAsked++;
            }
        };
    }

    /** With memory that goes back in units of {@code pageBytes}, as huge pages do: one region, from address 0 on. */
    static BalloonFixture withPagesOf(long pageBytes, int count) {
        Fd file = Memfd.create("test-ram", 0);
        FileIo.ftruncate(file.number(), pageBytes * count);
        Mapping mapping = Mapping.file(file.number(), 0, pageBytes * count, Mapping.PROT_READ | Mapping.PROT_WRITE,
            Mapping.MAP_SHARED);
        return new BalloonFixture(GuestMemory.of(List.of(GuestMemoryRegion.shared(0, mapping, file, 0, pageBytes))));
    }

    BalloonPages pages(boolean mustTellHost) {
        return new BalloonPages(ram, mustTellHost, counters, log);
    }

    long count(BalloonCounter counter) {
        return counters.get(counter);
    }

    /** Stores page frame numbers from {@code gpa} on, which the driver then has a buffer of. */
    void putFrames(long gpa, int... frames) {
        ram.slice(gpa, 4L * frames.length).asByteBuffer().order(java.nio.ByteOrder.LITTLE_ENDIAN).asIntBuffer().put(frames);
    }

    /** Makes a buffer of page frame numbers available. */
    void give(int... frames) {
        putFrames(BUFFERS, frames);
        driver.add(elements.clear().readable(BUFFERS, 4L * frames.length));
        driver.publish();
    }

    /** Serves the queue until it has nothing to do; answers in how many turns. */
    int serve(ServedQueue served) {
        int turns = 0;
        while (served.poll()) {
            served.endTurn();
            turns++;
        }
        return turns;
    }

    boolean isFull(long page) {
        return isAll(page, FULL);
    }

    boolean isGone(long page) {
        return isAll(page, (byte) 0);
    }

    private boolean isAll(long page, byte value) {
        GuestMemoryRegion region = ram.find(page * PAGE, PAGE);
        for (long i = 0; i < PAGE; i++) {
            if (region.segment().get(ValueLayout.JAVA_BYTE, page * PAGE - region.gpa() + i) != value) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        kick.close();
        ram.close();
    }
}
