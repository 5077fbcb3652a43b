// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.kvm.ExitHandler;
import dev.miraflores.kvm.Kvm;
import dev.miraflores.kvm.Registers;
import dev.miraflores.kvm.SegmentRegister;
import dev.miraflores.kvm.Vcpu;
import dev.miraflores.kvm.Vm;
import dev.miraflores.memory.GuestMemory;
import java.util.HexFormat;

/**
 * A guest that does nothing but one access for ever, and how long each takes. {@code kvm-exits.c} runs the same guest.
 * <p>Thread: the handler's methods, the vCPU's; the rest, one other.
 */
final class ExitGuest implements ExitHandler, AutoCloseable {

    static final long OUT_ENTRY = 0x1008;
    static final long MMIO_ENTRY = 0x100B;

    private static final long CODE_GPA = 0x1000;
    private static final byte[] CODE = HexFormat.ofDelimiter(" ").parseHex(
            "b8 00 d0 8e c0 ba 80 00 " // mov ax,0xd000; mov es,ax; mov dx,0x80
            + "ee eb fd " //              1008: out dx,al; jmp 1008
            + "26 a2 00 00 eb fa"); //    100b: mov es:0,al; jmp 100b
    private static final long MEMORY_BYTES = 0x40000;
    static final int EXITS = 200;

    private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    private final Vm vm;

    // The vCPU's thread writes these, the other reads them while the VM is paused.
    private long accesses;
    private long windowStart;
    private long leastNs;
    private long threadId;
    private volatile int windows;

    ExitGuest(long entry) {
        memory.write(CODE_GPA, CODE);
        try (Kvm kvm = Kvm.open()) {
            vm = kvm.createVm("exits");
        }
        vm.addMemory(memory);
        Vcpu vcpu = vm.createVcpu(0, this);
        vcpu.setSpecialRegisters(vcpu.specialRegisters()
                .cs(SegmentRegister.realModeCode(0)).es(SegmentRegister.realModeData(0xD000)));
        vcpu.setRegisters(new Registers().rip(entry).rdx(0x80).rflags(2));
        vm.requestPause();
        vm.start();
    }

    /** Lets it run for so many windows of {@value #EXITS} exits: the least of them, in nanoseconds per exit. */
    double run(int windowCount) throws InterruptedException {
        accesses = -EXITS; // the first window is not counted
        leastNs = Long.MAX_VALUE;
        windows = windowCount;
        vm.resume();
        synchronized (this) {
            while (windows > 0) {
                wait();
            }
        }
        vm.pause();
        return (double) leastNs / EXITS;
    }

    private void count() {
        accesses++;
        if (accesses == 0) {
            windowStart = System.nanoTime();
        } else if (accesses == EXITS) {
            long now = System.nanoTime();
            leastNs = Math.min(leastNs, now - windowStart);
            windowStart = now;
            accesses = 0;
            endWindow();
        }
    }

    /** Of the vCPU's thread, once it has run. */
    long threadId() {
        return threadId;
    }

    private void endWindow() {
        threadId = Thread.currentThread().threadId();
        int left = windows - 1;
        if (left >= 0) {
            windows = left;
        }
        if (left == 0) {
            synchronized (this) {
                notifyAll();
            }
        }
    }

    @Override
    public long portRead(int port, int byteSize) {
        throw new IllegalStateException("IN");
    }

    @Override
    public void portWrite(int port, int byteSize, long value) {
        if (port == 0x80 && byteSize == 1 && value <= 0xFF) {
            count();
        }
    }

    @Override
    public long mmioRead(long gpa, int byteSize) {
        throw new IllegalStateException("read");
    }

    @Override
    public void mmioWrite(long gpa, int byteSize, long value) {
        if (gpa == 0xD0000 && byteSize == 1 && value <= 0xFF) {
            count();
        }
    }

    @Override
    public void close() {
        vm.close();
        memory.close();
    }
}
