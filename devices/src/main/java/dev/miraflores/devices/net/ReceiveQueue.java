// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * Receives packets for the guest, each right into the guest's buffers but for its first bytes, which are looked at here and then
 * copied. A packet that the buffers at hand do not hold waits for more, and so does what comes after it; without any buffer nothing
 * is received at all, and the driver is asked to say when there is one.
 * <p>Where packets go to queues by their hash, they are received here, and copied to the one that each belongs to.
 * <p>Thread: the pair's I/O thread.
 * <p>Source: virtio 1.3 §5.1.6.3, §5.1.6.4.
 */
final class ReceiveQueue extends PacketQueue {

    /** Packets in a turn. */
    static final int TURN_BUDGET = 64;
    /** Two iovecs for a packet that is not received into the guest's buffers, behind those for one that is. */
    private static final int OWN_IOVECS = ReceiveBuffers.SLOTS;
    /** For {@link PacketMemory}. */
    static final int IOVECS = OWN_IOVECS + 2;

    /** A packet's bytes where nobody segments, with some to spare: what is larger is copied. */
    private static final long USUAL_BYTES = 2048;
    private static final int TAG_BYTES = 4;

    private final MemorySegment bytes;
    private final ReceiveBuffers buffers;
    private final int maxChains;
    private final PacketHash hash = new PacketHash();

    private long wantedBytes;
    private boolean starved;

    // The packet in hand.
    private int frameBytes;
    /** Bytes of it, behind the first ones, that are in the guest's buffers already. */
    private long inPlaceBytes;
    /** It waits for more buffers. */
    private boolean held;

    ReceiveQueue(PortRun run, PortWatch watch, NetPort port, NetCounters counters, DeviceQueue queue, PacketMemory memory) {
        super("receive queue", run, watch, port, counters, queue, memory);
        this.bytes = memory.bytes;
        this.buffers = new ReceiveBuffers(ring, run.memory(), counters, memory, headerBytes);
        this.maxChains = run.has(NetFeatures.MRG_RXBUF) ? ring.size() : 1;
        memory.putIovec(OWN_IOVECS, memory.headerAddress(), NetHeader.BYTES);
        memory.putIovec(OWN_IOVECS + 1, memory.frameAddress(), NetHeader.MAX_FRAME_BYTES + PacketHash.MAX_BYTES);
        ring.disableNotifications();
    }

    @Override
    void set(NetState to, boolean on) {
        if (state != null && to.guestOffloads() != state.guestOffloads()) {
            dropHeld(NetFault.OFFLOAD_NOT_NEGOTIATED); // it was checked by what held before
        }
        if (!to.linkUp()) {
            dropHeld(NetFault.LINK_DOWN);
        }
        super.set(to, on);
        starved = false;
        boolean segments = (to.guestOffloads() & ~NetFeatures.GUEST_CSUM) != 0;
        wantedBytes = headerBytes + (segments ? NetHeader.MAX_FRAME_BYTES : USUAL_BYTES);
    }

    /** A packet that waits for buffers will not be delivered. */
    void dropHeld(NetFault why) {
        if (held) {
            held = false;
            counters.drop(why);
        }
    }

    /** Whether packets are to be had with no buffers of this queue. */
    private boolean needsNoBuffers() {
        return !state.linkUp() || state.hash().steers();
    }

    @Override
    public boolean hasWork() {
        if (!mayMove()) {
            return false;
        }
        if (held) {
            return ring.hasAvailable();
        }
        return watch.isReadable() && (needsNoBuffers() || !buffers.isEmpty() || ring.hasAvailable());
    }

    @Override
    public boolean poll() {
        if (!hasWork()) {
            return false;
        }
        if (starved) {
            starved = false;
            ring.disableNotifications();
        }
        for (int i = 0; i < TURN_BUDGET; i++) {
            if (!(held ? deliver() : watch.isReadable() && receive())) {
                break;
            }
        }
        checkRing();
        return true;
    }

    // ---- from the port

    /** Answers whether there may be another packet to receive. */
    private boolean receive() {
        if (needsNoBuffers()) {
            return receiveToOwn();
        }
        unpublished |= buffers.fill(wantedBytes, maxChains, ReceiveBuffers.MAX_ELEMENTS);
        if (buffers.isEmpty()) {
            return false;
        }
        if (!buffers.isOneCall()) {
            return receiveToOwn();
        }
        int count = buffers.describe();
        return received(call(buffers.iovecAddress(), count), buffers.room());
    }

    private boolean receiveToOwn() {
        return received(call(memory.iovecAddress(OWN_IOVECS), 2), 0);
    }

    private long call(long iovecs, int count) {
        long rc;
        do {
            rc = port.receive(iovecs, count);
        } while (rc == -Errno.EINTR);
        return rc;
    }

    /** @param room bytes of the frame, behind its first ones, that the guest's buffers had a place for */
    private boolean received(long rc, long room) {
        if (rc == -Errno.EAGAIN) {
            watch.awaitReadable();
            return false;
        }
        if (rc <= 0) {
            counters.faults().increment(NetFault.PORT_ERROR);
            watch.leaveAlone();
            return false;
        }
        if (rc < NetHeader.BYTES) {
            counters.drop(NetFault.HEADER_TOO_SHORT);
            return true;
        }
        long length = rc - NetHeader.BYTES;
        frameBytes = (int) Math.min(length, Integer.MAX_VALUE);
        inPlaceBytes = Math.max(0, Math.min(room, frameBytes - PacketHash.MAX_BYTES));
        NetFault fault = check();
        if (fault != null) {
            counters.drop(fault);
            return true;
        }
        if (state.hash().steers()) {
            steer();
            return true;
        }
        if (run.has(NetFeatures.HASH_REPORT)) {
            putHash();
        }
        return deliver();
    }

