// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A far end that keeps what it was sent, and can be made to block or to fail. */
final class RecordingBackend implements CharBackend {

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private CharInput input;
    private boolean blocked;
    private boolean failing;
    private boolean closed;
    private int writes;

    @Override
    public void connect(CharInput to) {
        input = to;
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        while (blocked && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
        if (failing) {
            throw new IOException("the far end is gone");
        }
        written.write(bytes, offset, length);
        writes++;
        notifyAll();
    }

    @Override
    public synchronized void close() {
        closed = true;
        notifyAll();
    }

    synchronized void block(boolean on) {
        blocked = on;
        notifyAll();
    }

    synchronized void fail() {
        failing = true;
    }

    CharInput input() {
        return input;
    }

    synchronized boolean isClosed() {
        return closed;
    }

    synchronized int writes() {
        return writes;
    }

    synchronized String written() {
        return written.toString(StandardCharsets.ISO_8859_1);
    }

    synchronized int awaitWritten(int byteCount) throws InterruptedException {
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (written.size() < byteCount && System.nanoTime() < deadline) {
            wait(100);
        }
        return written.size();
    }
}
