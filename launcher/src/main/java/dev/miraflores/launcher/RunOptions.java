// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.machine.BalloonConfig;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.MemorySize;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.machine.RngConfig;
import dev.miraflores.machine.SmpOption;
import dev.miraflores.machine.VhostUserOptions;
import dev.miraflores.machine.VirtioTransport;
import dev.miraflores.machine.VsockConfig;
import dev.miraflores.memory.MemoryBacking;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The options of {@code hv run}, and the machine that they describe. */
final class RunOptions {

    static final Option KERNEL = Option.value("--kernel", "FILE",
            "What to boot: a Linux bzImage, an ELF kernel (vmlinux, PVH) or a Multiboot image.");
    static final Option INITRD = Option.value("--initrd", "FILE",
            "Initial RAM disk; for Multiboot 'FILE ARGS,FILE ARGS', its modules.");
    static final Option APPEND = Option.value("--append", "STRING", "The kernel's command line.");
    static final Option MEMORY = Option.value("--memory", "SIZE",
            "Guest memory, such as 512M or 2G; a plain number is MiB. Default: 512M.").or("-m");
    static final Option HUGE_PAGES = Option.flag("--huge-pages", "Takes guest memory from the host's huge pages.");
    static final Option SHARED_MEMORY = Option.flag("--shared-memory",
            "Puts guest memory where another process can be given it, for vhost-user drives that are added later.");
    static final Option SMP = Option.value("--smp", "N", "Virtual CPUs. Default: 1.");
    static final Option DRIVE = Option.values("--drive", "file=FILE|vhost-user=SOCKET[,KEY=VALUE]...",
            "A disk, /dev/vda and on; may be given more than once. Keys: id, format=raw|qcow2|null,"
                    + " cache=none|writeback|writethrough|directsync|unsafe, aio=io_uring|native|threads, readonly=on|off,"
                    + " serial, dataplane=on|off, queues, iothreads, queue-size, packed=on|off, in-order=on|off,"
                    + " logical_block_size, poll-max-ns, discard=unmap|ignore, rerror=report|ignore|stop,"
                    + " werror=report|ignore|stop|enospc, throttling.*,"
                    + " backing=FILE, backing.driver=raw|qcow2, backing.backing=FILE and on, size=SIZE,"
                    + " stage=NAME and stage.KEY. A comma in a value is written twice.");
    static final Option NIC = Option.values("--nic", "user|tap|socket|none|vhost-user=PATH[,KEY=VALUE]...",
            "A network interface; may be given more than once. user needs no privilege (passt): hostfwd=tcp:[ADDR]:PORT-:PORT, net, host,"
                    + " dhcpstart, ipv4=on|off, ipv6=on|off. tap: ifname, fd, fds, bridge, vhost=on|off. socket:"
                    + " listen=unix:PATH|HOST:PORT or connect=, reconnect-ms. All: model=virtio, id, mac, mtu, queues, queue-size,"
                    + " iothreads, poll-max-ns, packed=on|off, in-order=on|off, mrg_rxbuf=on|off, rss=on|off, hash=on|off."
                    + " Default: none.");
    static final Option CHARDEV = Option.values("--chardev", "socket,id=ID,path=PATH",
            "The socket of a vhost-user back end, for a --device. --drive vhost-user=PATH says both.");
    static final Option DEVICE = Option.values("--device", "vhost-user-blk-pci,chardev=ID[,KEY=VALUE]...",
            "A disk that another process serves. Keys: id, num-queues, queue-size, packed=on|off.");
    static final Option STAGE_PATH = Option.value("--stage-path", "PATH[:PATH]...",
            "Jars, and directories of them, that have the stages that drives name.");
    static final Option RNG = Option.optionalValue("--rng", "max-bytes=N,period=MS",
            "Adds a virtio-rng device, so that the guest has entropy at once; no more than N bytes in MS milliseconds.");
    static final Option BALLOON = Option.optionalValue("--balloon", "KEY=on|off",
            "Adds a virtio-balloon device, through which the guest gives memory back to the host. Keys: deflate-on-oom,"
                    + " free-page-reporting, free-page-hint; id=ID.");
    static final Option VSOCK = Option.value("--vsock", "cid=N",
            "Sockets between host and guest (AF_VSOCK), through the host's vhost-vsock: N, from 3 on, is the guest's context id.");
    static final Option VIRTIO = Option.value("--virtio", "pci|mmio",
            "How the guest reaches its disks and other virtio devices. Default: pci.");
    static final Option CONSOLE = Option.value("--console", "stdio|file:PATH|unix:PATH|none",
            "What the serial port ttyS0 is connected to. Default: stdio, where ^A h shows help.");
    static final Option VIRTCONSOLE = Option.value("--virtconsole", "stdio|file:PATH|unix:PATH|none",
            "Adds a virtio console, hvc0, and says what it is connected to. With stdio the serial port has none, unless told.");
    static final Option PORT = Option.values("--port", "name=NAME,backend=unix:PATH|file:PATH|stdio|none[,KEY=VALUE]...",
            "A port for a program in the guest, /dev/virtio-ports/NAME; may be given more than once. Keys: id, nr.");
    static final Option QMP = Option.values("--qmp", "unix:PATH",
            "Listens for programs that speak QEMU's machine protocol; hv top is one.");
    static final Option MONITOR = Option.values("--monitor", "stdio|unix:PATH",
            "Takes commands from people, in QEMU's words. With the console on stdio, too, ^A c goes from one to the other.");
    static final Option METRICS = Option.values("--metrics", "tcp:127.0.0.1:PORT|unix:PATH",
            "Answers HTTP with what the machine counts, as OpenMetrics text.");
    static final Option NO_REBOOT = Option.flag("--no-reboot",
            "Ends hv when the guest is reset, by itself or by a monitor. Default: the guest starts anew.");
    static final Option DEBUG_EXIT = Option.flag("--debug-exit",
            "Adds QEMU's isa-debug-exit: a guest that writes N to port 0xf4 ends hv with exit code 2N+1.");

