// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A far end that keeps what it was sent, and can be made to block or to fail. Not final: a test may have it say something. */
public class RecordingBackend implements CharBackend {

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private CharInput input;
    private boolean blocked;
    private boolean failing;
    private boolean closed;
    private int writes;

    public RecordingBackend() {
    }

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

    public synchronized void block(boolean on) {
        blocked = on;
        notifyAll();
    }

    public synchronized void fail() {
        failing = true;
    }

    public CharInput input() {
        return input;
    }

    public synchronized boolean isClosed() {
        return closed;
    }

    public synchronized int writes() {
        return writes;
    }

    public synchronized String written() {
        return written.toString(StandardCharsets.ISO_8859_1);
    }

    public synchronized int awaitWritten(int byteCount) throws InterruptedException {
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (written.size() < byteCount && System.nanoTime() < deadline) {
            wait(100);
        }
        return written.size();
    }
}
