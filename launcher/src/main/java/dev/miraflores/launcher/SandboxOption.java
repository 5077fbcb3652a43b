// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.machine.NicSocket;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.sandbox.Sandbox;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/**
 * What {@code --sandbox} and {@code --sandbox-path} say.
 *
 * @param paths    left within reach, for what is opened later
 * @param connects vhost-user disks may come later, and have to be connected to
 */
record SandboxOption(Mode mode, List<String> paths, boolean connects) {

    static final Option SANDBOX = Option.value("--sandbox", "on|required|off",
            "What hv gives up before the guest runs: all that this host lets it and it can do without (on, the default), that or"
                    + " an error (required), or nothing (off).");
    static final Option SANDBOX_PATH = Option.values("--sandbox-path", "PATH",
            "A file or directory that stays within reach, for what is opened later; may be given more than once.");

    enum Mode { ON, REQUIRED, OFF }

    static SandboxOption parse(Arguments arguments) {
        String mode = arguments.value(SANDBOX.name(), "on");
        List<String> paths = arguments.values(SANDBOX_PATH.name());
        for (String path : paths) {
            if (path.isEmpty()) {
                throw new ConfigException(SANDBOX_PATH.name() + " : no path is named; name a file or a directory");
            }
            if (!exists(path)) {
                throw new ConfigException(SANDBOX_PATH.name() + " " + path + ": no such file; make it first, or name its directory");
            }
        }
        return new SandboxOption(switch (mode) {
            case "on" -> Mode.ON;
            case "required" -> Mode.REQUIRED;
            case "off" -> Mode.OFF;
            default -> throw new ConfigException(SANDBOX.name() + " " + mode + ": unknown; use on, required or off");
        }, paths, arguments.has(RunOptions.SHARED_MEMORY.name()));
    }

    private static boolean exists(String path) {
        try {
            return Files.exists(Path.of(path));
        } catch (InvalidPathException e) {
            throw new ConfigException(SANDBOX_PATH.name() + " " + path + ": not a file name: " + e.getReason() + "; check the name", e);
        }
    }

    /** With what any command leaves within reach. */
    SandboxPolicy policy() {
        SandboxPolicy policy = new SandboxPolicy();
        for (String path : paths) {
            policy.changeable(path);
        }
        return policy;
    }

    /** With what a machine may open again: its images, and its stages' classes. */
    SandboxPolicy policy(VirtualMachine machine, MachineConfig config) {
        SandboxPolicy policy = policy(machine.ioThreads(), config.drives(), config.stagePath()).vhost(config.usesVhost());
        for (NicConfig nic : config.nics()) {
            if (nic.socket() != null) {
                leaveInReach(policy, nic.socket());
            }
            if (nic.vhostUser() != null) {
                policy.connects(true);
            }
            if (nic.tap() != null) {
                policy.tap(true);
            }
        }
        return policy;
    }

    /** A peer that is started anew has to be connected to anew; a socket's file has to go at the end. */
    private void leaveInReach(SandboxPolicy policy, NicSocket socket) {
        if (socket.address().isUnix()) {
            if (socket.listens()) {
                policy.emptiable(Path.of(socket.address().path()).toAbsolutePath().getParent().toString());
            } else if (socket.reconnectMs() != 0) {
                policy.connects(true);
            }
        } else if (socket.reconnectMs() != 0 && mode != Mode.OFF) {
            throw new ConfigException("--nic socket,connect=" + socket.address() + ",reconnect-ms=" + socket.reconnectMs()
                    + ": within the sandbox hv connects to nothing on the network; leave reconnect-ms out, use a Unix socket, or use"
                    + " --sandbox off");
        }
    }

    /** As above, of disks alone. A back end that is started anew has to be connected to anew. */
    SandboxPolicy policy(List<IoThread> ioThreads, List<DriveConfig> drives, List<Path> stagePath) {
        SandboxPolicy policy = policy().ioThreads(ioThreads);
        boolean connect = connects;
        for (DriveConfig drive : drives) {
            connect |= drive.vhostUser() != null;
            if (drive.file() != null && drive.readOnly()) {
                policy.readable(drive.file());
            } else if (drive.file() != null) {
                policy.writable(drive.file());
            }
            for (BackingFile backing : drive.backing()) {
                policy.readable(backing.path());
            }
        }
        for (Path path : stagePath) {
            policy.readable(path.toString());
        }
        return policy.connects(connect);
    }

    /** Enters it, as the mode says. Says on {@code err} what is lost. */
    void enter(SandboxPolicy policy, PrintStream err) {
        if (mode == Mode.OFF) {
            err.println("hv: --sandbox off: whoever breaks out of a guest has all that user "
                    .concat(System.getProperty("user.name"))
                    .concat(" has: files, programs, the network, other processes; leave it out, and next to nothing of that"));
            return;
        }
        for (String lack : Sandbox.enter(policy)) {
            if (mode == Mode.REQUIRED) {
                throw new ConfigException("--sandbox required: this host lacks ".concat(lack).concat("; use --sandbox on"));
            }
            err.println("hv: the sandbox lacks ".concat(lack));
        }
    }
}
