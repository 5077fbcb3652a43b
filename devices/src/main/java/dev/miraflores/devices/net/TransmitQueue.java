// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * Sends what the guest transmits, one packet after the other, from where the guest has it. Only the header is copied: what was
 * checked is what the port is given, whatever the guest writes meanwhile.
 * <p>A packet that the port has no room for waits, and with it the queue, until there is.
 * <p>Thread: the pair's I/O thread.
 * <p>Source: virtio 1.3 §5.1.6.2.
 */
final class TransmitQueue extends PacketQueue {

    /** Packets in a turn. */
    static final int TURN_BUDGET = 64;

    private boolean eventsEnabled;
    /** The one that the port had no room for: {@link #iovecCount} iovecs and {@link #frameBytes}. */
    private boolean pending;
    private int pendingHead;
    private int iovecCount;
    private int frameBytes;

    TransmitQueue(PortRun run, PortWatch watch, NetPort port, NetCounters counters, DeviceQueue queue, PacketMemory memory) {
        super("transmit queue", run, watch, port, counters, queue, memory);
        memory.putIovec(0, memory.headerAddress(), NetHeader.BYTES);
    }

    @Override
    void set(NetState to, boolean on) {
        super.set(to, on);
        eventsEnabled = false;
    }

    @Override
    public boolean hasWork() {
        return mayMove() && (pending || ring.hasAvailable());
    }

    @Override
    boolean mayMove() {
        return super.mayMove() && watch.isWritable();
    }

    @Override
    public boolean poll() {
        if (!hasWork()) {
            return false;
        }
        eventsEnabled = false;
        ring.disableNotifications();
        if (!pending || sendPending()) {
            for (int i = 0; i < TURN_BUDGET; i++) {
                DescriptorChain chain = ring.popChain();
                if (chain == null || !transmit(chain)) {
                    break;
                }
            }
        }
        checkRing();
        return true;
    }

    /** Answers whether the queue can go on. */
    private boolean transmit(DescriptorChain chain) {
        if (!prepare(chain)) {
            giveBack(chain.head());
            return true;
        }
        pending = true;
        pendingHead = chain.head();
        return sendPending();
    }

    /** Checks a packet, and describes it by iovecs; answers whether there is anything to send. */
    private boolean prepare(DescriptorChain chain) {
        if (chain.fault() != null) {
            counters.malformed(chain.fault());
            return false;
        }
        if (chain.writableCount() != 0) {
            counters.malformed(NetFault.WRONG_DIRECTION);
            return false;
        }
        long length = chain.readableBytes() - headerBytes;
        if (length < 0) {
            counters.malformed(NetFault.HEADER_TOO_SHORT);
            return false;
        }
        NetFault fault = length < NetHeader.MIN_FRAME_BYTES ? NetFault.FRAME_TOO_SHORT
            : length > NetHeader.MAX_FRAME_BYTES ? NetFault.FRAME_TOO_LONG
            : state.linkUp() ? null : NetFault.LINK_DOWN;
        if (fault == null) {
            chain.read(0, memory.bytes, PacketMemory.HEADER, NetHeader.BYTES);
            fault = NetHeader.checkTransmitted(memory.bytes, run.features(), (int) length);
        }
        if (fault != null) {
            counters.drop(fault);
            return false;
        }
        frameBytes = (int) length;
        describe(chain);
        return true;
    }

    private void describe(DescriptorChain chain) {
        if (chain.readableCount() < FileIo.IOV_MAX) {
            iovecCount = 1 + chain.putReadableIovecs(headerBytes, frameBytes, memory.iovecs, FileIo.IOVEC_BYTES);
        } else {
            // More pieces than one call takes: a driver may have any number of them (§2.7.4.2).
            chain.read(headerBytes, memory.bytes, PacketMemory.FRAME, frameBytes);
            memory.putIovec(1, memory.frameAddress(), frameBytes);
            iovecCount = 2;
        }
    }

    /** Answers false where it has to wait. */
    private boolean sendPending() {
        long rc = -Errno.ENETDOWN;
        if (state.linkUp()) {
            do {
                rc = port.send(memory.iovecAddress(0), iovecCount);
            } while (rc == -Errno.EINTR);
            if (rc == -Errno.EAGAIN && watch.awaitWritable()) {
                counters.packets().increment(NetCounter.WAITS);
                return false;
            }
        } else {
            port.abandon();
        }
        pending = false;
        if (rc >= 0) {
            counters.passed(frameBytes);
        } else {
            counters.drop(state.linkUp() ? NetFault.PORT_ERROR : NetFault.LINK_DOWN);
        }
        giveBack(pendingHead);
        return true;
    }

    private void giveBack(int head) {
        ring.addUsed(head, 0);
        unpublished = true;
    }

    @Override
    public boolean enableEvents() {
        if (eventsEnabled || pending || !mayMove()) {
            return false;
        }
        eventsEnabled = true;
        return ring.enableNotifications();
    }
}
