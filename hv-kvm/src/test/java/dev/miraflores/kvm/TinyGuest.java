// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.HexFormat;

/**
 * A VM of one vCPU and a little memory that runs a few instructions.
 * <pre>  0x0500   GDT          null, 64-bit code (8), data (16)
 *   0x1000   code         entry
 *   0x8000   stack        downwards
 *   0x10000  page tables  long mode only: identity, the first GiB
 *   0x40000  end of memory; whatever is above reaches the handler </pre>
 */
final class TinyGuest implements AutoCloseable {
    public static final long CODE_GPA = 0x1000;
    public static final long STACK_GPA = 0x8000;
    public static final long MEMORY_BYTES = 0x40000;

    private static final long GDT_GPA = 0x500;
    private static final long PML4_GPA = 0x10000;
    private static final long PDPT_GPA = 0x11000;
    private static final long PD_GPA = 0x12000;
    private static final long PRESENT_WRITABLE = 3;
    private static final long HUGE = 1 << 7;

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    private final Vm vm;
    private final Vcpu vcpu;

    private TinyGuest(ExitHandler handler, boolean irqchip, byte[] code) {
        try (Kvm kvm = Kvm.open()) {
            vm = kvm.createVm("tiny");
            vm.addMemory(memory);
            if (irqchip) {
                vm.createIrqchip();
            }
            vcpu = vm.createVcpu(0, handler);
            vcpu.setCpuid(new GuestCpuid(kvm.supportedCpuid(), CpuTopology.ofCores(1), false).forCpu(0));
        }
        memory.write(CODE_GPA, code);
    }

    /** Starts in real mode at 0000:1000, with the stack at 0000:8000. Without interrupt controllers HLT ends it. */
    public static TinyGuest realMode(ExitHandler handler, String listing) {
        return realMode(handler, false, listing);
    }

    /** As {@link #realMode(ExitHandler, String)}, with interrupt controllers where {@code irqchip}. */
    public static TinyGuest realMode(ExitHandler handler, boolean irqchip, String listing) {
        TinyGuest guest = new TinyGuest(handler, irqchip, Listing.bytes(listing));
        SpecialRegisters sregs = guest.vcpu.specialRegisters();
        SegmentRegister data = SegmentRegister.realModeData(0);
        sregs.cs(SegmentRegister.realModeCode(0)).ds(data).es(data).ss(data).fs(data).gs(data);
        guest.vcpu.setSpecialRegisters(sregs);
        guest.vcpu.setRegisters(new Registers().rip(CODE_GPA).rsp(STACK_GPA).rflags(2));
        return guest;
    }

    /** Starts in 64-bit mode at 0x1000, with the first GiB mapped as it is. */
    public static TinyGuest longMode(ExitHandler handler, boolean irqchip, String listing) {
        TinyGuest guest = new TinyGuest(handler, irqchip, Listing.bytes(listing));
        guest.mapFirstGib();
        guest.putLongs(GDT_GPA, 0, 0x00AF_9B00_0000_FFFFL, 0x00CF_9300_0000_FFFFL);
        SpecialRegisters sregs = guest.vcpu.specialRegisters();
        SegmentRegister data = SegmentRegister.data(16);
        sregs.cs(SegmentRegister.code64(8)).ds(data).es(data).ss(data).fs(data).gs(data)
                .gdt(new DescriptorTable(GDT_GPA, 23))
                .cr3(PML4_GPA)
                .cr4(sregs.cr4() | SpecialRegisters.CR4_PAE)
                .cr0(sregs.cr0() | SpecialRegisters.CR0_PE | SpecialRegisters.CR0_PG)
                .efer(SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA);
        guest.vcpu.setSpecialRegisters(sregs);
        guest.vcpu.setRegisters(new Registers().rip(CODE_GPA).rsp(STACK_GPA).rflags(2));
        return guest;
    }

    private void mapFirstGib() {
        putLongs(PML4_GPA, PDPT_GPA | PRESENT_WRITABLE);
        putLongs(PDPT_GPA, PD_GPA | PRESENT_WRITABLE);
        for (int i = 0; i < 512; i++) {
            putLongs(PD_GPA + 8L * i, (long) i << 21 | HUGE | PRESENT_WRITABLE);
        }
    }

    /** Stores 64-bit values in a row. */
    public void putLongs(long gpa, long... values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            buffer.putLong(value);
        }
        put(gpa, buffer.array());
    }

    public void put(long gpa, byte[] bytes) {
        if (!memory.write(gpa, bytes)) {
            throw new IllegalArgumentException("no memory at 0x" + Long.toHexString(gpa));
        }
    }

    /** Bytes of guest memory in hex. */
    public String hex(long gpa, int byteSize) {
        byte[] bytes = new byte[byteSize];
        memory.read(gpa, bytes);
        return HexFormat.of().formatHex(bytes);
    }

    public long longAt(long gpa) {
        byte[] bytes = new byte[Long.BYTES];
        memory.read(gpa, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    public Vm vm() {
        return vm;
    }

    public Vcpu vcpu() {
        return vcpu;
    }

    /** Starts it and waits for its end. */
    public StopCause run() throws InterruptedException {
        vm.start();
        return awaitEnd();
    }

    public StopCause awaitEnd() throws InterruptedException {
        StopCause cause = vm.await(PATIENCE);
        if (cause == null) {
            vm.stop();
            throw new AssertionError("the guest is still running; " + vcpu.registers().rip());
        }
        return cause;
    }

    @Override
    public void close() {
        vm.close();
        memory.close();
    }
}
