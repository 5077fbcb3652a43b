// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import java.util.ArrayList;
import java.util.List;

/** Writes down each access, and answers reads with the next of the values that it was given. */
final class RecordingHandler implements ExitHandler {
    private final List<String> accesses = new ArrayList<>();
    private final long[] answers;
    private int answered;

    public RecordingHandler(long... answers) {
        this.answers = answers.clone();
    }

    /** Such as {@code out 0x10/1 = 0xab}, in order. */
    public synchronized List<String> accesses() {
        return List.copyOf(accesses);
    }

    private synchronized void record(String access) {
        accesses.add(access);
    }

    private synchronized long answer() {
        return answered < answers.length ? answers[answered++] : 0;
    }

    @Override
    public long portRead(int port, int byteSize) {
        record("in 0x%x/%d".formatted(port, byteSize));
        return answer();
    }

    @Override
    public void portWrite(int port, int byteSize, long value) {
        record("out 0x%x/%d = 0x%x".formatted(port, byteSize, value));
    }

    @Override
    public long mmioRead(long gpa, int byteSize) {
        record("read 0x%x/%d".formatted(gpa, byteSize));
        return answer();
    }

    @Override
    public void mmioWrite(long gpa, int byteSize, long value) {
        record("write 0x%x/%d = 0x%x".formatted(gpa, byteSize, value));
    }
}
