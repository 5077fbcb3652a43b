// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A ring of a {@link TestBackend}, and the disk's requests, as simple as can be. */
final class TestRing implements AutoCloseable {

    private static final int HEADER_BYTES = 16;
    private static final int IN = 0;
    private static final int OUT = 1;
    private static final int POSITION_MASK = 0xffff;
    private static final int WRAP_BIT = 1 << 15;

    int size;
    volatile boolean enabled;
    int position;
    EventFd call;
    EventFd error;
    EventFd kick;
    private long desc;
    private long driver;
    private long device;
    private Virtqueue queue;
    /** Of each request that was done and not given back: its head and bytes. */
    private final List<int[]> unsaid = new ArrayList<>();
    /** Whose they are, when the ring has stopped. */
    private Virtqueue stopped;

    void place(long descGpa, long driverGpa, long deviceGpa) {
        desc = descGpa;
        driver = driverGpa;
        device = deviceGpa;
    }

    void start(GuestMemory memory, long features) {
        queue = queue != null ? queue : Virtqueue.create(memory, new QueueGeometry(size, desc, driver, device), features, position & POSITION_MASK);
    }

    boolean isRunning() {
        return queue != null;
    }

    /** Where it stands; the packed form has both halves the same where nothing is in flight. */
    int stop() {
        if (queue != null) {
            int at = queue.position();
            position = position > POSITION_MASK || position < 0 ? at | usedBefore(at) << 16 : at;
            stopped = queue;
            queue = null;
        }
        return position;
    }

    /** In a packed ring of requests of three descriptors each. */
    private int usedBefore(int at) {
        int place = (at & ~WRAP_BIT) - 3 * unsaid.size();
        return place >= 0 ? place | at & WRAP_BIT : place + size | ~at & WRAP_BIT;
    }

    /** Gives back what was done late, of a ring that runs or has stopped, without a word to the driver. */
    void finish() {
        Virtqueue whose = queue != null ? queue : stopped;
        for (int[] each : unsaid) {
            whose.addUsed(each[0], each[1]);
        }
        if (!unsaid.isEmpty()) {
            whose.needsNotification();
        }
        unsaid.clear();
    }

    /** @param late requests are done, and given back by {@link #finish} */
    void serve(MemorySegment disk, boolean hold, boolean late) {
        if (kick.drain() == 0) {
            return;
        }
        do {
            queue.disableNotifications();
            for (DescriptorChain chain; (chain = queue.popChain()) != null;) {
                if (late) {
                    unsaid.add(new int[] {chain.head(), request(chain, disk)});
                } else if (!hold) {
                    queue.addUsed(chain.head(), request(chain, disk));
                }
            }
            if (queue.needsNotification()) {
                call.signal();
            }
        } while (queue.enableNotifications());
    }

    /** What {@code tx} has comes back by {@code rx}. */
    static void echo(TestRing rx, TestRing tx) {
        if ((rx.kick.drain() | tx.kick.drain()) == 0) {
            return;
        }
        do {
            while (tx.queue.hasAvailable() && rx.queue.hasAvailable()) {
                byte[] bytes = new byte[Integer.BYTES];
                DescriptorChain packet = tx.queue.popChain();
                packet.read(0, MemorySegment.ofArray(bytes), 0, bytes.length);
                tx.queue.addUsed(packet.head(), 0);
                DescriptorChain room = rx.queue.popChain();
                room.write(0, MemorySegment.ofArray(bytes), 0, bytes.length);
                rx.queue.addUsed(room.head(), bytes.length);
            }
            for (TestRing ring : new TestRing[] {rx, tx}) {
                if (ring.queue.needsNotification()) {
                    ring.call.signal();
                }
            }
        } while (tx.queue.enableNotifications() & rx.queue.enableNotifications());
    }

    private static int request(DescriptorChain chain, MemorySegment disk) {
        int type = chain.readInt(0);
        long at = chain.readLong(8) * 512;
        int dataBytes = 0;
        if (type == IN) {
            dataBytes = (int) chain.writableBytes() - 1;
            chain.write(0, disk, at, dataBytes);
        } else if (type == OUT) {
            chain.read(HEADER_BYTES, disk, at, chain.readableBytes() - HEADER_BYTES);
        }
        chain.writeByte(chain.writableBytes() - 1, (byte) 0);
        return dataBytes + 1;
    }

    @Override
    public void close() {
        queue = null;
        unsaid.clear();
        for (EventFd event : new EventFd[] {call, error, kick}) {
            if (event != null) {
                event.close();
            }
        }
    }
}
