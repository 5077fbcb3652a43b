// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_irq_level;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Sets wires without a lock or an allocation: KVM only reads the structure that it is given, so there is one for each
 * wire and level, for all VMs and threads.
 * <p>Source: KVM API §4.25 (KVM_IRQ_LINE).
 */
final class IrqLines {
    private static final int LEVELS = 2;
    private static final MemorySegment TABLE = table();

    private IrqLines() {}

    private static MemorySegment table() {
        MemorySegment table = Arena.global().allocate(GsiRouting.WIRES * LEVELS * kvm_irq_level.sizeof, Long.BYTES);
        for (int gsi = 0; gsi < GsiRouting.WIRES; gsi++) {
            for (int level = 0; level < LEVELS; level++) {
                table.set(ValueLayout.JAVA_INT, at(gsi, level) + kvm_irq_level.irq, gsi);
                table.set(ValueLayout.JAVA_INT, at(gsi, level) + kvm_irq_level.level, level);
            }
        }
        return table.asReadOnly();
    }

    private static long at(int gsi, int level) {
        return (gsi * LEVELS + level) * kvm_irq_level.sizeof;
    }

    static void set(Vm vm, int gsi, boolean level) {
        if (gsi < 0 || gsi >= GsiRouting.WIRES) {
            throw new IllegalArgumentException("GSI " + gsi + " is no wire; there are " + GsiRouting.WIRES);
        }
        int rc = vm.ioctl(kvm_abi.KVM_IRQ_LINE, TABLE.address() + at(gsi, level ? 1 : 0));
        if (rc < 0 && rc != -Errno.EBADF) { // closed
            throw new ErrnoException("KVM_IRQ_LINE(gsi=" + gsi + ")", -rc);
        }
    }
}
