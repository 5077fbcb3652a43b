// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.vring.ControlThread;
import java.util.function.Consumer;

/**
 * What a device that another process serves asks of its control thread: each wait has an end, and a back end that does not stop is
 * seen.
 * <p>Thread: any, but the control thread itself.
 * <p>Lifetime: until {@link #close}, which ends thread and connection.
 */
final class BackendControl implements AutoCloseable {

    private final VhostUserConfig config;
    private final String device;
    private final ControlThread thread;
    private final BackendLink link;
    private volatile boolean resetting;
    private boolean closed;

    /** @param onNeedsReset told why, where the device cannot go on */
    BackendControl(VhostUserConfig config, BackendRole role, Consumer<String> onNeedsReset) {
        this.config = config;
        device = role.device();
        thread = new ControlThread("vu-" + config.id());
        link = new BackendLink(config, role, thread, onNeedsReset);
    }

    /** Its back end, and its rings: for messages. */
    BackendLink link() {
        return link;
    }

    String threadName() {
        return thread.name();
    }

    /** Has {@code message} run without waiting for it. */
    void execute(Runnable message) {
        thread.execute(message);
    }

    /** Waits until {@code message} has been run, or takes longer than a back end may for an answer: whether it did not. */
    boolean call(Runnable message) {
        return thread.call(done -> {
            message.run();
            done.run();
        }, config.replyNs());
    }

    /** Waits until the back end has stopped all rings; where that takes too long the device {@link #isHung} until it has. */
    void reset() {
        resetting = true;
        thread.call(done -> link.reset(() -> {
            resetting = false;
            done.run();
        }), config.drainNs());
    }

    /** Whether a reset is not complete. */
    boolean isHung() {
        return resetting;
    }

    /** @throws DrainException where the back end does not stop its rings in time; it goes on then */
    void pause() {
        if (!thread.call(link::pause, config.drainNs())) {
            resume();
            throw new DrainException(device + ": its back end at " + config.socketPath()
                + " has not finished what is in flight in " + config.drainNs() / 1_000_000 + " ms");
        }
    }

    void resume() {
        thread.execute(link::resume);
    }

    /** A back end that has not stopped its rings keeps its own mapping of guest memory: ours may go. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            link.shutdown();
            thread.close();
        }
    }
}
