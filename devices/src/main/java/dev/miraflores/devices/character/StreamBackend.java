// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import java.io.IOException;
import java.io.OutputStream;

/** Output to a stream, which stays the caller's, open after {@code close}; no input. */
public final class StreamBackend implements CharBackend {

    private final OutputStream out;

    public StreamBackend(OutputStream out) {
        this.out = out;
    }

    @Override
    public void connect(CharInput input) {
        // Nothing ever arrives.
    }

    @Override
    public String describe() {
        return "null";
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        out.flush();
    }

    @Override
    public void close() {
        // Nothing of it is ours, and every write was flushed.
    }
}
