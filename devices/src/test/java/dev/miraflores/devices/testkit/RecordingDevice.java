// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.BusDevice;
import java.util.ArrayList;
import java.util.List;

/** Registers that answer with a constant and remember how they were accessed. */
public final class RecordingDevice implements BusDevice {

    private final long answer;
    private final List<String> accesses = new ArrayList<>();

    public RecordingDevice(long answer) {
        this.answer = answer;
    }

    @Override
    public synchronized long read(long offset, int byteSize) {
        accesses.add("read " + offset + " " + byteSize);
        return answer;
    }

    @Override
    public synchronized void write(long offset, int byteSize, long value) {
        accesses.add("write " + offset + " " + byteSize + " " + value);
    }

    public synchronized List<String> takeAccesses() {
        List<String> taken = List.copyOf(accesses);
        accesses.clear();
        return taken;
    }
}
