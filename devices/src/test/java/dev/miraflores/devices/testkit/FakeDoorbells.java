// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.Doorbells;
import dev.miraflores.linux.EventFd;
import java.util.ArrayList;
import java.util.List;

/** Doorbells as KVM has them: no two may be the same, and a write that matches one goes no further. */
public final class FakeDoorbells implements Doorbells {

    private final List<Bell> bells = new ArrayList<>();

    @Override
    public Binding bindMmio(long gpa, int byteSize, EventFd event) {
        return bind(new Bell(gpa, byteSize, false, 0, event));
    }

    @Override
    public Binding bindMmio(long gpa, int byteSize, long value, EventFd event) {
        return bind(new Bell(gpa, byteSize, true, value, event));
    }

    private synchronized Binding bind(Bell bell) {
        for (Bell other : bells) {
            boolean sameWidth = other.byteSize == bell.byteSize || other.byteSize == 0 || bell.byteSize == 0;
            boolean sameValue = !other.matchesValue || !bell.matchesValue || other.value == bell.value;
            if (other.gpa == bell.gpa && sameWidth && sameValue) {
                throw new IllegalStateException("KVM_IOEVENTFD would fail with EEXIST");
            }
        }
        bells.add(bell);
        return () -> {
            synchronized (FakeDoorbells.this) {
                bells.remove(bell);
            }
        };
    }

    /** Whether a doorbell takes this write. */
    synchronized boolean ring(long gpa, int byteSize, long value) {
        for (Bell bell : bells) {
            if (bell.gpa == gpa && (bell.byteSize == 0 || bell.byteSize == byteSize)
                    && (!bell.matchesValue || bell.value == value)) {
                bell.event.signal();
                return true;
            }
        }
        return false;
    }

    public synchronized int count() {
        return bells.size();
    }

    public synchronized boolean isBound(long gpa) {
        return bells.stream().anyMatch(bell -> bell.gpa == gpa);
    }

    private record Bell(long gpa, int byteSize, boolean matchesValue, long value, EventFd event) {
    }
}
