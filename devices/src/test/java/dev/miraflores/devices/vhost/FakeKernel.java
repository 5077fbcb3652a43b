// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.bindings.vhost.vhost_abi;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_memory;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_memory_region;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_vring_addr;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_vring_state;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/**
 * The kernel's side of vhost as linux/vhost.h and the kernel's drivers have it: what may be asked for when, with the errnos of
 * those who ask at another time. It serves a pair of rings, 0 to the guest and 1 from it, when a test asks it to: each
 * packet that the guest sends comes back. What nobody may do at all is a violation.
 * <p>Thread: any.
 */
public final class FakeKernel implements VhostCalls {

    public static final int VRINGS = 2;
    /** VHOST_F_LOG_ALL, VIRTIO_F_NOTIFY_ON_EMPTY, VIRTIO_F_ACCESS_PLATFORM: the kernel has them, and we do not ask for them. */
    public static final long NOT_OURS = 1L << 26 | 1L << 24 | 1L << 33;

    private static final long PACKET_BYTES = 4;

    public long features = NOT_OURS | RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX | 1L << 1;
    /** Those of other guests. */
    public final Set<Long> takenCids = new HashSet<>();
    public final List<String> violations = new ArrayList<>();
    /** So many calls succeed, and then one does not, but for those that end something. */
    private int refuseAfter = -1;
    private int refusal;
    /** What the next stop waits for. */
    public volatile CountDownLatch stopHeldUp;
    private final GuestMemory memory;
    private final Vring[] vrings = new Vring[VRINGS];
    private boolean owned;
    private boolean memoryKnown;
    private boolean closed;
    private long accepted;
    private long cid;
    private int calls;

    private static final class Vring {
        private int size;
        private int base;
        private QueueGeometry place;
        private EventFd kick;
        private EventFd call;
        private EventFd error;
        private Virtqueue queue;
        private int backend = -1;
    }

    /** @param memory all that the table may have in it */
    public FakeKernel(GuestMemory memory) {
        this.memory = memory;
        for (int i = 0; i < VRINGS; i++) {
            vrings[i] = new Vring();
        }
    }

    /** As who opens the device finds it. */
    public VhostDevice open() {
        return VhostDevice.own("/dev/vhost-test", this);
    }

    public synchronized void refuse(int afterCalls, int errno) {
        refuseAfter = afterCalls;
        refusal = errno;
    }

    /** Whether it serves both rings. */
    public synchronized boolean isRunning() {
        return vrings[0].queue != null && vrings[1].queue != null;
    }

    /** Whether it serves none. */
    public synchronized boolean isStill() {
        return vrings[0].queue == null && vrings[1].queue == null;
    }

    public synchronized boolean isClosed() {
        return closed;
    }

    public synchronized long accepted() {
        return accepted;
    }

    public synchronized long cid() {
        return cid;
    }

    public synchronized int calls() {
        return calls;
    }

    public synchronized int backend(int vring) {
        return vrings[vring].backend;
    }

    /** Whether it holds any event of a ring's. */
    public synchronized boolean hasEvents() {
        for (Vring vring : vrings) {
            if (vring.kick != null || vring.call != null || vring.error != null) {
                return true;
            }
        }
        return false;
    }

    /** It cannot go on with a ring. */
    public synchronized void breakVring(int vring) {
        vrings[vring].error.signal();
    }

