// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.console.PortConfig;
import dev.miraflores.memory.MemoryBacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What a machine is made of. Made by {@link #builder}.
 *
 * @param kernel        a bzImage, an ELF kernel (vmlinux, PVH) or a Multiboot 1 image
 * @param initrd        file of the initial RAM disk, or Multiboot modules as QEMU names them: {@code FILE ARGS,FILE ARGS}; null
 *                      for none
 * @param append        the kernel's command line
 * @param memoryBytes   guest memory, a whole number of MiB
 * @param memoryBacking what holds it on the host; {@link MemoryBacking#MEMFD} at the least where a back end has to be
 *                      given it ({@link DriveConfig#vhostUser}, {@link NicConfig#vhostUser})
 * @param vcpus         virtual CPUs, from 1 up to the host's limit
 * @param drives        disks in the order of their PCI slots, so of /dev/vda and on; each has an id of its own
 * @param nics          network interfaces in the order of their PCI slots, after the drives; each has an id and an address of its own
 * @param virtio        how the guest reaches its virtio devices
 * @param rng           the virtio-rng device; null for none
 * @param balloon       the virtio-balloon device; null for none. With one, disks do not register guest memory with io_uring, as
 *                      what is registered cannot be given back
 * @param vsock         sockets between host and guest; null for none
 * @param reboots       whether a reset, asked for by the guest or from outside, starts the guest anew in this machine; otherwise
 *                      it ends the machine
 * @param debugExit     whether there is QEMU's isa-debug-exit at port F4h
 * @param stagePath     jars and directories of modules that drives' stages are looked for in, besides those of this program
 * @param console       what stands behind the first serial port; null for nothing. Closed with the machine
 * @param ports         of a virtio console device: /dev/hvc0 and named ports; none for no such device. Their back ends are
 *                      closed with the machine
 */
public record MachineConfig(KernelSource kernel, String initrd, String append, long memoryBytes, MemoryBacking memoryBacking,
        int vcpus, List<DriveConfig> drives, List<NicConfig> nics, VirtioTransport virtio, RngConfig rng, BalloonConfig balloon,
        VsockConfig vsock, boolean reboots, boolean debugExit, List<Path> stagePath, CharBackend console, List<PortConfig> ports) {

    public static final long DEFAULT_MEMORY_BYTES = 512L << 20;

    public MachineConfig {
        if (kernel == null) {
            throw new ConfigException("no kernel is named; use --kernel FILE");
        }
        Objects.requireNonNull(append);
        Objects.requireNonNull(memoryBacking);
        MemorySize.check("memory of " + memoryBytes + " bytes", memoryBytes);
        if (vcpus < 1) {
            throw new ConfigException("--smp " + vcpus + ": a machine needs a CPU; use 1 or more");
        }
        int devices = drives.size() + nics.size() + (rng == null ? 0 : 1) + (balloon == null ? 0 : 1)
                + (vsock == null ? 0 : 1) + (ports.isEmpty() ? 0 : 1);
        if (devices > virtio.maxDevices()) {
            throw new ConfigException(devices + " virtio devices: there is room for " + virtio.maxDevices()
                    + " with --virtio " + virtio + "; use fewer");
        }
        drives = named(drives);
        nics = NicNames.named(nics, drives, balloon);
        if (balloon != null && hasId(drives, balloon.id())) {
            throw new ConfigException("--balloon id=" + balloon.id() + ": a drive has this id; change one");
        }
        if (memoryBacking == MemoryBacking.ANONYMOUS && (isShared(drives) || NicNames.anyVhostUser(nics))) {
            memoryBacking = MemoryBacking.MEMFD;
        }
        stagePath = List.copyOf(stagePath);
        ports = CharDevices.checked(ports);
    }

    /** Starts from 512 MiB, one CPU, no drives, no network and no console. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Whether this host can give what is asked for.
     *
     * @param hostMemoryBytes what the host has, used or not
     * @param maxVcpus        KVM's limit
     * @throws ConfigException when it cannot
     */
    public void checkAgainstHost(long hostMemoryBytes, int maxVcpus) {
        if (memoryBytes > hostMemoryBytes) {
            throw new ConfigException("--memory " + MemorySize.format(memoryBytes) + ": this host has "
                    + MemorySize.format(hostMemoryBytes) + "; use less");
        }
        if (vcpus > maxVcpus) {
            throw new ConfigException("--smp " + vcpus + ": this host's KVM has at most " + maxVcpus + "; use fewer");
        }
    }

    private static boolean hasId(List<DriveConfig> drives, String id) {
        for (DriveConfig drive : drives) {
            if (drive.id().equals(id)) {
                return true;
            }
        }
        return false;
    }

    /** Whether the host's kernel serves any of its devices (vhost). */
    public boolean usesVhost() {
        boolean inKernel = vsock != null;
        for (NicConfig nic : nics) {
            inKernel |= nic.tap() != null && nic.tap().vhost();
        }
        return inKernel;
    }

    private static boolean isShared(List<DriveConfig> drives) {
        for (DriveConfig drive : drives) {
            if (drive.vhostUser() != null) {
                return true;
            }
        }
        return false;
    }

    /** Gives each drive an id, and refuses two with the same. */
    private static List<DriveConfig> named(List<DriveConfig> drives) {
        List<String> taken = new ArrayList<>();
        for (DriveConfig drive : drives) {
            if (drive.id() != null && taken.contains(drive.id())) {
                throw new ConfigException("--drive id=" + drive.id() + ": two drives have this id; change one");
            }
            taken.add(drive.id());
        }
        List<DriveConfig> named = new ArrayList<>();
        int number = 0;
        for (DriveConfig drive : drives) {
            DriveConfig next = drive;
            while (next.id() == null) {
                String id = "drive" + number++;
                next = taken.contains(id) ? next : drive.withId(id);
            }
            named.add(next);
        }
        return List.copyOf(named);
    }

    /** Collects what a machine is made of. Thread: one. */
    public static final class Builder {

        private KernelSource kernel;
        private String initrd;
        private String append = "";
        private long memoryBytes = DEFAULT_MEMORY_BYTES;
        private MemoryBacking memoryBacking = MemoryBacking.ANONYMOUS;
        private int vcpus = 1;
        private final List<DriveConfig> drives = new ArrayList<>();
        private final List<NicConfig> nics = new ArrayList<>();
        private VirtioTransport virtio = VirtioTransport.PCI;
        private RngConfig rng;
        private BalloonConfig balloon;
        private VsockConfig vsock;
        private boolean reboots = true;
        private boolean debugExit;
        private List<Path> stagePath = List.of();
        private CharBackend console;
        private List<PortConfig> ports = new ArrayList<>();

        private Builder() {
        }

        public Builder kernel(Path file) {
            kernel = new KernelSource.InFile(file);
            return this;
        }

        /** A kernel that is in the caller's hands; {@code name} is for messages. */
        public Builder kernel(String name, byte[] content) {
            kernel = new KernelSource.InMemory(name, content.clone());
            return this;
        }

        public Builder initrd(String file) {
            initrd = file;
            return this;
        }

        public Builder append(String commandLine) {
            append = commandLine;
            return this;
        }

        public Builder memoryBytes(long bytes) {
            memoryBytes = bytes;
            return this;
        }

        public Builder memoryBacking(MemoryBacking backing) {
            memoryBacking = backing;
            return this;
        }

        public Builder vcpus(int count) {
            vcpus = count;
            return this;
        }

        /** Adds a disk, as /dev/vda and on. */
        public Builder drive(DriveConfig drive) {
            drives.add(drive);
            return this;
        }

        /** Adds a network interface, as eth0 and on. */
        public Builder nic(NicConfig nic) {
            nics.add(nic);
            return this;
        }

        public Builder virtio(VirtioTransport transport) {
            virtio = transport;
            return this;
        }

        public Builder rng(boolean present) {
            return rng(present ? RngConfig.UNLIMITED : null);
        }

        /** @param config null for none */
        public Builder rng(RngConfig config) {
            rng = config;
            return this;
        }

        /** @param config null for none */
        public Builder balloon(BalloonConfig config) {
            balloon = config;
            return this;
        }

        public Builder vsock(VsockConfig sockets) {
            vsock = sockets;
            return this;
        }

        public Builder reboots(boolean afterReset) {
            reboots = afterReset;
            return this;
        }

        public Builder debugExit(boolean present) {
            debugExit = present;
            return this;
        }

        public Builder stagePath(List<Path> jarsAndDirectories) {
            stagePath = jarsAndDirectories;
            return this;
        }

        public Builder console(CharBackend backend) {
            console = backend;
            return this;
        }

        /** Puts a virtio console in, /dev/hvc0. */
        public Builder virtConsole(CharBackend backend) {
            ports.add(PortConfig.console(CharDevices.CONSOLE, backend));
            return this;
        }

        /** Adds a port for a program in the guest, /dev/virtio-ports/NAME, with the lowest number that is free. */
        public Builder port(String name, CharBackend backend) {
            int number = 1;
            while (hasPort(number)) {
                number++;
            }
            ports.add(new PortConfig(number, name, name, backend));
            return this;
        }

        private boolean hasPort(int number) {
            return ports.stream().anyMatch(port -> port.number() == number);
        }

        /** All ports of the virtio console device, in the place of those that there are. */
        public Builder ports(List<PortConfig> all) {
            ports = new ArrayList<>(all);
            return this;
        }

        public MachineConfig build() {
            return new MachineConfig(kernel, initrd, append, memoryBytes, memoryBacking, vcpus, drives, nics, virtio, rng, balloon,
                    vsock, reboots, debugExit, stagePath, console, ports);
        }
    }
}
