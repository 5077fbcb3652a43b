// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.devices.vring.VringEvents;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * The rings that one open vhost device serves, numbered from 0 as the kernel numbers them, and where they stand while it does not.
 * <pre>
 *   new ── prepare ── the device's own "run" ── wake ── its own "stop" ── takePositions ── prepare … ── close </pre>
 * <p>Split rings alone, of which the kernel knows. A position is the next available entry; all that was taken before it has been
 * used when the device stands still, as the kernel has nothing in flight then.
 * <p>Thread: the control thread.
 * <p>Lifetime: from the driver's start to its reset; {@link #close} ends the kernel's use of the events.
 */
public final class KernelVrings implements AutoCloseable {

    private final VhostDevice vhost;
    private final GuestMemory memory;
    private final List<DeviceQueue> queues;
    private final List<VringEvents> events = new ArrayList<>();
    private final int[] positions;

    /**
     * @param queues  by the kernel's numbers; each is enabled
     * @param onError called where the kernel cannot go on with one
     */
    public KernelVrings(VhostDevice vhost, GuestMemory memory, List<DeviceQueue> queues, ControlThread thread,
            Runnable onError) {
        this.vhost = vhost;
        this.memory = memory;
        this.queues = List.copyOf(queues);
        positions = new int[queues.size()];
        try {
            for (DeviceQueue queue : queues) {
                events.add(new VringEvents(queue, thread, onError));
            }
        } catch (RuntimeException | Error e) {
            events.forEach(VringEvents::close);
            throw e;
        }
    }

    /**
     * Tells the kernel all about the rings; the device's own call has them run.
     *
     * @param features that the driver accepted, as far as the kernel knows them
     * @throws ErrnoException where it refuses
     */
    public void prepare(long features) {
        vhost.setFeatures(features);
        vhost.setMemory(memory);
        for (int i = 0; i < positions.length; i++) {
            vhost.setSize(i, queues.get(i).ring().geometry().size());
            vhost.setBase(i, positions[i]);
            vhost.setPlace(i, queues.get(i).ring().geometry(), memory);
            vhost.setError(i, events.get(i).error());
            vhost.setCall(i, events.get(i).call());
            vhost.setKick(i, events.get(i).kick());
        }
    }

    /** Once they run: what the driver has said before is heard. */
    public void wake() {
        events.forEach(VringEvents::wake);
    }

    /** Once they stand still. */
    public void takePositions() {
        for (int i = 0; i < positions.length; i++) {
            positions[i] = vhost.base(i);
        }
    }

    /** The driver wants no more notifications. */
    public void disconnect() {
        events.forEach(VringEvents::disconnect);
    }

    /**
     * Takes the events from the kernel, once the rings stand still or never ran. When this returns its thread has done with all
     * that came by them.
     */
    @Override
    public void close() {
        try {
            for (int i = 0; i < positions.length; i++) {
                vhost.setKick(i, VhostDevice.NO_EVENT);
                vhost.setCall(i, VhostDevice.NO_EVENT);
                vhost.setError(i, VhostDevice.NO_EVENT);
            }
        } finally {
            events.forEach(VringEvents::close);
        }
    }
}