    private NetFault check() {
        if (!state.linkUp()) {
            return NetFault.LINK_DOWN;
        }
        if (frameBytes < NetHeader.MIN_FRAME_BYTES) {
            return NetFault.FRAME_TOO_SHORT;
        }
        if (frameBytes > NetHeader.MAX_FRAME_BYTES) {
            return NetFault.FRAME_TOO_LONG;
        }
        for (int i = frameBytes; i < ReceiveFilter.TAGGED_HEADER_BYTES; i++) {
            bytes.set(NetHeader.U8, PacketMemory.FRAME + i, (byte) 0);
        }
        if (!state.filter().accepts(bytes, PacketMemory.FRAME)) {
            return NetFault.FILTERED;
        }
        NetFault fault = NetHeader.checkReceived(bytes, state.guestOffloads(), frameBytes);
        return fault == null && isTooLong() ? NetFault.FRAME_TOO_LONG : fault;
    }

    /** With VIRTIO_NET_F_MTU: no packet that is more than that, but for those that the guest would cut up (§5.1.4.1). */
    private boolean isTooLong() {
        if (run.mtu() == 0 || NetHeader.isSegmented(bytes)) {
            return false;
        }
        int tagBytes = ReceiveFilter.isTagged(bytes, PacketMemory.FRAME) ? TAG_BYTES : 0;
        return frameBytes > run.mtu() + NetHeader.MIN_FRAME_BYTES + tagBytes;
    }

    private void putHash() {
        hash.calculate(state.hash(), bytes, PacketMemory.FRAME, Math.min(frameBytes, PacketHash.MAX_BYTES));
        bytes.set(NetHeader.LE32, NetHeader.HASH_VALUE_OFFSET, hash.value());
        bytes.set(NetHeader.LE16, NetHeader.HASH_REPORT_OFFSET, (short) hash.report());
        bytes.set(NetHeader.LE16, NetHeader.PADDING_OFFSET, (short) 0);
    }

    // ---- to the guest

    /** To the queue that the packet's hash says (§5.1.6.5.7). */
    private void steer() {
        putHash();
        HashConfig config = state.hash();
        int pair = hash.report() == 0 ? config.unclassifiedQueue() : config.pairOf(hash.value());
        ReceiveQueue target = run.receiveQueue(pair);
        if (target == null || !target.take(bytes, frameBytes)) {
            counters.drop(NetFault.NO_QUEUE);
        }
    }

    /** A packet that another pair of the same thread has received; answers whether there was room for it. */
    private boolean take(MemorySegment from, int length) {
        if (!mayMove() || held) {
            return false;
        }
        long total = headerBytes + length;
        starved = false; // what was asked for may be here now
        unpublished |= buffers.fill(total, maxChains, ReceiveBuffers.MOST_ELEMENTS);
        if (!checkRing() || buffers.bytes() < total) {
            return false;
        }
        int count = putHeader(from, total);
        buffers.write(headerBytes, from, PacketMemory.FRAME, length);
        use(count, total, length);
        return true;
    }

    /** The packet in hand; answers whether the queue can go on. */
    private boolean deliver() {
        long total = headerBytes + frameBytes;
        if (buffers.bytes() < total) {
            unpublished |= buffers.fill(total, maxChains, ReceiveBuffers.MOST_ELEMENTS);
        }
        if (buffers.bytes() < total) {
            return holdOrDrop();
        }
        held = false;
        int count = putHeader(bytes, total);
        int first = Math.min(frameBytes, PacketHash.MAX_BYTES);
        buffers.write(headerBytes, bytes, PacketMemory.FRAME, first);
        long spilt = frameBytes - first - inPlaceBytes;
        if (spilt > 0) {
            buffers.write(headerBytes + first + inPlaceBytes, bytes, PacketMemory.FRAME + PacketHash.MAX_BYTES, spilt);
        }
        use(count, total, frameBytes);
        return true;
    }

    private boolean holdOrDrop() {
        if (maxChains == 1 && !buffers.isEmpty() || buffers.isAll()) {
            held = false;
            counters.drop(NetFault.BUFFERS_TOO_SMALL);
            return true;
        }
        held = true;
        return false;
    }

    private int putHeader(MemorySegment header, long total) {
        int count = buffers.countFor(total);
        header.set(NetHeader.LE16, NetHeader.NUM_BUFFERS_OFFSET, (short) count);
        buffers.write(0, header, PacketMemory.HEADER, headerBytes);
        return count;
    }

    private void use(int count, long total, int length) {
        buffers.use(count, total);
        unpublished = true;
        counters.passed(length);
    }

    // ---- turns

    @Override
    public boolean enableEvents() {
        boolean waits = mayMove() && (held || watch.isReadable() && !needsNoBuffers() && buffers.isEmpty());
        if (!waits || starved) {
            return false;
        }
        starved = true;
        counters.packets().increment(NetCounter.WAITS);
        return ring.enableNotifications();
    }
}