    private static final Option[] ALL = {
        KERNEL, INITRD, APPEND, MEMORY, HUGE_PAGES, SHARED_MEMORY, SMP, DRIVE, NIC, CHARDEV, DEVICE, STAGE_PATH, VIRTIO, RNG,
        BALLOON, VSOCK, CONSOLE, VIRTCONSOLE, PORT, QMP, MONITOR, METRICS, NO_REBOOT,
        DEBUG_EXIT,
        SandboxOption.SANDBOX, SandboxOption.SANDBOX_PATH
    };

    private RunOptions() {
    }

    static Option[] all() {
        return ALL.clone();
    }

    /** Whether anything but the console looks at the machine. */
    static boolean hasMonitor(Arguments arguments) {
        return arguments.has(QMP.name()) || arguments.has(MONITOR.name()) || arguments.has(METRICS.name());
    }

    /** The machine, all but its console; nothing on the host has been looked at yet. */
    static MachineConfig.Builder machine(Arguments arguments) {
        MachineConfig.Builder machine = MachineConfig.builder();
        String kernel = arguments.value(KERNEL.name(), null);
        if (kernel != null && kernel.isEmpty()) {
            throw new ConfigException(KERNEL.name() + ": the name is empty; use " + KERNEL.name() + " FILE");
        }
        if (kernel != null) {
            machine.kernel(path(KERNEL, kernel));
        }
        String initrd = arguments.value(INITRD.name(), null);
        if (initrd != null && initrd.isEmpty()) {
            throw new ConfigException(INITRD.name() + ": the name is empty; use " + INITRD.name() + " FILE, or leave it out");
        }
        machine.initrd(initrd);
        machine.append(arguments.value(APPEND.name(), ""));
        String memory = arguments.value(MEMORY.name(), null);
        if (memory != null) {
            machine.memoryBytes(MemorySize.parse(MEMORY.name(), memory));
        }
        if (arguments.has(SHARED_MEMORY.name())) {
            machine.memoryBacking(MemoryBacking.MEMFD);
        }
        if (arguments.has(HUGE_PAGES.name())) {
            machine.memoryBacking(MemoryBacking.HUGE_PAGES);
        }
        machine.vcpus(SmpOption.parse(arguments.value(SMP.name(), "1")));
        for (String drive : arguments.values(DRIVE.name())) {
            machine.drive(DriveConfig.parse(drive));
        }
        if (arguments.has(CHARDEV.name()) || arguments.has(DEVICE.name())) {
            for (DriveConfig drive
                    : VhostUserOptions.parse(arguments.values(CHARDEV.name()), arguments.values(DEVICE.name()))) {
                machine.drive(drive);
            }
        }
        for (String text : arguments.values(NIC.name())) {
            NicConfig nic = NicConfig.parse(text);
            if (nic != null) {
                machine.nic(nic);
            }
        }
        machine.stagePath(stagePath(arguments));
        String virtio = arguments.value(VIRTIO.name(), null);
        if (virtio != null) {
            machine.virtio(VirtioTransport.parse(virtio));
        }
        machine.rng(arguments.has(RNG.name()) ? RngConfig.parse(arguments.value(RNG.name(), "")) : null);
        machine.balloon(arguments.has(BALLOON.name()) ? BalloonConfig.parse(arguments.value(BALLOON.name(), "")) : null);
        String vsock = arguments.value(VSOCK.name(), null);
        if (vsock != null) {
            machine.vsock(VsockConfig.parse(vsock));
        }
        machine.reboots(!arguments.has(NO_REBOOT.name()));
        machine.debugExit(arguments.has(DEBUG_EXIT.name()));
        return machine;
    }

    /** Where drives have their stages from; empty for this program's own. */
    static List<Path> stagePath(Arguments arguments) {
        String text = arguments.value(STAGE_PATH.name(), null);
        return text == null ? List.of() : paths(STAGE_PATH, text);
    }

    private static List<Path> paths(Option option, String text) {
        List<Path> paths = new ArrayList<>();
        int start = 0;
        while (start <= text.length()) {
            int colon = text.indexOf(':', start);
            int end = colon < 0 ? text.length() : colon;
            if (end == start) {
                throw new ConfigException(option.name() + " " + text + ": a path is empty; name a jar or a directory of jars");
            }
            paths.add(path(option, text.substring(start, end)));
            start = end + 1;
        }
        return paths;
    }

    private static Path path(Option option, String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new ConfigException(option.name() + " " + text + ": not a file name: " + e.getReason()
                    + "; check the name", e);
        }
    }
}
