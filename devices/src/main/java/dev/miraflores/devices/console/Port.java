// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import dev.miraflores.devices.character.ByteQueue;
import dev.miraflores.devices.character.OutputPump;
import dev.miraflores.devices.character.WaitingInput;

/**
 * One port: where what the guest sends and what arrives at the far end wait for the other side.
 * <p>The far end of a port for programs may take its time: the guest's buffers are used once there is room. A console's may
 * not for ever, since Linux sends to it with a lock held and a CPU that does nothing else until its buffer is used: what such a
 * far end has not made room for within {@link #PATIENCE_NS} is dropped, until it takes something again. Where nobody is at
 * the far end, all is dropped, as in QEMU.
 * <p>Thread: what a {@link dev.miraflores.devices.character.CharInput} says, {@code status} and {@code sendNow}, any; the rest,
 * the I/O thread, or while that serves no queue of it whoever sets up, resets or closes the device.
 * <p>Lifetime: {@code close} ends the far end.
 */
final class Port extends WaitingInput implements AutoCloseable {

    /** What it holds of what arrived and the guest has not taken. */
    static final int INPUT_BYTES = 32 << 10;

    /** How long a console's far end may take nothing before output is dropped. */
    static final long PATIENCE_NS = 1_000_000_000L;

    /** What the device does for a port. */
    interface Host {

        /** The I/O thread is to look at all queues. Any thread. */
        void wake();

        /** It is to do so at that time, too. The I/O thread. */
        void wakeAt(long deadlineNs);

        /** The far end is a terminal of that size. Any thread. */
        void resized(int columns, int rows);
    }

    private final PortConfig config;
    private final Host host;
    private final OutputPump output;

    // Guarded by the monitor.
    private final ByteQueue input = new ByteQueue(INPUT_BYTES);
    private boolean hostOpen;
    /** How often the far end has been left. */
    private int hangUps;

    // Written by the I/O thread, and guestOpen at a reset.
    private volatile boolean guestOpen;
    private volatile long sentBytes;
    private volatile long droppedBytes;
    private volatile long receivedBytes;
    /** Since when a console's far end takes nothing; {@link #stalled} says whether it does. */
    private long stalledNs;
    private boolean stalled;

    Port(PortConfig config, Host host) {
        this.config = config;
        this.host = host;
        output = new OutputPump(config.id(), config.backend(), 0) {
            @Override
            protected void onRoom() {
                host.wake();
            }
        };
    }

    /** Takes hold of the far end. */
    void connect() {
        config.backend().connect(this);
        if (config.backend().isPermanent()) {
            setOpen(true);
        }
    }

    PortConfig config() {
        return config;
    }

    @Override
    public synchronized int offer(byte[] bytes, int offset, int length) {
        int taken = hasEnded() || !isTaking() ? 0 : input.add(bytes, offset, length);
        if (taken > 0) {
            host.wake();
        }
        return taken;
    }

    /** A program that is not there is told nothing, as in QEMU: it may be another's turn when it comes. A console is typed ahead to. */
    private boolean isTaking() {
        return guestOpen || config.isConsole();
    }

    /** There is no line to break. */
    @Override
    public void sendBreak() {
    }

    @Override
    public synchronized void setOpen(boolean open) {
        if (hostOpen == open) {
            return;
        }
        hostOpen = open;
        if (!open) {
            // It was for who has gone, not for who comes next.
            hangUps++;
            output.clear();
            dropOrphans();
        }
        host.wake();
    }

    /** What one who has gone said to a program that has gone as well is for nobody. */
    private void dropOrphans() {
        if (!hostOpen && !isTaking()) {
            input.clear();
        }
    }

    @Override
    public boolean wantsSize() {
        return config.isConsole();
    }

    @Override
    public void resized(int columns, int rows) {
        host.resized(columns, rows);
    }

    synchronized boolean hasInput() {
        return input.size() > 0;
    }

    /** Takes what has arrived, {@code length} bytes at most, and returns how many. */
    synchronized int receive(byte[] into, int length) {
        int count = input.remove(into, length);
        receivedBytes += count;
        madeRoom();
        return count;
    }

    synchronized boolean isHostOpen() {
        return hostOpen;
    }

    synchronized int hangUps() {
        return hangUps;
    }

    boolean isGuestOpen() {
        return guestOpen;
    }

    /** Answers whether that is new. */
    synchronized boolean setGuestOpen(boolean open) {
        boolean changed = guestOpen != open;
        guestOpen = open;
        if (open) {
            madeRoom();
        } else {
            dropOrphans();
        }
        return changed;
    }

    /** Whether {@link #send} would take something now; when not, the thread is woken once it would. */
    boolean canSend() {
        if (!isHostOpen()) {
            return true;
        }
        if (output.hasRoom(1)) {
            stalled = false;
            return true;
        }
        return config.isConsole() && isGivenUp();
    }

    /** The next driver is to be patient anew. */
    void forgetStall() {
        stalled = false;
    }

    private boolean isGivenUp() {
        long now = System.nanoTime();
        if (!stalled) {
            stalled = true;
            stalledNs = now;
            host.wakeAt(now + PATIENCE_NS);
        }
        return now - stalledNs >= PATIENCE_NS;
    }

    /** Whether what is sent now goes nowhere, however much it is. */
    boolean isDropping() {
        return !isHostOpen() || config.isConsole() && stalled && isGivenUp() && !output.hasRoom(1);
    }

    /** Passes on as much as there is room for, and returns how much that was. */
    int send(byte[] bytes, int length) {
        int taken = output.offer(bytes, 0, length);
        sentBytes += taken;
        return taken;
    }

    void dropped(long byteCount) {
        droppedBytes += byteCount;
    }

    /** One byte past all queues; dropped where there is no room for it. Any thread. */
    void sendNow(byte value) {
        output.offer(value);
    }

    PortStatus status() {
        return new PortStatus(config.number(), config.id(), config.name(), config.backend().describe(), isHostOpen(), guestOpen,
                sentBytes, droppedBytes, receivedBytes);
    }

    /** Begins to end: {@link #close} waits for what is queued. */
    void finish() {
        endInput();
        output.finish();
    }

    @Override
    public void close() {
        finish();
        output.close();
        config.backend().close();
    }
}
