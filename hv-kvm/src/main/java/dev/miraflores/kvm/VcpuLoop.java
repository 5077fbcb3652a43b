// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.kvm.jfr.ExitRecorder;
import dev.miraflores.kvm.jfr.FlightEvents;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Ioctl;
import dev.miraflores.linux.KickSignal;
import dev.miraflores.linux.NativeThread;
import dev.miraflores.linux.ThreadRole;
import java.lang.invoke.VarHandle;

/**
 * The thread of a vCPU: in and out of the guest, and one switch on why it came out.
 * <p>Nothing asks between two exits whether the VM is to pause or stop. Who wants that changes the state at the
 * {@link RunGate}, sets {@code immediate_exit} and sends a signal; KVM_RUN then returns −EINTR, and the gate is looked at
 * there and only there. That is free of races whatever the thread is doing:
 * <ul>
 *   <li>on its way to KVM_RUN: {@code immediate_exit} is set, so KVM_RUN returns without entering the guest;
 *   <li>in the guest, or blocked in its halt: the signal ends both;
 *   <li>in between: a pending signal keeps KVM from entering the guest;
 *   <li>handling an exit: the next KVM_RUN first finishes the guest's access, then returns as in the first case. So at
 *       the gate no access is ever half done, and registers and memory are the guest's own.
 * </ul>
 * The loop takes a kick back before it looks at the gate, the kicker sets it after it changed the gate, and a full fence
 * lies between the two on either side: a change that the loop does not see leaves its kick standing.
 * <p>Thread: its own; {@code kick} and the questions, any.
 * <p>Source: KVM API §4.10 (KVM_RUN), §5 (the kvm_run structure).
 */
final class VcpuLoop implements Runnable {
    private enum State { NEW, RUNNING, PARKED, ENDED }

    private final Vcpu vcpu;
    private final int fd;
    private final VcpuRun run;
    private final ExitHandler handler;
    private final RunGate gate;
    private final long[] exits = new long[ExitReason.COUNT];

    private volatile State state = State.NEW;
    private volatile Thread thread;
    private boolean wasParked;
    private ExitRecorder recorder;

    private final Object kickLock = new Object();
    /** The kernel's id of the thread while it may be in KVM_RUN, else 0. */
    private int tid;
    /** The same, for whoever asks, without the lock. */
    private volatile int threadId;
    private boolean retired;

    VcpuLoop(Vcpu vcpu, int fd, VcpuRun run, ExitHandler handler) {
        this.vcpu = vcpu;
        this.fd = fd;
        this.run = run;
        this.handler = handler;
        this.gate = vcpu.vm().gate();
    }

    /** The thread, to be started. From here on the vCPU counts as running. */
    Thread prepareThread(String name) {
        state = State.RUNNING;
        thread = Thread.ofPlatform().name(name).daemon(true).unstarted(this);
        return thread;
    }

    /** In place of a thread that could not be started. */
    void abandonThread() {
        thread = null;
        state = State.ENDED;
        gate.ended();
    }

    /** The thread once it was started, or null. */
    Thread thread() {
        return thread;
    }

    boolean isOwnThread() {
        return Thread.currentThread() == thread;
    }

    /** Whether the vCPU may be in the guest. */
    boolean isRunning() {
        return state == State.RUNNING;
    }

    /** Called by the gate on this thread, before and after it waits. */
    void parked(boolean parked) {
        state = parked ? State.PARKED : State.RUNNING;
        wasParked |= parked;
    }

    long exits(int reason) {
        return exits[reason];
    }

    int threadId() {
        return threadId;
    }

    void kick() {
        synchronized (kickLock) {
            // A kick that the loop has not taken back yet serves this caller as well.
            if (retired || run.immediateExit()) {
                return;
            }
            run.immediateExit(true);
            VarHandle.fullFence(); // set before the signal can end KVM_RUN
            if (tid != 0) {
                KickSignal.send(tid);
            }
        }
    }

    /** After this a kick touches nothing any more. */
    void retire() {
        synchronized (kickLock) {
            retired = true;
        }
    }

    @Override
    public void run() {
        try {
            ThreadRole.VCPU.enter();
            KickSignal.unblock(); // threads inherit what a program that embeds this one has blocked
            synchronized (kickLock) {
                tid = NativeThread.gettid();
            }
            threadId = tid;
            FlightEvents.vcpu(vcpu.vm().name(), vcpu.cpu(), "started");
            runGuest();
            recordEnd();
        } catch (Throwable failure) {
            fail(failure);
        } finally {
            synchronized (kickLock) {
                tid = 0;
            }
            threadId = 0;
            state = State.ENDED;
            gate.ended();
        }
    }

    private void recordEnd() {
        if (recorder != null) {
            recorder.counts(exits);
        }
        FlightEvents.vcpu(vcpu.vm().name(), vcpu.cpu(), "ended");
    }

    private void fail(Throwable failure) {
        CrashReport report = null;
        try {
            report = CrashReporter.ofFailure(vcpu, run, failure);
        } catch (Throwable second) {
            failure.addSuppressed(second);
        }
        vcpu.vm().requestStop(new StopCause.HostFailure(failure, report));
    }

    private void runGuest() {
        if (!atGate()) {
            return;
        }
        while (true) {
            int rc = Ioctl.call(fd, kvm_abi.KVM_RUN, 0);
            if (rc >= 0) {
                int reason = run.exitReason();
                exits[reason & ExitReason.COUNT - 1]++;
                if (FlightEvents.on() ? !handleRecorded(reason) : !handle(reason)) {
                    return;
                }
            } else if (rc == -Errno.EINTR || rc == -Errno.EAGAIN) {
                // EAGAIN: a CPU that waited for its start-up IPI has it now (KVM API §4.38).
                if (!atGate()) {
                    return;
                }
            } else {
                throw new ErrnoException("KVM_RUN(" + vcpu.describe() + ")", -rc);
            }
        }
    }

