// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.bindings.vhost.vhost_abi;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_memory;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_memory_region;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_vring_addr;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_vring_file;
import dev.miraflores.bindings.vhost.vhost_abi.vhost_vring_state;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.QueueGeometry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An open vhost device, of whatever kind: its ioctls, by name. What the kernel refuses is an {@link ErrnoException} that names
 * the call, what was asked for and the device.
 * <p>Thread: one at a time.
 * <p>Lifetime: until {@link #close}, after which the kernel touches neither memory nor rings.
 * <p>Source: linux/vhost.h.
 */
public final class VhostDevice implements AutoCloseable {

    private final String path;
    private final VhostCalls calls;
    private final long features;

    private VhostDevice(String path, VhostCalls calls, long features) {
        this.path = path;
        this.calls = calls;
        this.features = features;
    }

    /** Makes an open device this process's, whose memory it works in from now on. Where that fails it is closed. */
    static VhostDevice own(String path, VhostCalls calls) {
        try (Arena arena = Arena.ofConfined()) {
            VhostDevice device = new VhostDevice(path, calls, 0);
            device.check("VHOST_SET_OWNER()", calls.call(vhost_abi.VHOST_SET_OWNER, MemorySegment.NULL));
            MemorySegment features = arena.allocate(ValueLayout.JAVA_LONG);
            device.check("VHOST_GET_FEATURES()", calls.call(vhost_abi.VHOST_GET_FEATURES, features));
            return new VhostDevice(path, calls, features.get(ValueLayout.JAVA_LONG, 0));
        } catch (ErrnoException e) {
            calls.close();
            throw new VhostException(e.getMessage() + ": the kernel does not serve it to this process; hv doctor tells more");
        }
    }

    /** All that the kernel's side can do: of virtio, and bits of vhost's own. */
    public long features() {
        return features;
    }

    /** Not while a ring runs. */
    public void setFeatures(long accepted) {
        u64(vhost_abi.VHOST_SET_FEATURES, "VHOST_SET_FEATURES(0x" + Long.toHexString(accepted) + ")", accepted);
    }

    /** Where guest memory is: the kernel goes through this process's mappings, by its addresses. */
    public void setMemory(GuestMemory memory) {
        int count = memory.regions().size();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(vhost_memory.sizeof + count * vhost_memory_region.sizeof, Long.BYTES);
            table.set(ValueLayout.JAVA_INT, vhost_memory.nregions, count);
            long at = vhost_memory.regions;
            for (GuestMemoryRegion region : memory.regions()) {
                table.set(ValueLayout.JAVA_LONG, at + vhost_memory_region.guest_phys_addr, region.gpa());
                table.set(ValueLayout.JAVA_LONG, at + vhost_memory_region.memory_size, region.byteSize());
                table.set(ValueLayout.JAVA_LONG, at + vhost_memory_region.userspace_addr, region.hostAddress());
                at += vhost_memory_region.sizeof;
            }
            check("VHOST_SET_MEM_TABLE(" + count + " regions)", calls.call(vhost_abi.VHOST_SET_MEM_TABLE, table));
        }
    }

    void setSize(int vring, int size) {
        state(vhost_abi.VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM", vring, size);
    }

    /** The next available entry that it takes, a free-running index. */
    void setBase(int vring, int base) {
        state(vhost_abi.VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE", vring, base);
    }

    int base(int vring) {
        return state(vhost_abi.VHOST_GET_VRING_BASE, "VHOST_GET_VRING_BASE", vring, 0);
    }

    /** Where the parts of a ring are, of which {@link dev.miraflores.virtio.ring.Virtqueue#check} has said that they are memory. */
    void setPlace(int vring, QueueGeometry place, GuestMemory memory) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(vhost_vring_addr.sizeof, Long.BYTES);
            address.set(ValueLayout.JAVA_INT, vhost_vring_addr.index, vring);
            address.set(ValueLayout.JAVA_LONG, vhost_vring_addr.desc_user_addr, hostAddress(memory, place.descGpa()));
            address.set(ValueLayout.JAVA_LONG, vhost_vring_addr.avail_user_addr, hostAddress(memory, place.driverGpa()));
            address.set(ValueLayout.JAVA_LONG, vhost_vring_addr.used_user_addr, hostAddress(memory, place.deviceGpa()));
            check("VHOST_SET_VRING_ADDR(" + vring + ", " + place + ")", calls.call(vhost_abi.VHOST_SET_VRING_ADDR, address));
        }
    }

    private static long hostAddress(GuestMemory memory, long gpa) {
        GuestMemoryRegion region = memory.find(gpa, 1);
        return region.hostAddress() + gpa - region.gpa();
    }

    /** The event that the driver's notifications come by; {@link #NO_EVENT} ends that, and waits for what it has caused. */
    void setKick(int vring, int fd) {
        file(vhost_abi.VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK", vring, fd);
    }

    void setCall(int vring, int fd) {
        file(vhost_abi.VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL", vring, fd);
    }

    void setError(int vring, int fd) {
        file(vhost_abi.VHOST_SET_VRING_ERR, "VHOST_SET_VRING_ERR", vring, fd);
    }

    /** In the place of an event's descriptor. */
    static final int NO_EVENT = vhost_abi.VHOST_FILE_UNBIND;

    /** A {@code struct vhost_vring_state}: what the kernel leaves in its second field. */
    private int state(long request, String name, int vring, int num) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(vhost_vring_state.sizeof, Integer.BYTES);
            state.set(ValueLayout.JAVA_INT, vhost_vring_state.index, vring);
            state.set(ValueLayout.JAVA_INT, vhost_vring_state.num, num);
            check(name + "(" + vring + ", " + num + ")", calls.call(request, state));
            return state.get(ValueLayout.JAVA_INT, vhost_vring_state.num);
        }
    }

    /** A {@code struct vhost_vring_file}. */
    private void file(long request, String name, int vring, int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment file = arena.allocate(vhost_vring_file.sizeof, Integer.BYTES);
            file.set(ValueLayout.JAVA_INT, vhost_vring_file.index, vring);
            file.set(ValueLayout.JAVA_INT, vhost_vring_file.fd, fd);
            check(name + "(" + vring + ", fd=" + fd + ")", calls.call(request, file));
        }
    }

    // What only some have.

    /** VHOST_NET_SET_BACKEND: the tap descriptor that a network device's ring reads or writes; {@link #NO_EVENT} for none. */
    public void setNetBackend(int vring, int fd) {
        file(vhost_abi.VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND", vring, fd);
    }

    /** VHOST_VSOCK_SET_GUEST_CID: 0 or −errno; EADDRINUSE where another guest of this host has it. */
    public int trySetGuestCid(long cid) {
        try (Arena arena = Arena.ofConfined()) {
            return calls.call(vhost_abi.VHOST_VSOCK_SET_GUEST_CID, arena.allocateFrom(ValueLayout.JAVA_LONG, cid));
        }
    }

    /** VHOST_VSOCK_SET_RUNNING. */
    public void setVsockRunning(boolean running) {
        try (Arena arena = Arena.ofConfined()) {
            int on = running ? 1 : 0;
            check("VHOST_VSOCK_SET_RUNNING(" + on + ")", calls.call(vhost_abi.VHOST_VSOCK_SET_RUNNING,
                arena.allocateFrom(ValueLayout.JAVA_INT, on)));
        }
    }

    private void u64(long request, String name, long value) {
        try (Arena arena = Arena.ofConfined()) {
            check(name, calls.call(request, arena.allocateFrom(ValueLayout.JAVA_LONG, value)));
        }
    }

    private void check(String call, int rc) {
        if (rc < 0) {
            throw new ErrnoException(call + " of " + path, -rc);
        }
    }

    @Override
    public void close() {
        calls.close();
    }
}
