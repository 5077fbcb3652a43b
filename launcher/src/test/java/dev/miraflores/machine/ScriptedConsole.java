// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.CharInput;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * The far end of a serial port for a test: keeps what the guest says, and types.
 * <p>Thread: any.
 */
final class ScriptedConsole implements CharBackend {

    private final StringBuilder said = new StringBuilder();
    private CharInput input;
    private boolean closed;

    @Override
    public synchronized void connect(CharInput toGuest) {
        input = toGuest;
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        said.append(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
        notifyAll();
    }

    @Override
    public synchronized void close() {
        closed = true;
    }

    /** Whether the machine gave it back. */
    synchronized boolean isClosed() {
        return closed;
    }

    /** All that the guest said until now, lines ended by a newline alone. */
    synchronized String text() {
        return said.toString().replace("\r", "");
    }

    /** Waits until the guest has said this; an assertion error when it does not. */
    synchronized void await(String text, Duration limit) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (said.indexOf(text) < 0) {
            long leftMs = (end - System.nanoTime()) / 1_000_000;
            if (leftMs <= 0) {
                throw new AssertionError("the guest did not say \"" + text + "\" but:\n" + text());
            }
            wait(leftMs);
        }
    }

    /** As {@link #await}, and forgets what was said up to there. */
    synchronized void take(String text, Duration limit) throws InterruptedException {
        await(text, limit);
        said.delete(0, said.indexOf(text) + text.length());
    }

    void type(String keys) throws InterruptedException {
        byte[] bytes = keys.getBytes(StandardCharsets.ISO_8859_1);
        CharInput to;
        synchronized (this) {
            to = input;
        }
        if (!to.put(bytes, 0, bytes.length)) {
            throw new AssertionError("the console is closed");
        }
    }
}
