// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_run;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The page a vCPU shares with the kernel: what made it leave the guest, and what the guest is to get for it.
 * <p>It is ours whenever KVM_RUN is not running, so plain accesses do; {@link #immediateExit} is the one field that
 * other threads write, at any time.
 * <p>Source: KVM API §5 (the kvm_run structure).
 */
final class VcpuRun {
    private final MemorySegment run;

    VcpuRun(MemorySegment run) {
        this.run = run;
    }

    int exitReason() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.exit_reason);
    }

    /** While set, KVM_RUN finishes the guest's access that is under way and returns −EINTR without entering it. */
    void immediateExit(boolean set) {
        run.set(ValueLayout.JAVA_BYTE, kvm_run.immediate_exit, (byte) (set ? 1 : 0));
    }

    boolean immediateExit() {
        return run.get(ValueLayout.JAVA_BYTE, kvm_run.immediate_exit) != 0;
    }

    // KVM_EXIT_IO: count accesses of the same size to the same port, their values in a row at dataOffset.

    boolean ioIsOut() {
        return run.get(ValueLayout.JAVA_BYTE, kvm_run.io_direction) == kvm_abi.KVM_EXIT_IO_OUT;
    }

    int ioByteSize() {
        return run.get(ValueLayout.JAVA_BYTE, kvm_run.io_size);
    }

    int ioPort() {
        return run.get(ValueLayout.JAVA_SHORT, kvm_run.io_port) & 0xFFFF;
    }

    int ioCount() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.io_count);
    }

    long ioDataOffset() {
        return run.get(ValueLayout.JAVA_LONG, kvm_run.io_data_offset);
    }

    // KVM_EXIT_MMIO: one access of up to 8 bytes, inside a page.

    long mmioGpa() {
        return run.get(ValueLayout.JAVA_LONG, kvm_run.mmio_phys_addr);
    }

    int mmioByteSize() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.mmio_len);
    }

    boolean mmioIsWrite() {
        return run.get(ValueLayout.JAVA_BYTE, kvm_run.mmio_is_write) != 0;
    }

    static final long MMIO_DATA = kvm_run.mmio_data;

    /** A little-endian value of 1, 2, 4 or 8 bytes, with zeros above. */
    long value(long offset, int byteSize) {
        return switch (byteSize) {
            case 1 -> run.get(ValueLayout.JAVA_BYTE, offset) & 0xFFL;
            case 2 -> run.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset) & 0xFFFFL;
            case 4 -> run.get(ValueLayout.JAVA_INT_UNALIGNED, offset) & 0xFFFF_FFFFL;
            default -> run.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
        };
    }

    void value(long offset, int byteSize, long value) {
        switch (byteSize) {
            case 1 -> run.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
            case 2 -> run.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
            case 4 -> run.set(ValueLayout.JAVA_INT_UNALIGNED, offset, (int) value);
            default -> run.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
        }
    }

    // The rarer exits.

    int internalSuberror() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.internal_suberror);
    }

    int internalDataCount() {
        return Math.clamp(run.get(ValueLayout.JAVA_INT, kvm_run.internal_ndata), 0, 16);
    }

    long internalData(int index) {
        return run.get(ValueLayout.JAVA_LONG, kvm_run.internal_data + (long) index * Long.BYTES);
    }

    /** The bytes that KVM could not emulate, where it says so; else none. */
    byte[] emulationFailureBytes() {
        // The flags are the first of the data words, size and bytes of the instruction the next two.
        boolean present = internalSuberror() == kvm_abi.KVM_INTERNAL_ERROR_EMULATION
                && internalDataCount() >= 3
                && (run.get(ValueLayout.JAVA_LONG, kvm_run.emulation_failure_flags)
                        & kvm_abi.KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0;
        int size = present ? run.get(ValueLayout.JAVA_BYTE, kvm_run.emulation_failure_insn_size) & 0xF : 0;
        byte[] bytes = new byte[size];
        MemorySegment.copy(run, ValueLayout.JAVA_BYTE, kvm_run.emulation_failure_insn_bytes, bytes, 0, size);
        return bytes;
    }

    long entryFailureReason() {
        return run.get(ValueLayout.JAVA_LONG, kvm_run.fail_entry_hardware_entry_failure_reason);
    }

    int entryFailureCpu() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.fail_entry_cpu);
    }

    long hardwareExitReason() {
        return run.get(ValueLayout.JAVA_LONG, kvm_run.hw_hardware_exit_reason);
    }

    int systemEventType() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.system_event_type);
    }

    int msrIndex() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.msr_index);
    }

    /** The guest's RDMSR or WRMSR becomes a general protection fault. */
    void refuseMsr() {
        run.set(ValueLayout.JAVA_BYTE, kvm_run.msr_error, (byte) 1);
    }

    void hypercallResult(long result) {
        run.set(ValueLayout.JAVA_LONG, kvm_run.hypercall_ret, result);
    }

    int notifyFlags() {
        return run.get(ValueLayout.JAVA_INT, kvm_run.notify_flags);
    }
}
