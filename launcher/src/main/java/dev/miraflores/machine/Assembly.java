// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.CpuTopology;
import dev.miraflores.kvm.Kvm;
import dev.miraflores.kvm.KvmCapability;
import dev.miraflores.kvm.PcCpus;
import dev.miraflores.kvm.PowerOnState;
import dev.miraflores.kvm.Vcpu;
import dev.miraflores.kvm.Vm;
import dev.miraflores.kvm.acpi.AcpiTables;
import dev.miraflores.kvm.boot.BootFile;
import dev.miraflores.kvm.boot.BootRegisters;
import dev.miraflores.kvm.boot.BootRequest;
import dev.miraflores.kvm.boot.LoadedKernel;
import dev.miraflores.linux.SysInfo;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.MemoryBacking;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Builds one machine, step by step. All that a user may have got wrong is looked at before the guest could run, and no
 * step writes to a file.
 * <p>Thread: one.
 */
final class Assembly {

    /** Tells the machines of one JVM apart in the names of threads, in reports and events. */
    private static final AtomicInteger MADE = new AtomicInteger();

    private final MachineConfig config;
    private final Cleanup cleanup;

    /** @param cleanup is given all that gets opened, whether the assembly succeeds or not */
    Assembly(MachineConfig config, Cleanup cleanup) {
        this.config = config;
        this.cleanup = cleanup;
    }

    VirtualMachine build() {
        try (Kvm kvm = Kvm.open()) {
            checkHost(kvm);
            return build(kvm, cleanup.add(new BootImage(bootRequest())));
        }
    }

    private void checkHost(Kvm kvm) {
        config.checkAgainstHost(SysInfo.physicalMemory(), kvm.maxVcpus());
        List<KvmCapability> missing = kvm.missing();
        if (!missing.isEmpty()) {
            throw new ConfigException(Kvm.DEVICE + ": this kernel's KVM lacks " + missing.getFirst().kernelName()
                    + "; use a newer kernel (hv doctor tells more)");
        }
    }

    private BootRequest bootRequest() {
        // No switch over the patterns: linking one takes 3 ms of a start.
        if (config.kernel() instanceof KernelSource.InMemory(String name, byte[] content)) {
            return BootRequest.of(BootFile.of("kernel", name, content), config.initrd(), config.append(),
                    AcpiTables.DEFAULT_GPA);
        }
        KernelSource.InFile file = (KernelSource.InFile) config.kernel();
        return BootRequest.open(file.path(), config.initrd(), config.append(), AcpiTables.DEFAULT_GPA);
    }

    private VirtualMachine build(Kvm kvm, BootImage image) {
        // Before the devices that it serves, so that it ends after them.
        MainLoop mainLoop = cleanup.addForRequests(new MainLoop());
        DriveOpener opener = new DriveOpener(config, mainLoop);
        List<Drive> disks = openDisks(opener);
        List<Nic> nics = openNics();
        FixedDevices devices = new FixedDevices(config, cleanup, mainLoop);
        GuestMemory memory = memory();
        LoadedKernel kernel = image.loadInto(memory);
        Vm vm = cleanup.add(kvm.createVm("vm" + MADE.getAndIncrement()));
        vm.addMemory(memory);
        vm.createIrqchip();

        KvmInterrupts interrupts = new KvmInterrupts(vm);
        Resets resets = new Resets(vm, config.reboots());
        Board board = cleanup.add(
                new Board(memory, interrupts, new VmPowerControl(vm, resets), kvm.physicalAddressBits()));
        board.addSerial(devices.serial());
        if (config.debugExit()) {
            board.addDebugExit();
        }
        DeviceBays bays = cleanup.add(new DeviceBays(vm, board, config.virtio()));
        DriveBays drives = new DriveBays(bays, opener);
        disks.forEach(drives::addCold);
        NicBays network = new NicBays(bays, config.memoryBacking() != MemoryBacking.ANONYMOUS);
        nics.forEach(network::addCold);
        devices.addTo(board, bays);

        List<Integer> apicIds = createVcpus(kvm, vm, board);
        image.add(AcpiTables.build(board.acpi(apicIds, config.virtio() == VirtioTransport.PCI)));
        PowerOnState powerOn = config.reboots() ? PowerOnState.of(kvm, vm) : null;
        BootRegisters.apply(kernel.state(), vm.vcpus().getFirst());
        // Added last, closed first: no vCPU may be at a device that is being taken down, and no reset under way.
        cleanup.add(resets);
        cleanup.add(vm::stop);
        return new VirtualMachine(cleanup, mainLoop, vm, board, bays, drives, network, devices, resets,
                new MachineReset(vm, board, bays, image, powerOn));
    }

    private GuestMemory memory() {
        GuestMemory memory = cleanup.addForRequests(GuestMemory.create(config.memoryBytes(), config.memoryBacking()));
        // Before anything else sees it: whoever would have pages pinned looks at this first.
        return config.balloon() == null ? memory : memory.discardable();
    }

    /** Opens, checks and locks every image. */
    private List<Drive> openDisks(DriveOpener opener) {
        List<Drive> disks = new ArrayList<>();
        for (DriveConfig drive : config.drives()) {
            Drive disk = opener.open(drive);
            cleanup.add(disk.device());
            disks.add(disk);
        }
        return disks;
    }

    /** Opens taps and sockets, and starts programs. */
    private List<Nic> openNics() {
        List<Nic> nics = new ArrayList<>();
        for (NicConfig each : config.nics()) {
            Nic nic = NicOpener.open(each);
            cleanup.add(nic.device());
            nics.add(nic);
        }
        return nics;
    }

    private List<Integer> createVcpus(Kvm kvm, Vm vm, Board board) {
        List<Integer> apicIds = new ArrayList<>();
        for (Vcpu vcpu : PcCpus.create(kvm, vm, CpuTopology.ofCores(config.vcpus()), board.exitHandler())) {
            apicIds.add(vcpu.apicId());
        }
        return apicIds;
    }
}
