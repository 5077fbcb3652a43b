// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import java.io.IOException;
import java.io.OutputStream;

/** Output to a stream; no input. */
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
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        out.flush();
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (IOException e) {
            // Every write was flushed, and reported its own failure.
        }
    }
}
