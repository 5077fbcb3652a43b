// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_enable_cap;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_pit_config;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_userspace_memory_region;
import dev.miraflores.kvm.jfr.FlightEvents;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Ioctl;
import dev.miraflores.linux.Mapping;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * One virtual machine: memory, interrupts, doorbells and vCPUs, and when the vCPUs run.
 * <p>To be called in this order: {@link #addMemory}, {@link #createIrqchip}, {@link #createVcpu} for each CPU, the
 * registers of the first, {@link #start}. The rest is free of order.
 * <p>Thread: any; making and closing, one at a time. {@code pause}, {@code await} and {@code close} wait for the vCPU
 * threads, so those threads are refused; what they may call are the requests.
 * <p>Lifetime: {@link #close} ends the vCPU threads and gives everything back. Guest memory and eventfds are the
 * caller's and outlive it; threads that raise interrupts end before it.
 * <p>Source: KVM API §4.1 to §4.75, "vm ioctl".
 */
public final class Vm implements AutoCloseable {
    /** Below the four pages at 0xFFFB_C000 nothing of a PC's firmware starts; all are above any RAM under 4 GiB. */
    static final long IDENTITY_MAP_GPA = 0xFFFB_C000L;
    /** Three pages. */
    static final long TSS_GPA = 0xFFFB_D000L;

    /** GSIs that {@link #setIrqLine} takes: 0 up to this. */
    public static final int WIRES = GsiRouting.WIRES;
    /** The IOAPIC pin that GSI 0, the PIT's, is wired to; the MADT must say so. */
    public static final int PIT_IOAPIC_PIN = GsiRouting.PIT_IOAPIC_PIN;

    // An APIC id from here on does not fit the eight bits of a message's destination; 255 is all CPUs.
    private static final int FIRST_EXTENDED_APIC_ID = 255;

    private static final int CLOSED = -1;

    private final Kvm kvm;
    private final Fd fd;
    /** That of {@link #fd}, and −1 from the moment on in which the kernel may give it to someone else. */
    private volatile int number;
    private final String name;
    private final RunGate gate = new RunGate();
    private final GsiRouting routing;
    private final List<MemorySlot> slots = new ArrayList<>();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private volatile GuestMemory memory;
    private boolean extendedApicIds;
    private boolean started;
    private volatile boolean closed;

    Vm(Kvm kvm, Fd fd, String name) {
        this.kvm = kvm;
        this.fd = fd;
        this.number = fd.number();
        this.name = name;
        this.routing = new GsiRouting(this, kvm.capability(KvmCapability.IRQ_ROUTING));
        try {
            reserveRealModePages();
        } catch (RuntimeException | Error e) {
            fd.close();
            throw e;
        }
        FlightEvents.vm(name, "created", null);
    }

    /** What Intel hosts without unrestricted guest mode need for real mode; before the first vCPU. */
    private void reserveRealModePages() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment gpa = arena.allocateFrom(ValueLayout.JAVA_LONG, IDENTITY_MAP_GPA);
            check("KVM_SET_IDENTITY_MAP_ADDR", ioctl(kvm_abi.KVM_SET_IDENTITY_MAP_ADDR, gpa));
        }
        check("KVM_SET_TSS_ADDR", ioctl(kvm_abi.KVM_SET_TSS_ADDR, TSS_GPA));
    }

    /** As it was given to {@link Kvm#createVm}. */
    public String name() {
        return name;
    }

    RunGate gate() {
        return gate;
    }

    /** Shows the guest all regions of {@code guestMemory}, one slot each; once in a VM's life. */
    public synchronized void addMemory(GuestMemory guestMemory) {
        if (memory != null) {
            throw new IllegalStateException("VM " + name + " has its memory already");
        }
        memory = guestMemory;
        for (GuestMemoryRegion region : guestMemory.regions()) {
            addSlot(region);
        }
    }

    private void addSlot(GuestMemoryRegion region) {
        int id = slots.size();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment slot = arena.allocate(kvm_userspace_memory_region.sizeof, Long.BYTES);
            slot.set(ValueLayout.JAVA_INT, kvm_userspace_memory_region.slot, id);
            slot.set(ValueLayout.JAVA_LONG, kvm_userspace_memory_region.guest_phys_addr, region.gpa());
            slot.set(ValueLayout.JAVA_LONG, kvm_userspace_memory_region.memory_size, region.byteSize());
            slot.set(ValueLayout.JAVA_LONG, kvm_userspace_memory_region.userspace_addr, region.hostAddress());
            int rc = ioctl(kvm_abi.KVM_SET_USER_MEMORY_REGION, slot);
            if (rc < 0) {
                throw new ErrnoException("KVM_SET_USER_MEMORY_REGION(slot=" + id + ", " + region + ")", -rc);
            }
        }
        slots.add(new MemorySlot(id, region));
    }

    /** The slots, by their numbers. */
    public synchronized List<MemorySlot> slots() {
        return List.copyOf(slots);
    }

    /** Reads guest memory; false where it is not memory. */
    boolean readMemory(long gpa, byte[] into) {
        GuestMemory guestMemory = memory;
        return guestMemory != null && guestMemory.read(gpa, into);
    }

    /** Puts PIC, IOAPIC, LAPICs and PIT into the kernel, wired as on a PC ({@link #PIT_IOAPIC_PIN}); before vCPUs. */
    public void createIrqchip() {
        check("KVM_CREATE_IRQCHIP", ioctl(kvm_abi.KVM_CREATE_IRQCHIP, 0));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pit = arena.allocate(kvm_pit_config.sizeof, Long.BYTES);
            // The PIT answers port 61h as well, where kernels find the gate of its channel 2 when they calibrate.
            pit.set(ValueLayout.JAVA_INT, kvm_pit_config.flags, kvm_abi.KVM_PIT_SPEAKER_DUMMY);
            check("KVM_CREATE_PIT2", ioctl(kvm_abi.KVM_CREATE_PIT2, pit));
        }
        routing.install();
    }

    /**
     * Makes the next vCPU; its number is how many there were.
     *
     * @param apicId as {@link CpuTopology#apicId} says
     */
    public synchronized Vcpu createVcpu(int apicId, ExitHandler handler) {
        if (started) {
            throw new IllegalStateException("VM " + name + " has been started");
        }
        if (apicId >= FIRST_EXTENDED_APIC_ID) {
            allowExtendedApicIds();
        }
        int vcpuFd = ioctl(kvm_abi.KVM_CREATE_VCPU, apicId);
        if (vcpuFd < 0) {
            throw new ErrnoException("KVM_CREATE_VCPU(id=" + apicId + ")", -vcpuFd);
        }
        Fd owned = Fd.adopt(vcpuFd);
        try {
            Mapping run = Mapping.file(
                    vcpuFd, 0, kvm.vcpuMmapBytes(), Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED);
            Vcpu vcpu = new Vcpu(this, vcpus.size(), apicId, owned, run, handler);
            vcpus.add(vcpu);
            return vcpu;
        } catch (RuntimeException | Error e) {
            owned.close();
            throw e;
        }
    }

    /** Destinations of 32 bits in x2APIC messages, and no broadcast to id 255. */
    private void allowExtendedApicIds() {
        if (extendedApicIds) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cap = arena.allocate(kvm_enable_cap.sizeof, Long.BYTES);
            cap.set(ValueLayout.JAVA_INT, kvm_enable_cap.cap, kvm_abi.KVM_CAP_X2APIC_API);
            cap.set(ValueLayout.JAVA_LONG, kvm_enable_cap.args,
                    kvm_abi.KVM_X2APIC_API_USE_32BIT_IDS | kvm_abi.KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
            check("KVM_ENABLE_CAP(KVM_CAP_X2APIC_API)", ioctl(kvm_abi.KVM_ENABLE_CAP, cap));
        }
        routing.useExtendedDestinations();
        extendedApicIds = true;
    }

    /** The vCPUs, by their numbers. */
    public synchronized List<Vcpu> vcpus() {
        return List.copyOf(vcpus);
    }

    // Interrupts and doorbells.

    /**
     * Sets the level of a wire into the interrupt controllers; setting the level it has changes nothing. After
     * {@link #close} nothing happens.
     *
     * @param gsi below {@link #WIRES}
     */
    public void setIrqLine(int gsi, boolean level) {
        IrqLines.set(this, gsi, level);
    }

    /**
     * Lets a signal of {@code event} raise an edge on {@code gsi}. One that is pending already does so at once.
     */
    public IrqFd assignIrqFd(EventFd event, int gsi) {
        return assignIrqFd(event, null, gsi, null);
    }

    /**
     * Lets a signal of {@code event} raise the wire {@code gsi}, which falls when the guest acknowledges the interrupt;
     * that signals {@code resample}, for the device to raise it again if it still has a reason.
     */
    public IrqFd assignLevelIrqFd(EventFd event, EventFd resample, int gsi) {
        return assignIrqFd(event, resample, gsi, null);
    }

    /**
     * Lets a signal of {@code event} send a message-signalled interrupt. One that is pending already does so at once.
     *
     * @return null where no GSI is free or KVM takes no such message, which a guest can cause
     */
    public IrqFd assignMsi(EventFd event, long address, int data) {
        MsiRoute route = routing.allocate(address, data);
        return route == null ? null : assignIrqFd(event, null, route.gsi(), route);
    }

    private IrqFd assignIrqFd(EventFd event, EventFd resample, int gsi, MsiRoute route) {
        int flags = resample == null ? 0 : kvm_abi.KVM_IRQFD_FLAG_RESAMPLE;
        int rc = EventBindings.irqFd(this, event, gsi, flags, resample == null ? 0 : resample.number());
        if (rc < 0) {
            if (route != null) {
                route.close();
            }
            throw new ErrnoException("KVM_IRQFD(gsi=" + gsi + ")", -rc);
        }
        return new IrqFd(this, event, gsi, route);
    }

    /** Forgets messages that no device has any use for; the wires lead where they did. */
    void resetRouting() {
        routing.reset();
    }

    void deassignIrqFd(EventFd event, int gsi) {
        if (!closed && event.isOpen()) {
            EventBindings.irqFd(this, event, gsi, kvm_abi.KVM_IRQFD_FLAG_DEASSIGN, 0);
        }
    }

    /**
     * A GSI of its own for a message-signalled interrupt.
     *
     * @return null where none is free or KVM takes no such message, which a guest can cause
     */
    public MsiRoute allocateMsiRoute(long address, int data) {
        return routing.allocate(address, data);
    }

    /** Sends a message-signalled interrupt once; false where the guest blocks it or KVM takes no such message. */
    public boolean signalMsi(long address, int data) {
        return EventBindings.signalMsi(this, address, data) > 0;
    }

    /**
     * Lets a write of any value to guest-physical memory signal {@code event}.
     *
     * @param byteSize 1, 2, 4 or 8; 0 for any width
     * @return null where KVM has no room for it or another is there already, which a guest can cause by where it puts
     *     its devices; the write then reaches the {@link ExitHandler} as before
     */
    public IoEventFd assignMmioEvent(EventFd event, long gpa, int byteSize) {
        return assignIoEventFd(event, gpa, byteSize, 0, 0);
    }

    /** As {@link #assignMmioEvent(EventFd, long, int)}, for writes of {@code value} alone. */
    public IoEventFd assignMmioEvent(EventFd event, long gpa, int byteSize, long value) {
        return assignIoEventFd(event, gpa, byteSize, value, kvm_abi.KVM_IOEVENTFD_FLAG_DATAMATCH);
    }

    /** As {@link #assignMmioEvent(EventFd, long, int)}, for an I/O port. */
    public IoEventFd assignPortEvent(EventFd event, int port, int byteSize) {
        return assignIoEventFd(event, port, byteSize, 0, kvm_abi.KVM_IOEVENTFD_FLAG_PIO);
    }

    /** As {@link #assignPortEvent(EventFd, int, int)}, for writes of {@code value} alone. */
    public IoEventFd assignPortEvent(EventFd event, int port, int byteSize, long value) {
        int flags = kvm_abi.KVM_IOEVENTFD_FLAG_PIO | kvm_abi.KVM_IOEVENTFD_FLAG_DATAMATCH;
        return assignIoEventFd(event, port, byteSize, value, flags);
    }

    private IoEventFd assignIoEventFd(EventFd event, long address, int byteSize, long datamatch, int flags) {
        int rc = EventBindings.ioEventFd(this, event, address, byteSize, datamatch, flags);
        if (rc == -Errno.EEXIST || rc == -Errno.ENOSPC || rc == -Errno.EINVAL) {
            return null;
        }
        if (rc < 0) {
            throw new ErrnoException("KVM_IOEVENTFD(0x" + Long.toHexString(address) + ", bytes=" + byteSize + ")", -rc);
        }
        return new IoEventFd(this, event, address, byteSize, datamatch, flags);
    }

    void deassignIoEventFd(EventFd event, long address, int byteSize, long datamatch, int flags) {
        if (!closed && event.isOpen()) {
            int deassign = flags | kvm_abi.KVM_IOEVENTFD_FLAG_DEASSIGN;
            EventBindings.ioEventFd(this, event, address, byteSize, datamatch, deassign);
        }
    }

    // Running.

    /** Starts a thread for each vCPU. Where the VM is paused already, they wait; where it is stopped, none starts. */
    public synchronized void start() {
        if (started || vcpus.isEmpty()) {
            throw new IllegalStateException("VM " + name + (started ? " was started before" : " has no vCPU"));
        }
        started = true;
        if (!gate.start(vcpus.size())) {
            return;
        }
        FlightEvents.vm(name, "started", null);
        Thread[] threads = new Thread[vcpus.size()];
        for (Vcpu vcpu : vcpus) {
            threads[vcpu.cpu()] = vcpu.loop().prepareThread(name + "-vcpu" + vcpu.cpu());
        }
        for (Vcpu vcpu : vcpus) {
            try {
                threads[vcpu.cpu()].start();
            } catch (Throwable failure) { // OutOfMemoryError: the host has no thread left
                requestStop(new StopCause.HostFailure(failure, null));
                for (Vcpu late : vcpus.subList(vcpu.cpu(), vcpus.size())) {
                    late.loop().abandonThread();
                }
                throw failure;
            }
        }
    }

    /**
     * Holds all vCPUs outside of the guest, with no access unfinished, and returns when they are. Paused twice is paused
     * once.
     *
     * @return false when the VM stopped instead, or another thread resumed it meanwhile
     * @throws IllegalStateException on a vCPU's thread, which would wait for itself
     */
    public boolean pause() {
        refuseOnVcpuThread("pause");
        boolean paused = requestPause() && gate.awaitPaused();
        if (paused) {
            FlightEvents.vm(name, "paused", null);
        }
        return paused;
    }

    /** As {@link #pause}, without the wait. For vCPU threads too. */
    public boolean requestPause() {
        if (!gate.requestPause()) {
            return false;
        }
        kickAll();
        return true;
    }

    /** Lets paused vCPUs go on. */
    public void resume() {
        // The vCPUs wait for the gate's lock: what they do next is recorded after this.
        synchronized (gate) {
            if (gate.resume()) {
                FlightEvents.vm(name, "resumed", null);
            }
        }
    }

    /** Whether a pause was asked for and not taken back. */
    public boolean isPaused() {
        return gate.isPaused();
    }

    /**
     * Asks for all vCPUs to leave the guest until {@link #release}, whatever {@link #resume} says meanwhile, without waiting for
     * them: none that asks for it itself executes anything more. For vCPU threads too.
     *
     * @return false when the VM stopped
     */
    public boolean requestHold() {
        if (!gate.requestHold()) {
            return false;
        }
        kickAll();
        return true;
    }

    /** Waits until all vCPUs are out of the guest, as {@link #requestHold} has asked; false when the VM stopped instead. */
    public boolean awaitHeld() {
        refuseOnVcpuThread("awaitHeld");
        return gate.awaitHeld();
    }

    /** Lets vCPUs go on that were held; those that are paused, once they are resumed. */
    public void release() {
        gate.release();
    }

    /** Asks all vCPUs to end, without waiting for them. The first cause counts. For vCPU threads too. */
    public void requestStop(StopCause cause) {
        if (gate.requestStop(cause)) {
            kickAll();
            FlightEvents.vm(name, "stopping", cause.summary());
        }
    }

    /** Ends all vCPUs and waits until they have. */
    public void stop() {
        refuseOnVcpuThread("stop");
        requestStop(new StopCause.HostRequest());
        joinThreads();
    }

    /** Why the VM was stopped, or null. */
    public StopCause stopCause() {
        return gate.cause();
    }

    /** Waits until the VM was stopped and no vCPU is in the guest any more. */
    public StopCause await() throws InterruptedException {
        refuseOnVcpuThread("await");
        return gate.awaitStopped(0);
    }

    /** As {@link #await()}; null when the time is up. */
    public StopCause await(Duration timeout) throws InterruptedException {
        refuseOnVcpuThread("await");
        return gate.awaitStopped(Math.max(1, timeout.toNanos()));
    }

    private void kickAll() {
        for (Vcpu vcpu : vcpus()) {
            vcpu.kick();
        }
    }

    private void refuseOnVcpuThread(String what) {
        for (Vcpu vcpu : vcpus()) {
            if (vcpu.loop().isOwnThread()) {
                throw new IllegalStateException(what + " on a vCPU's own thread would wait for itself");
            }
        }
    }

    private void joinThreads() {
        boolean interrupted = false;
        for (Vcpu vcpu : vcpus()) {
            Thread thread = vcpu.loop().thread();
            while (thread != null && thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the vCPUs and gives back all that the kernel holds for the VM. Once more does nothing. */
    @Override
    public void close() {
        stop();
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            for (Vcpu vcpu : vcpus) {
                vcpu.close();
            }
            number = CLOSED;
            fd.close();
        }
        FlightEvents.vm(name, "closed", null);
    }

    // Calls.

    /** On a VM that is closed the kernel answers −EBADF. */
    int ioctl(long request, long arg) {
        return Ioctl.call(number, request, arg);
    }

    int ioctl(long request, MemorySegment struct) {
        return Ioctl.call(number, request, struct);
    }

    private static int check(String call, int rc) {
        if (rc < 0) {
            throw new ErrnoException(call, -rc);
        }
        return rc;
    }
}