    @Override
    public int call(long request, MemorySegment argument) {
        CountDownLatch held = stopHeldUp;
        if (held != null && request == vhost_abi.VHOST_VSOCK_SET_RUNNING && argument.get(ValueLayout.JAVA_INT, 0) == 0) {
            try {
                held.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
        synchronized (this) {
            return answer(request, argument);
        }
    }

    private int answer(long request, MemorySegment argument) {
        calls++;
        if (closed) {
            violations.add("ioctl " + Long.toHexString(request) + " after close");
            return -Errno.EBADF;
        }
        if (!endsSomething(request, argument) && refuseAfter >= 0 && refuseAfter-- == 0) {
            return -refusal;
        }
        if (request == vhost_abi.VHOST_SET_OWNER) {
            int rc = owned ? -Errno.EBUSY : 0;
            owned = true;
            return rc;
        }
        if (!owned) {
            return -Errno.EPERM;
        }
        if (request == vhost_abi.VHOST_GET_FEATURES) {
            argument.set(ValueLayout.JAVA_LONG, 0, features);
            return 0;
        }
        if (request == vhost_abi.VHOST_SET_FEATURES) {
            accepted = argument.get(ValueLayout.JAVA_LONG, 0);
            return (accepted & ~features) != 0 ? -Errno.EOPNOTSUPP : 0;
        }
        if (request == vhost_abi.VHOST_SET_MEM_TABLE) {
            return memoryTable(argument);
        }
        if (request == vhost_abi.VHOST_VSOCK_SET_GUEST_CID) {
            return guestCid(argument.get(ValueLayout.JAVA_LONG, 0));
        }
        if (request == vhost_abi.VHOST_VSOCK_SET_RUNNING) {
            return run(argument.get(ValueLayout.JAVA_INT, 0) != 0);
        }
        int index = argument.get(ValueLayout.JAVA_INT, 0);
        return index < 0 || index >= VRINGS ? -Errno.ENOBUFS : vring(request, vrings[index], argument);
    }

    /** What the kernel never refuses to who owns the device. */
    private static boolean endsSomething(long request, MemorySegment argument) {
        return request == vhost_abi.VHOST_VSOCK_SET_RUNNING && argument.get(ValueLayout.JAVA_INT, 0) == 0
            || request == vhost_abi.VHOST_GET_VRING_BASE
            || (request == vhost_abi.VHOST_SET_VRING_KICK || request == vhost_abi.VHOST_SET_VRING_CALL
                || request == vhost_abi.VHOST_SET_VRING_ERR || request == vhost_abi.VHOST_NET_SET_BACKEND)
                && argument.get(ValueLayout.JAVA_INT, vhost_vring_state.num) == -1;
    }

    private int memoryTable(MemorySegment table) {
        int count = table.get(ValueLayout.JAVA_INT, vhost_memory.nregions);
        for (int i = 0; i < count; i++) {
            long at = vhost_memory.regions + i * vhost_memory_region.sizeof;
            long gpa = table.get(ValueLayout.JAVA_LONG, at + vhost_memory_region.guest_phys_addr);
            long byteSize = table.get(ValueLayout.JAVA_LONG, at + vhost_memory_region.memory_size);
            long host = table.get(ValueLayout.JAVA_LONG, at + vhost_memory_region.userspace_addr);
            if (memory.find(gpa, byteSize) == null || memory.findHost(host) == null || gpaOf(host) != gpa) {
                violations.add("memory table: 0x" + Long.toHexString(gpa));
            }
        }
        memoryKnown = true;
        return 0;
    }

    private long gpaOf(long host) {
        var region = memory.findHost(host);
        return region == null ? -1 : region.gpa() + host - region.hostAddress();
    }

    private int guestCid(long wanted) {
        if (wanted <= 2 || wanted >= 0xFFFF_FFFFL) {
            return -Errno.EINVAL;
        }
        if (takenCids.contains(wanted)) {
            return -Errno.EADDRINUSE;
        }
        cid = wanted;
        return 0;
    }

    private int run(boolean wanted) {
        for (Vring vring : vrings) {
            int rc = wanted ? begin(vring) : end(vring);
            if (rc < 0) {
                return rc;
            }
        }
        return 0;
    }

    private int begin(Vring vring) {
        if (!memoryKnown || vring.size == 0 || vring.place == null) {
            return -Errno.EFAULT;
        }
        if (vring.queue == null) {
            QueueGeometry place = vring.place;
            vring.queue = Virtqueue.create(memory, new QueueGeometry(vring.size, place.descGpa(), place.driverGpa(),
                place.deviceGpa()), accepted, vring.base);
        }
        return 0;
    }

    private static int end(Vring vring) {
        if (vring.queue != null) {
            vring.base = vring.queue.position();
            vring.queue = null;
        }
        return 0;
    }

    /** VHOST_NET_SET_BACKEND: a ring is served while it has a tap. */
    private int setBackend(Vring vring, int fd) {
        int rc = fd >= 0 ? begin(vring) : end(vring);
        vring.backend = rc < 0 ? vring.backend : fd;
        return rc;
    }

    private int vring(long request, Vring vring, MemorySegment argument) {
        int value = argument.get(ValueLayout.JAVA_INT, vhost_vring_state.num);
        if (request == vhost_abi.VHOST_NET_SET_BACKEND) {
            return setBackend(vring, value);
        }
        boolean running = vring.queue != null;
        if (request == vhost_abi.VHOST_SET_VRING_NUM) {
            if (running) {
                return -Errno.EBUSY;
            }
            vring.size = value;
        } else if (request == vhost_abi.VHOST_SET_VRING_BASE) {
            if (running) {
                return -Errno.EBUSY;
            }
            vring.base = value;
        } else if (request == vhost_abi.VHOST_GET_VRING_BASE) {
            argument.set(ValueLayout.JAVA_INT, vhost_vring_state.num, running ? vring.queue.position() : vring.base);
        } else if (request == vhost_abi.VHOST_SET_VRING_ADDR) {
            vring.place = new QueueGeometry(vring.size, place(argument, vhost_vring_addr.desc_user_addr),
                place(argument, vhost_vring_addr.avail_user_addr), place(argument, vhost_vring_addr.used_user_addr));
        } else if (request == vhost_abi.VHOST_SET_VRING_KICK) {
            vring.kick = event(value);
        } else if (request == vhost_abi.VHOST_SET_VRING_CALL) {
            vring.call = event(value);
        } else if (request == vhost_abi.VHOST_SET_VRING_ERR) {
            vring.error = event(value);
        } else {
            violations.add("ioctl " + Long.toHexString(request));
            return -Errno.ENOTTY;
        }
        return 0;
    }

    private long place(MemorySegment argument, long offset) {
        long gpa = gpaOf(argument.get(ValueLayout.JAVA_LONG, offset));
        if (gpa < 0) {
            violations.add("a ring's part that is not memory");
        }
        return gpa;
    }

    /** Borrowed: never closed here. */
    private static EventFd event(int fd) {
        return fd < 0 ? null : EventFd.adopt(Fd.adopt(fd));
    }

    /** Does what the driver's notifications asked for: packets come back as long as there is room for them. */
    public synchronized void serve() {
        if (!isRunning() || vrings[0].kick == null || vrings[1].kick == null
                || (vrings[0].kick.drain() | vrings[1].kick.drain()) == 0) {
            return;
        }
        Virtqueue rx = vrings[0].queue;
        Virtqueue tx = vrings[1].queue;
        boolean used = false;
        do {
            for (; tx.hasAvailable() && rx.hasAvailable(); used = true) {
                DescriptorChain packet = tx.popChain();
                byte[] bytes = new byte[(int) PACKET_BYTES];
                packet.read(0, MemorySegment.ofArray(bytes), 0, PACKET_BYTES);
                tx.addUsed(packet.head(), 0);
                DescriptorChain room = rx.popChain();
                room.write(0, MemorySegment.ofArray(bytes), 0, PACKET_BYTES);
                rx.addUsed(room.head(), (int) PACKET_BYTES);
            }
        } while (tx.enableNotifications() & rx.enableNotifications());
        for (Vring vring : vrings) {
            if (used && vring.queue.needsNotification() && vring.call != null) {
                vring.call.signal();
            }
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            violations.add("closed twice");
        }
        closed = true;
        run(false);
    }
}
