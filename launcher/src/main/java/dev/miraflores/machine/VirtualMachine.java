// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.console.PortStatus;
import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A virtual machine: a PC with virtio devices, made from a {@link MachineConfig}.
 * <p>{@link #create} opens all it needs, checks it and puts the kernel into memory; {@link #start} lets it run. The end,
 * whoever caused it, is a {@link StopCause} from {@link #await}.
 * <p>Thread: any. {@code pause}, {@code await} and {@code close} wait for the vCPUs.
 * <p>Lifetime: until {@link #close}, which stops a machine that runs, finishes its I/O, and leaves no thread, mapping or
 * descriptor behind. Any number of machines live in one JVM; none ends it or another.
 */
public final class VirtualMachine implements AutoCloseable {

    /** How long a guest has to let go of a device, where the caller does not say. */
    public static final Duration GUEST_ANSWER = Duration.ofSeconds(30);

    private final Cleanup cleanup;
    private final MainLoop mainLoop;
    private final Vm vm;
    private final Board board;
    private final DeviceBays bays;
    private final DriveBays drives;
    private final NicBays nics;
    private final Balloon balloon;
    private final CharDevices characters;
    private final Stillness stillness;
    private final Resets resets;
    private final MachineReset reset;
    private boolean closed;

    VirtualMachine(Cleanup cleanup, MainLoop mainLoop, Vm vm, Board board, DeviceBays bays, DriveBays drives, NicBays nics,
            FixedDevices devices, Resets resets, MachineReset reset) {
        this.cleanup = cleanup;
        this.mainLoop = mainLoop;
        this.vm = vm;
        this.board = board;
        this.bays = bays;
        this.drives = drives;
        this.nics = nics;
        this.balloon = devices.balloon();
        this.characters = devices.characters();
        this.resets = resets;
        this.reset = reset;
        this.stillness = new Stillness(new MachineParts(vm, bays, devices.still()));
        bays.deviceEvents().machine(stillness);
    }

    /**
     * Makes a machine that is ready to start. Where it fails, all is given back and no file was changed.
     *
     * @throws ConfigException where the host cannot give what is asked for
     * @throws dev.miraflores.kvm.KvmUnavailableException where there is no KVM, or none that may be used
     * @throws dev.miraflores.kvm.boot.BootException where the kernel or the initrd is none, or does not fit
     * @throws dev.miraflores.aio.DriveException where an image cannot be a disk, or is in use
     * @throws dev.miraflores.devices.net.NetException where what is behind a network interface cannot be had
     */
    public static VirtualMachine create(MachineConfig config) {
        Cleanup cleanup = new Cleanup();
        try {
            return new Assembly(config, cleanup).build();
        } catch (RuntimeException | Error failure) {
            try {
                cleanup.close();
            } catch (RuntimeException another) {
                failure.addSuppressed(another);
            }
            throw failure;
        }
    }

    /**
     * Lets the vCPUs run; once in a machine's life. One that was asked to stop already ends at once.
     *
     * @throws IllegalStateException when it was started before, or is closed
     */
    public synchronized void start() {
        if (closed) {
            throw new IllegalStateException("the machine is closed");
        }
        bays.start();
        vm.start();
        resets.start(this::performReset, this::tellOfReset);
    }

    /** In turn with pause and resume, which do not wait for a disk that hangs, though. */
    private boolean performReset() {
        stillness.inTurn(reset::resetDevices);
        if (!reset.awaitDevices()) {
            return false;
        }
        stillness.inTurn(reset::startAnew);
        return true;
    }

    private void tellOfReset(boolean byGuest, Runnable told) {
        bays.deviceEvents().tell(() -> {
            bays.events().reset(byGuest);
            told.run();
        });
    }

    /**
     * Holds all vCPUs outside of the guest, lets its devices finish what is in flight, and returns when nothing moves any more.
     *
     * @return false when the machine stopped instead
     * @throws dev.miraflores.devices.virtio.DrainException where a device did not finish in time: the machine goes on, unless
     *     another has it paused for a request that failed ({@code werror=stop})
     */
    public boolean pause() {
        return stillness.pause();
    }

    /** Lets disks and vCPUs go on; requests that failed and are held ({@code werror=stop}) are tried anew. */
    public void resume() {
        stillness.resume();
    }

    public boolean isPaused() {
        return vm.isPaused();
    }

    /**
     * Opens, checks and locks an image and puts it into the machine, which may be running: its guest is told by ACPI, and finds
     * a new disk. Before {@link #start} the disk is as one that the machine was made with.
     *
     * @param drive without an id it gets one that is free
     * @return the disk's id
     * @throws ConfigException where the id is taken, all slots are, or the machine's disks are not on PCI
     * @throws dev.miraflores.aio.DriveException where the image cannot be a disk, or is in use
     * @throws IllegalStateException when the machine is closed
     */
    public String addDrive(DriveConfig drive) {
        return drives.add(drive);
    }

    /** {@link #removeDrive(String, Duration)} with {@link #GUEST_ANSWER}. */
    public DeviceRemoval removeDrive(String id) {
        return drives.remove(id, GUEST_ANSWER);
    }

    /**
     * Asks the guest to let go of a disk. Once it has, the disk leaves its slot, finishes what it has in flight, and closes
     * and unlocks its image. A guest may take its time or never answer: then the removal says so after {@code answerWithin},
     * and can be asked for again or forced. Asking once more for a disk that is on its way out returns the same removal. Where
     * no guest runs the disk is taken at once.
     *
     * @throws ConfigException where there is no such disk, or it is not on PCI
     * @throws IllegalStateException when the machine is closed
     */
    public DeviceRemoval removeDrive(String id, Duration answerWithin) {
        return drives.remove(id, answerWithin);
    }

    /** The ids of the disks that are in, or on their way out, in the order in which they came. */
    public List<String> driveIds() {
        return drives.ids();
    }

    /** The disks that are in, or on their way out, in the order in which they came. */
    public List<Drive> drives() {
        return drives.drives();
    }

    /**
     * The disk of that id.
     *
     * @throws ConfigException where there is none
     */
    public Drive drive(String id) {
        return drives.drive(id);
    }

    /**
     * Opens what is behind a network interface and puts it into the machine, as {@link #addDrive} does with a disk. Within a
     * sandbox it has to be open already: a descriptor, which is closed where this throws.
     *
     * @param nic without an id or an address it gets one that is free
     * @return its id
     * @throws ConfigException where the id or the address is taken, all slots are, it cannot be had any more, or the machine's devices
     *     are not on PCI
     * @throws dev.miraflores.devices.net.NetException where what is behind it cannot be had
     * @throws IllegalStateException when the machine is closed
     */
    public String addNic(NicConfig nic) {
        return nics.add(nic);
    }

    /**
     * Whether {@link #addNic} would open this, as far as that can be said without doing so.
     *
     * @throws ConfigException where it cannot be had any more, now that the machine is made
     */
    public void checkNic(NicConfig nic) {
        nics.check(nic);
    }

    /** {@link #removeNic(String, Duration)} with {@link #GUEST_ANSWER}. */
    public DeviceRemoval removeNic(String id) {
        return nics.remove(id, GUEST_ANSWER);
    }

    /**
     * Asks the guest to let go of a network interface, as {@link #removeDrive(String, Duration)} does for a disk. Once it has, what
     * is behind it is closed.
     *
     * @throws ConfigException where there is no such network interface, or it is not on PCI
     * @throws IllegalStateException when the machine is closed
     */
    public DeviceRemoval removeNic(String id, Duration answerWithin) {
        return nics.remove(id, answerWithin);
    }

    /** The network interfaces that are in, or on their way out, in the order in which they came. */
    public List<Nic> nics() {
        return nics.nics();
    }

    /**
     * The network interface of that id.
     *
     * @throws ConfigException where there is none
     */
    public Nic nic(String id) {
        return nics.nic(id);
    }

    /** The balloon; null where the machine was made without. */
    public Balloon balloon() {
        return balloon;
    }

    /** The virtual CPUs, by their numbers. */
    public List<VcpuStatus> vcpus() {
        return vm.vcpus().stream().map(VcpuStatus::of).toList();
    }

    /** The I/O threads of all disks and network interfaces, each once, as they are now. */
    public List<IoThreadStatus> ioThreadStatus() {
        List<IoThreadStatus> status = new ArrayList<>();
        for (IoThread thread : deviceThreads()) {
            status.add(IoThreadStatus.of(thread));
        }
        return status;
    }

    /** What is in the slots of the PCI bus. */
    public List<PciSlotReport> pciSlots() {
        return board.pciSlots();
    }

    /** The PCI slot of a disk or a network interface; −1 where it has none. */
    public int slot(String id) {
        return bays.slot(id);
    }

    /** The ports of the virtio console device, by their numbers. */
    public List<PortStatus> ports() {
        return characters.ports();
    }

    /** All character devices: the serial port first. */
    public List<CharDeviceStatus> charDevices() {
        return characters.status();
    }

    /** Tells the machines of one process apart. */
    public String name() {
        return vm.name();
    }

    /** Lets {@code listener} hear of what happens to the machine and its disks from now on. */
    public void addListener(MachineListener listener) {
        bays.events().add(listener);
    }

    public void removeListener(MachineListener listener) {
        bays.events().remove(listener);
    }

    /** Lets {@code listener} hear of disks that come and go from now on. */
    public void addDriveListener(DriveListener listener) {
        bays.events().add(listener);
    }

    public void removeDriveListener(DriveListener listener) {
        bays.events().remove(listener);
    }

    /** The threads that do I/O for its devices now; for who narrows down what they may do ({@code dev.miraflores.sandbox}). */
    public List<IoThread> ioThreads() {
        List<IoThread> threads = deviceThreads();
        addOnce(threads, mainLoop.startedThread());
        return threads;
    }

    private List<IoThread> deviceThreads() {
        List<IoThread> threads = new ArrayList<>();
        for (Drive drive : drives.drives()) {
            if (drive.localDevice() != null) {
                for (IoThread thread : drive.localDevice().threads()) {
                    addOnce(threads, thread);
                }
            }
        }
        for (Nic nic : nics.nics()) {
            for (IoThread thread : nic.device().threads()) {
                addOnce(threads, thread);
            }
        }
        return threads;
    }

    private static void addOnce(List<IoThread> threads, IoThread thread) {
        if (thread != null && !threads.contains(thread)) {
            threads.add(thread);
        }
    }

    DriveBays driveBays() {
        return drives;
    }

    /** Presses the power button: a guest that listens powers itself off. */
    public void pressPowerButton() {
        board.pressPowerButton();
    }

    /**
     * Presses the reset button, without waiting: the guest starts anew, with all that the machine has, as it does when it asks
     * for that itself; listeners hear of it ({@link MachineListener#reset}). A machine that is paused is reset and stays paused.
     * One that does not reboot ({@link MachineConfig#reboots}) ends. Does nothing where it has ended.
     */
    public void requestReset() {
        resets.request(false);
    }

    /** Asks the machine to end, without waiting for it. Does nothing where it has ended. */
    public void requestStop() {
        vm.requestStop(new StopCause.HostRequest());
    }

    /** Why the machine ended, or null. */
    public StopCause stopCause() {
        return vm.stopCause();
    }

    /** Waits for the machine's end. What the guest has printed by then may still be on its way out until {@code close}. */
    public StopCause await() throws InterruptedException {
        return vm.await();
    }

    /** As {@link #await()}; null when the time is up. */
    public StopCause await(Duration timeout) throws InterruptedException {
        return vm.await(timeout);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            bays.shutDown();
            try {
                cleanup.close();
            } finally {
                bays.deviceEvents().close();
            }
        }
    }
}