    /** The switch; false when the vCPU goes no further. */
    boolean handle(int reason) {
        switch (reason) {
            case kvm_abi.KVM_EXIT_IO -> {
                portAccess();
                return true;
            }
            case kvm_abi.KVM_EXIT_MMIO -> {
                memoryAccess();
                return true;
            }
            default -> {
                return rareExit(reason);
            }
        }
    }

    private boolean handleRecorded(int reason) {
        if (recorder == null) {
            recorder = new ExitRecorder(vcpu.vm().name(), vcpu.cpu(), ExitReason::name);
        }
        recorder.begin();
        boolean goOn = handle(reason);
        recorder.end(reason, exits);
        return goOn;
    }

    /** Takes kicks back and waits while the VM is paused; false when the thread is to end. */
    private boolean atGate() {
        run.immediateExit(false);
        VarHandle.fullFence(); // pairs with the one in kick, see above
        if (!gate.enter(vcpu)) {
            return false;
        }
        if (wasParked) {
            wasParked = false;
            vcpu.announcePause();
            FlightEvents.vcpu(vcpu.vm().name(), vcpu.cpu(), "resumed");
        }
        return true;
    }

    /** IN, OUT, INS, OUTS: for the string instructions, as many elements as KVM has buffered. */
    private void portAccess() {
        int port = run.ioPort();
        int byteSize = run.ioByteSize();
        int count = run.ioCount();
        long offset = run.ioDataOffset();
        if (run.ioIsOut()) {
            for (int i = 0; i < count; i++, offset += byteSize) {
                handler.portWrite(port, byteSize, run.value(offset, byteSize));
            }
        } else {
            for (int i = 0; i < count; i++, offset += byteSize) {
                run.value(offset, byteSize, handler.portRead(port, byteSize));
            }
        }
    }

    private void memoryAccess() {
        long gpa = run.mmioGpa();
        int byteSize = run.mmioByteSize();
        if (Integer.bitCount(byteSize) == 1) {
            memoryAccess(gpa, VcpuRun.MMIO_DATA, byteSize);
        } else {
            splitMemoryAccess(gpa, byteSize);
        }
    }

    private void memoryAccess(long gpa, long offset, int byteSize) {
        if (run.mmioIsWrite()) {
            handler.mmioWrite(gpa, byteSize, run.value(offset, byteSize));
        } else {
            run.value(offset, byteSize, handler.mmioRead(gpa, byteSize));
        }
    }

    /** An access over the end of a page comes in two parts, which may have any size: naturally aligned pieces of it. */
    private void splitMemoryAccess(long gpa, int byteSize) {
        for (int done = 0; done < byteSize; ) {
            int aligned = (int) Math.min(Long.lowestOneBit(gpa + done | 8), Integer.highestOneBit(byteSize - done));
            memoryAccess(gpa + done, VcpuRun.MMIO_DATA + done, aligned);
            done += aligned;
        }
    }

    /** False when the vCPU goes no further. */
    private boolean rareExit(int reason) {
        switch (reason) {
            case kvm_abi.KVM_EXIT_HLT -> {
                // Comes only without interrupt controllers in the kernel, so nothing could ever wake it.
                vcpu.vm().requestStop(new StopCause.Halted(vcpu.cpu()));
                return false;
            }
            case kvm_abi.KVM_EXIT_SYSTEM_EVENT -> {
                return systemEvent(run.systemEventType());
            }
            case kvm_abi.KVM_EXIT_X86_RDMSR, kvm_abi.KVM_EXIT_X86_WRMSR -> {
                run.refuseMsr();
                return true;
            }
            case kvm_abi.KVM_EXIT_HYPERCALL -> {
                run.hypercallResult(-kvm_abi.KVM_ENOSYS);
                return true;
            }
            case kvm_abi.KVM_EXIT_NOTIFY -> {
                // The guest kept the CPU from seeing interrupts for long; if its state is sound it may go on.
                return (run.notifyFlags() & kvm_abi.KVM_NOTIFY_CONTEXT_INVALID) == 0 || crash();
            }
            // Of these there is nothing to do.
            case kvm_abi.KVM_EXIT_INTR, kvm_abi.KVM_EXIT_IRQ_WINDOW_OPEN, kvm_abi.KVM_EXIT_NMI,
                    kvm_abi.KVM_EXIT_SET_TPR, kvm_abi.KVM_EXIT_TPR_ACCESS, kvm_abi.KVM_EXIT_IOAPIC_EOI,
                    kvm_abi.KVM_EXIT_X86_BUS_LOCK -> {
                return true;
            }
            // KVM_EXIT_SHUTDOWN, FAIL_ENTRY, INTERNAL_ERROR, UNKNOWN, and those that nothing here switches on.
            default -> {
                return crash();
            }
        }
    }

    private boolean systemEvent(int type) {
        switch (type) {
            case kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN -> vcpu.vm().requestStop(new StopCause.PowerOff());
            case kvm_abi.KVM_SYSTEM_EVENT_RESET -> {
                if (handler.reset()) {
                    return true;
                }
                vcpu.vm().requestStop(new StopCause.Reset(true));
            }
            default -> {
                return crash();
            }
        }
        return false;
    }

    /** What a guest does after it asked for a reset is lost with the rest of it. */
    private boolean crash() {
        if (gate.isHeld()) {
            return true;
        }
        vcpu.vm().requestStop(new StopCause.GuestCrash(CrashReporter.ofExit(vcpu, run)));
        return false;
    }
}
