// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.DescriptorHandler;
import dev.miraflores.aio.DescriptorWatch;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;

/**
 * Whether a port may be read from and written to, as far as is known: it may, until it says −EAGAIN, and again when its descriptor is
 * ready. What is not asked for is not waited for, so that packets that nobody has room for cost nothing.
 * <p>Thread: the pair's I/O thread.
 */
final class PortWatch implements DescriptorHandler {

    /** How long a port that had an error is left alone, unless its descriptor changes. */
    private static final long RETRY_NS = 200_000_000L;

    private final IoThread thread;
    private final NetPort port;
    private DescriptorWatch watch;
    private IoTimer retry;
    private boolean open;
    private boolean readable;
    private boolean writable;

    PortWatch(IoThread thread, NetPort port) {
        this.thread = thread;
        this.port = port;
    }

    /** From now on, and as if nothing were known of the port. */
    void open() {
        int descriptor = port.descriptor();
        watch = descriptor < 0 ? null : thread.watch(descriptor, this);
        open = true;
        readable = true;
        writable = true;
    }

    void close() {
        if (watch != null) {
            watch.close();
            watch = null;
        }
        if (retry != null) {
            retry.cancel();
        }
        open = false;
        readable = false;
    }

    boolean isReadable() {
        return readable;
    }

    boolean isWritable() {
        return writable;
    }

    /** There was no packet. */
    void awaitReadable() {
        readable = false;
        if (watch != null) {
            watch.awaitReadable();
        }
    }

    /** There was no room. Answers whether there is anything that would tell when there is. */
    boolean awaitWritable() {
        if (watch == null) {
            return false;
        }
        writable = false;
        watch.awaitWritable();
        return true;
    }

    /** No packet can be had, and its descriptor may be ready all the same. */
    void leaveAlone() {
        readable = false;
        tryLater();
    }

    private void tryLater() {
        if (retry == null) {
            retry = thread.timer(this::onRetry);
        }
        retry.set(System.nanoTime() + RETRY_NS);
    }

    private void onRetry() {
        readable = open;
        writable |= open; // it may be that nobody will say so
    }

    /** Nothing will tell that it is ready: it is found out. */
    @Override
    public void onWatchFailed(int errno) {
        tryLater();
    }

    @Override
    public void onReadable() {
        readable = true;
    }

    @Override
    public void onWritable() {
        writable = true;
    }
}
