// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static dev.miraflores.devices.console.ConsoleLayout.CONTROL_RECEIVEQ;
import static dev.miraflores.devices.console.ConsoleLayout.CONTROL_TRANSMITQ;
import static dev.miraflores.devices.console.ConsoleLayout.EMERG_WR;
import static dev.miraflores.devices.console.ConsoleLayout.F_EMERG_WRITE;
import static dev.miraflores.devices.console.ConsoleLayout.F_MULTIPORT;
import static dev.miraflores.devices.console.ConsoleLayout.F_SIZE;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.QueueWatches;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A console device with a console, named ports or both, served by an I/O thread that it may share.
 * <p>Several ports (VIRTIO_CONSOLE_F_MULTIPORT) are offered where there is one besides the console, the console's size where its
 * far end is a terminal. A driver that does not take the former has the console alone.
 * <p>Thread: as {@link VirtioDevice} says; the queues belong to the I/O thread from {@code activate} to {@code reset}.
 * {@code status}, any.
 * <p>Lifetime: to be closed before its I/O thread; closes the ports' back ends, after what is queued for them was written, for
 * two seconds at most.
 * <p>Source: virtio 1.3 §5.3.
 */
public final class VirtioConsoleDevice implements VirtioDevice {

    private static final int DEVICE_ID = 3;
    private static final int QUEUE_SIZE = 64;
    private static final long FEATURES =
            RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;

    private final IoThread ioThread;
    private final PortListener listener;
    private final List<Port> ports = new ArrayList<>();
    private final QueueWatches watches;
    private final ConsoleSize size = new ConsoleSize();
    private final WakeUp wakeUp = new WakeUp();
    private final Scratch scratch = new Scratch();
    private final long features;
    private final int portNumbers;
    /** Wakes the I/O thread; since the first activation. */
    private IoTimer timer;
    private boolean active;
    private volatile DeviceEvents events;

    /**
     * A device that {@code ioThread} will serve; takes hold of the ports' back ends.
     *
     * @param configs  one at least, each with a number of its own
     * @param listener hears of what the guest does with them
     */
    public VirtioConsoleDevice(IoThread ioThread, List<PortConfig> configs, PortListener listener) {
        this.ioThread = ioThread;
        this.listener = listener;
        watches = new QueueWatches(ioThread);
        Links links = new Links();
        for (PortConfig config : configs.stream().sorted(Comparator.comparingInt(PortConfig::number)).toList()) {
            ports.add(new Port(config, links));
        }
        ports.forEach(Port::connect);
        portNumbers = ports.getLast().config().number() + 1;
        features = FEATURES | (portNumbers > 1 ? 1L << F_MULTIPORT : 0) | (console() != null ? 1L << F_EMERG_WRITE : 0)
                | (size.changes() > 0 ? 1L << F_SIZE : 0);
    }

    /** Port 0, or null. */
    private Port console() {
        Port first = ports.getFirst();
        return first.config().isConsole() ? first : null;
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public long features() {
        return features;
    }

    /** Two for each port and two for control, or the console's two (§5.3.2). */
    @Override
    public int queueCount() {
        return portNumbers > 1 ? 2 * portNumbers + 2 : 2;
    }

    @Override
    public int maxQueueSize(int index) {
        return QUEUE_SIZE;
    }

    @Override
    public int configByteSize() {
        return ConsoleLayout.CONFIG_BYTES;
    }

    /** What the driver writes to emerg_wr is not there to be read. */
    @Override
    public long readConfig(int offset, int byteSize) {
        int now = size.packed();
        long fields = ConsoleSize.columns(now) | (long) ConsoleSize.rows(now) << 16 | (long) portNumbers << 32;
        long from = offset < Long.BYTES ? fields >>> 8 * offset : 0;
        return byteSize < Long.BYTES ? from & (1L << 8 * byteSize) - 1 : from;
    }

    /** An emergency write: the lower byte goes to the console, whatever state device and driver are in (§5.3.5.1). */
    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        if (offset == EMERG_WR && console() != null) {
            console().sendNow((byte) value);
        }
    }

    @Override
    public void activate(VirtioActivation activation) {
        events = activation.events();
        active = true;
        // All queues at once: there may be many, and a guest that waits.
        ioThread.call(() -> start(activation));
    }

    private void start(VirtioActivation activation) {
        if (timer == null) {
            timer = ioThread.timer(() -> { });
        }
        if (!activation.has(F_MULTIPORT)) {
            startConsole(activation);
            return;
        }
        ControlState state = new ControlState(ports, listener, size, activation.has(F_SIZE));
        add(activation, CONTROL_RECEIVEQ, queue -> new ControlReceiveQueue(queue, activation.events(), state, scratch));
        add(activation, CONTROL_TRANSMITQ, queue -> new ControlTransmitQueue(queue, activation.events(), state));
        ports.forEach(port -> addData(activation, port));
    }

    /** For a driver that knows of no other, and so does not say that it opens it. */
    private void startConsole(VirtioActivation activation) {
        Port console = console();
        if (console == null) {
            return;
        }
        if (console.setGuestOpen(true)) {
            listener.guestChanged(console.config().id(), true);
        }
        addData(activation, console);
    }

    private void addData(VirtioActivation activation, Port port) {
        int receive = ConsoleLayout.receiveQueue(port.config().number());
        add(activation, receive, queue -> new ReceiveQueue(queue, activation.events(), port, scratch));
        add(activation, receive + 1, queue -> new TransmitQueue(queue, activation.events(), port, scratch));
    }

    private interface Server {
        PolledSource of(DeviceQueue queue);
    }

    private void add(VirtioActivation activation, int index, Server server) {
        DeviceQueue queue = activation.queues().get(index);
        if (queue != null) {
            watches.add(queue, server.of(queue));
        }
    }

    @Override
    public void reset() {
        if (!active) {
            return;
        }
        active = false;
        events = null;
        watches.close();
        ioThread.call(this::forgetStalls);
        for (Port port : ports) {
            if (port.setGuestOpen(false)) {
                listener.guestChanged(port.config().id(), false);
            }
        }
    }

    /** With the timer goes the look at a port that stalls, so that it must not count as one that was looked at. */
    private void forgetStalls() {
        timer.cancel();
        ports.forEach(Port::forgetStall);
    }

    /** The ports as they are, by their numbers. */
    public List<PortStatus> status() {
        return ports.stream().map(Port::status).toList();
    }

    @Override
    public void close() {
        reset();
        ports.forEach(Port::finish);
        ports.forEach(Port::close);
    }

    /** Has the I/O thread look at its queues: one message for however many reasons. */
    private final class WakeUp implements Runnable {

        private final AtomicBoolean sent = new AtomicBoolean();

        void send() {
            if (!sent.getAndSet(true)) {
                try {
                    ioThread.execute(this);
                } catch (RejectedExecutionException e) {
                    // It has ended, and nothing is served any more.
                }
            }
        }

        @Override
        public void run() {
            sent.set(false);
        }
    }

    private final class Links implements Port.Host {

        @Override
        public void wake() {
            wakeUp.send();
        }

        @Override
        public void wakeAt(long deadlineNs) {
            timer.set(deadlineNs);
        }

        @Override
        public void resized(int columns, int rows) {
            DeviceEvents told = events;
            if (told == null) {
                size.set(columns, rows);
            } else {
                told.changeConfig(() -> size.set(columns, rows));
            }
            wakeUp.send();
        }
    }
}
