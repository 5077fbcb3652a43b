// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi.kvm_dtable;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_segment;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_sregs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU's control registers, segments and descriptor tables: a copy, taken with {@link Vcpu#specialRegisters()} and
 * put back with {@link Vcpu#setSpecialRegisters}.
 * <p>Thread: one at a time.
 * <p>Source: KVM API §4.13 (KVM_GET_SREGS).
 */
public final class SpecialRegisters {
    /** Long mode is on (Intel SDM vol. 3, §2.2.1). */
    public static final long EFER_LME = 1L << 8;
    /** Long mode is active. */
    public static final long EFER_LMA = 1L << 10;
    /** No-execute pages are known. */
    public static final long EFER_NXE = 1L << 11;

    public static final long CR0_PE = 1;
    public static final long CR0_MP = 1L << 1;
    public static final long CR0_ET = 1L << 4;
    public static final long CR0_NE = 1L << 5;
    public static final long CR0_WP = 1L << 16;
    public static final long CR0_PG = 1L << 31;

    public static final long CR4_PSE = 1L << 4;
    public static final long CR4_PAE = 1L << 5;

    private final MemorySegment sregs = MemorySegment.ofArray(new long[(int) (kvm_sregs.sizeof / Long.BYTES)]);

    /** All zero: no state to run from. */
    public SpecialRegisters() {}

    /** As {@code struct kvm_sregs}, on the heap. */
    MemorySegment segment() {
        return sregs;
    }

    public long cr0() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.cr0);
    }

    public SpecialRegisters cr0(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.cr0, value);
        return this;
    }

    public long cr2() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.cr2);
    }

    public SpecialRegisters cr2(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.cr2, value);
        return this;
    }

    public long cr3() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.cr3);
    }

    public SpecialRegisters cr3(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.cr3, value);
        return this;
    }

    public long cr4() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.cr4);
    }

    public SpecialRegisters cr4(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.cr4, value);
        return this;
    }

    public long cr8() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.cr8);
    }

    public SpecialRegisters cr8(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.cr8, value);
        return this;
    }

    public long efer() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.efer);
    }

    public SpecialRegisters efer(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.efer, value);
        return this;
    }

    public long apicBase() {
        return sregs.get(ValueLayout.JAVA_LONG, kvm_sregs.apic_base);
    }

    public SpecialRegisters apicBase(long value) {
        sregs.set(ValueLayout.JAVA_LONG, kvm_sregs.apic_base, value);
        return this;
    }

    public SegmentRegister cs() {
        return segmentAt(kvm_sregs.cs);
    }

    public SpecialRegisters cs(SegmentRegister value) {
        return segmentAt(kvm_sregs.cs, value);
    }

    public SegmentRegister ds() {
        return segmentAt(kvm_sregs.ds);
    }

    public SpecialRegisters ds(SegmentRegister value) {
        return segmentAt(kvm_sregs.ds, value);
    }

    public SegmentRegister es() {
        return segmentAt(kvm_sregs.es);
    }

    public SpecialRegisters es(SegmentRegister value) {
        return segmentAt(kvm_sregs.es, value);
    }

    public SegmentRegister fs() {
        return segmentAt(kvm_sregs.fs);
    }

    public SpecialRegisters fs(SegmentRegister value) {
        return segmentAt(kvm_sregs.fs, value);
    }

    public SegmentRegister gs() {
        return segmentAt(kvm_sregs.gs);
    }

    public SpecialRegisters gs(SegmentRegister value) {
        return segmentAt(kvm_sregs.gs, value);
    }

    public SegmentRegister ss() {
        return segmentAt(kvm_sregs.ss);
    }

    public SpecialRegisters ss(SegmentRegister value) {
        return segmentAt(kvm_sregs.ss, value);
    }

    public SegmentRegister tr() {
        return segmentAt(kvm_sregs.tr);
    }

    public SpecialRegisters tr(SegmentRegister value) {
        return segmentAt(kvm_sregs.tr, value);
    }

    public SegmentRegister ldt() {
        return segmentAt(kvm_sregs.ldt);
    }

    public SpecialRegisters ldt(SegmentRegister value) {
        return segmentAt(kvm_sregs.ldt, value);
    }

    public DescriptorTable gdt() {
        return tableAt(kvm_sregs.gdt);
    }

    public SpecialRegisters gdt(DescriptorTable value) {
        return tableAt(kvm_sregs.gdt, value);
    }

    public DescriptorTable idt() {
        return tableAt(kvm_sregs.idt);
    }

    public SpecialRegisters idt(DescriptorTable value) {
        return tableAt(kvm_sregs.idt, value);
    }

    private SegmentRegister segmentAt(long at) {
        return new SegmentRegister(
                sregs.get(ValueLayout.JAVA_LONG, at + kvm_segment.base),
                sregs.get(ValueLayout.JAVA_INT, at + kvm_segment.limit),
                sregs.get(ValueLayout.JAVA_SHORT, at + kvm_segment.selector) & 0xFFFF,
                byteAt(at + kvm_segment.type),
                byteAt(at + kvm_segment.present) != 0,
                byteAt(at + kvm_segment.dpl),
                byteAt(at + kvm_segment.db) != 0,
                byteAt(at + kvm_segment.s) != 0,
                byteAt(at + kvm_segment.l) != 0,
                byteAt(at + kvm_segment.g) != 0,
                byteAt(at + kvm_segment.avl) != 0,
                byteAt(at + kvm_segment.unusable) != 0);
    }

    private SpecialRegisters segmentAt(long at, SegmentRegister value) {
        sregs.set(ValueLayout.JAVA_LONG, at + kvm_segment.base, value.base());
        sregs.set(ValueLayout.JAVA_INT, at + kvm_segment.limit, value.limit());
        sregs.set(ValueLayout.JAVA_SHORT, at + kvm_segment.selector, (short) value.selector());
        byteAt(at + kvm_segment.type, value.type());
        byteAt(at + kvm_segment.present, bit(value.present()));
        byteAt(at + kvm_segment.dpl, value.privilege());
        byteAt(at + kvm_segment.db, bit(value.defaultBig()));
        byteAt(at + kvm_segment.s, bit(value.codeOrData()));
        byteAt(at + kvm_segment.l, bit(value.longMode()));
        byteAt(at + kvm_segment.g, bit(value.granular()));
        byteAt(at + kvm_segment.avl, bit(value.available()));
        byteAt(at + kvm_segment.unusable, bit(value.unusable()));
        return this;
    }

    private DescriptorTable tableAt(long at) {
        return new DescriptorTable(
                sregs.get(ValueLayout.JAVA_LONG, at + kvm_dtable.base),
                sregs.get(ValueLayout.JAVA_SHORT, at + kvm_dtable.limit) & 0xFFFF);
    }

    private SpecialRegisters tableAt(long at, DescriptorTable value) {
        sregs.set(ValueLayout.JAVA_LONG, at + kvm_dtable.base, value.base());
        sregs.set(ValueLayout.JAVA_SHORT, at + kvm_dtable.limit, (short) value.limit());
        return this;
    }

    private int byteAt(long at) {
        return sregs.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
    }

    private void byteAt(long at, int value) {
        sregs.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    private static int bit(boolean set) {
        return set ? 1 : 0;
    }
}
