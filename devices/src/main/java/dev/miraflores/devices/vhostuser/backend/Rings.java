// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.MessageLayout;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.DirtyLog;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.PackedVirtqueue;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The rings of a device, and the device while any of them runs.
 * <p>What a front end changes, of one ring or of the memory, it changes while all stand still: {@link #stop} has what is in
 * flight finish, answered and published, {@link #start} goes on where that was. So nothing on the I/O threads ever looks for a
 * change. To the driver it is a disk that was slow for a moment.
 * <p>Thread: the session's; {@link #needsReset}, any.
 */
final class Rings implements DeviceEvents {

    private static final int U16 = 0xFFFF;

    private final VirtioBlockDevice device;
    private final LimitedLog log;
    private final Vring[] vrings;
    private final List<Polling> polling = new ArrayList<>();
    /** Never signalled: the kick of a ring that is polled. */
    private final EventFd noKick = EventFd.create();
    private volatile boolean active;
    private boolean changed;
    private volatile boolean failed;
    private final SignalWatch signals;

    /** @param onJam called on an I/O thread when the front end has made a signal of its ring wait for it */
    Rings(VirtioBlockDevice device, LimitedLog log, IntConsumer onJam) {
        this.device = device;
        this.log = log;
        vrings = new Vring[device.queueCount()];
        for (int i = 0; i < vrings.length; i++) {
            int ring = i;
            vrings[i] = new Vring(ring, () -> onJam.accept(ring));
        }
        signals = new SignalWatch("vhost-signals-" + device.id(), vrings, device::thread);
    }

    Vring get(int index) throws Refusal {
        if (index < 0 || index >= vrings.length) {
            throw new Refusal("ring " + Integer.toUnsignedString(index) + " of " + vrings.length);
        }
        return vrings[index];
    }

    Vring[] all() {
        return vrings;
    }

    /** Whether the front end has started any. */
    boolean areStarted() {
        for (Vring vring : vrings) {
            if (vring.started) {
                return true;
            }
        }
        return false;
    }

    boolean isActive() {
        return active;
    }

    /** Whether the device, or a ring, has failed since it was last started. */
    boolean haveFailed() {
        return failed;
    }

    /** Whether some wait to run. */
    boolean haveToStart() {
        for (Vring vring : vrings) {
            if (vring.isReady()) {
                return changed && !active;
            }
        }
        return false;
    }

    /** A failure ends with the reset that it asked for. */
    void forgetFailure() {
        failed = false;
    }

    // ---- standing still

    /**
     * Has all stand still: what was in flight is answered, and nothing touches memory, rings or their events any more.
     *
     * @throws ProtocolException where it does not finish in time
     */
    void stop() throws ProtocolException {
        changed = true;
        if (!active) {
            return;
        }
        try {
            device.pause();
        } catch (DrainException e) {
            throw new ProtocolException(e.getMessage());
        }
        // A reset is not meant here, so what the driver has set stays.
        long writeback = device.readConfig(Config.WRITEBACK_OFFSET, 1);
        end();
        device.writeConfig(Config.WRITEBACK_OFFSET, 1, writeback);
        if (device.isHung()) {
            throw new ProtocolException("what the device had in flight did not finish in time");
        }
    }

    private void leave(Vring vring) {
        int position = vring.ring.position();
        vring.base = isPacked(vring) ? position << 16 | position & U16 : position;
        vring.broken |= failed || vring.ring.fault() != null;
        vring.stood = vring.ring;
        vring.ring = null;
    }

    private static boolean isPacked(Vring vring) {
        return vring.ring instanceof PackedVirtqueue;
    }

    private void end() {
        device.reset();
        device.resume(); // from the pause, which held the rings that are no more
        for (Vring vring : vrings) {
            if (vring.isRunning()) {
                leave(vring);
            }
        }
        polling.forEach(Polling::stop);
        polling.clear();
        active = false;
        signals.setActive(false);
    }

    /**
     * The session is over: ends all, whatever is in flight, and lets go of the rings' descriptors.
     *
     * @return false where the device hangs, and still may use all that the session had
     */
    boolean close() {
        try {
            stop();
        } catch (ProtocolException e) {
            log.log(System.Logger.Level.ERROR, e.getMessage());
            if (active) {
                end();
            }
        }
        device.reset(); // and its configuration, for the next driver
        if (device.isHung()) {
            return false;
        }
        closeDescriptors();
        return true;
    }

    void closeDescriptors() {
        for (Vring vring : vrings) {
            vring.closeKick();
            closeBehind(vring, vring.replaceCall(null));
            closeBehind(vring, vring.replaceError(null));
        }
        signals.close();
        noKick.close();
    }

    // ---- running

    /** What rings run on, beside themselves. */
    record Ground(long features, MemoryTable table, GuestMemory memory, DirtyLog log, InflightArea inflight) {
    }

    /** Has those run that are to run; does nothing where nothing has changed since they last stopped. */
    void start(Ground ground) {
        if (!changed || active) {
            return;
        }
        changed = false;
        if (ground.memory() == null || device.isHung()) {
            return;
        }
        List<DeviceQueue> queues = new ArrayList<>();
        boolean any = false;
        for (Vring vring : vrings) {
            vring.ring = vring.isReady() ? make(vring, ground) : null;
            vring.stood = vring.isRunning() ? null : vring.stood;
            EventFd kick = vring.kick == null ? noKick : vring.kick;
            queues.add(vring.isRunning() ? new DeviceQueue(vring.index, vring.ring, kick, vring) : null);
            any |= vring.isRunning();
        }
        if (any) {
            failed = false;
            active = true;
            signals.setActive(true);
            device.activate(new VirtioActivation(ground.features(), ground.memory(), Collections.unmodifiableList(queues), this));
            startPolling();
            // Whoever goes on with a ring may owe its driver a notification.
            for (Vring vring : vrings) {
                if (vring.isRunning()) {
                    signals.execute(vring.index, vring);
                }
            }
        }
    }

    private void startPolling() {
        for (Vring vring : vrings) {
            if (vring.isRunning() && vring.kick == null) {
                Polling each = new Polling(device.thread(vring.index));
                each.start();
                polling.add(each);
            }
        }
    }

    /** The ring, or null where it cannot be. */
    private Virtqueue make(Vring vring, Ground ground) {
        VringAddress at = vring.address;
        QueueGeometry geometry = new QueueGeometry(vring.size, ground.table().toGuest(at.descriptor()),
            ground.table().toGuest(at.available()), ground.table().toGuest(at.used()));
        DriverFault fault = geometry.descGpa() < 0 || geometry.driverGpa() < 0 || geometry.deviceGpa() < 0
            ? DriverFault.QUEUE_OUTSIDE_MEMORY : Virtqueue.check(ground.memory(), geometry, ground.features());
        if (fault != null) {
            // Once its memory is there, or its address another, it is tried again.
            refuse(vring, fault.toString());
            return null;
        }
        try {
            boolean packed = (ground.features() & RingFeatures.RING_PACKED) != 0;
            Virtqueue ring = Virtqueue.create(ground.memory(), geometry, ground.features(), vring.base & U16,
                packed ? packedUsed(vring.base) : splitUsed(ground.memory(), geometry));
            MemorySegment region = ground.inflight() == null ? null : ground.inflight().region(vring.index, vring.size);
            if (region != null) {
                ring.trackInflight(region);
            }
            if ((at.flags() & VringAddress.F_LOG) != 0 && ground.log() != null) {
                ring.logUsed(ground.log(), at.log());
            }
            return ring;
        } catch (IllegalArgumentException e) {
            vring.broken = true;
            refuse(vring, e.getMessage());
            return null;
        }
    }

    private void refuse(Vring vring, String why) {
        log.log(System.Logger.Level.WARNING, "ring " + vring.index + " does not run: " + why);
        signals.execute(vring.index, vring::signalError);
    }

    /** The device reads it from the ring itself (SET_VRING_BASE). */
    private static int splitUsed(GuestMemory memory, QueueGeometry geometry) {
        MemorySegment used = memory.slice(geometry.deviceGpa() + Short.BYTES, Short.BYTES);
        return used.get(MessageLayout.U16, 0) & U16;
    }

    /** Some front ends give one place for both. */
    private static int packedUsed(int base) {
        return base >>> 16 == 0 ? base & U16 : base >>> 16;
    }

    // ---- set-up while it runs

    /**
     * SET_VRING_CALL, which drivers cause often, as it moves with each masking of an interrupt. What was signalled to the one
     * before may have been lost with it, and the I/O thread may be about to signal that: so the next is signalled.
     */
    void setCall(Vring vring, EventFd next) {
        EventFd before = vring.replaceCall(next);
        if (next != null && vring.started) {
            signals.execute(vring.index, vring);
        }
        closeBehind(vring, before);
    }

    /** SET_VRING_ERR. */
    void setError(Vring vring, EventFd next) {
        closeBehind(vring, vring.replaceError(next));
    }

    /** On the ring's I/O thread, so that it is not in use just now. */
    private void closeBehind(Vring vring, EventFd event) {
        if (event != null && !signals.execute(vring.index, event::close)) {
            event.close();
        }
    }

    // ---- the device's events

    /** The server hears of it by the disk's own events, which come whether a ring runs or not. */
    @Override
    public void configChanged() {
    }

    @Override
    public void needsReset() {
        failed = true;
        for (Vring vring : vrings) {
            signals.execute(vring.index, vring::signalError);
        }
    }
}
