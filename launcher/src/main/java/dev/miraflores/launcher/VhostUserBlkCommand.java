// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.UnixDatagram;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.VhostUserDrives;
import dev.miraflores.machine.VhostUserDrives.Export;
import dev.miraflores.sandbox.SandboxPolicy;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** {@code hv vhost-user-blk}: disks for machines of others, until the process is told to end. */
final class VhostUserBlkCommand implements Command {

    static final Option SOCKET = Option.values("--socket", "PATH",
            "Unix socket that front ends connect to, for the drive of the same place in the order; is made.");
    static final Option NUM_QUEUES = Option.value("--num-queues", "N",
            "Queues of each drive that does not say queues=N. Default: one per processor of the host.");

    // A host's disk that takes longer to finish what is in flight holds up no one's shutdown.
    private static final long END_SECONDS = 20;

    /** sd_notify(3). */
    private static final String NOTIFY_SOCKET = "NOTIFY_SOCKET";

    private final CountDownLatch told = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean clean;

    @Override
    public String name() {
        return "vhost-user-blk";
    }

    @Override
    public String summary() {
        return "Serves disks to QEMU and other vhost-user front ends.";
    }

    @Override
    public Option[] options() {
        return new Option[] {SOCKET, RunOptions.DRIVE, NUM_QUEUES, RunOptions.STAGE_PATH,
            SandboxOption.SANDBOX, SandboxOption.SANDBOX_PATH};
    }

    @Override
    public int run(Arguments arguments, Console console) throws InterruptedException {
        List<Export> exports = exports(arguments);
        int queues = queues(arguments.value(NUM_QUEUES.name(), null));
        List<Path> stagePath = RunOptions.stagePath(arguments);
        SandboxOption sandbox = SandboxOption.parse(arguments);
        Runtime.getRuntime().addShutdownHook(new Thread(this::endBeforeProcess, "end-drives"));
        try {
            serve(exports, queues, stagePath, sandbox, console);
            clean = true;
        } finally {
            ended.countDown();
        }
        return 0;
    }

    private void serve(List<Export> exports, int queues, List<Path> stagePath, SandboxOption sandbox, Console console)
            throws InterruptedException {
        try (VhostUserDrives drives = VhostUserDrives.open(exports, queues, stagePath)) {
            List<DriveConfig> configs = new ArrayList<>();
            for (Export export : exports) {
                configs.add(export.drive());
            }
            SandboxPolicy policy = sandbox.policy(drives.ioThreads(), configs, stagePath);
            for (Export export : exports) {
                policy.emptiable(Path.of(export.socket()).toAbsolutePath().getParent().toString()); // sockets go at the end
            }
            // READY=1 needs a datagram socket, which there is none of in the sandbox.
            tellManager();
            sandbox.enter(policy, console.err());
            sayReady(exports, drives, console.out());
            told.await();
        }
    }

    private static List<Export> exports(Arguments arguments) {
        List<String> sockets = arguments.values(SOCKET.name());
        List<String> drives = arguments.values(RunOptions.DRIVE.name());
        if (sockets.isEmpty() || sockets.size() != drives.size()) {
            throw new ConfigException(sockets.size() + " --socket and " + drives.size()
                    + " --drive; each drive has a socket, so give as many of both: --socket PATH --drive file=FILE");
        }
        List<Export> exports = new ArrayList<>();
        for (int i = 0; i < sockets.size(); i++) {
            exports.add(new Export(sockets.get(i), DriveConfig.parse(drives.get(i))));
        }
        return exports;
    }

    private static int queues(String text) {
        if (text == null) {
            return VhostUserDrives.usualQueues();
        }
        try {
            int queues = Integer.parseInt(text);
            if (queues >= 1 && queues <= DriveConfig.MAX_QUEUES) {
                return queues;
            }
        } catch (NumberFormatException e) {
            // as one that is out of range
        }
        throw new ConfigException(NUM_QUEUES.name() + " " + text + "; use 1 to " + DriveConfig.MAX_QUEUES);
    }

    /** For who waits for the line. */
    private static void sayReady(List<Export> exports, VhostUserDrives drives, PrintStream out) {
        for (int i = 0; i < exports.size(); i++) {
            out.println("drive " + drives.drives().get(i).id() + " is ready at " + exports.get(i).socket());
        }
        out.flush();
    }

    /** For a service manager: front ends can connect. */
    private static void tellManager() {
        String manager = System.getenv(NOTIFY_SOCKET);
        int rc = manager == null || manager.isEmpty() ? 0 : UnixDatagram.send(manager, "READY=1");
        if (rc < 0) {
            System.getLogger(VhostUserBlkCommand.class.getName()).log(System.Logger.Level.WARNING,
                    NOTIFY_SOCKET + "=" + manager + " was not told: " + Errno.name(-rc));
        }
    }

    /** SIGTERM and SIGINT: what a service manager calls a clean end, if it was one. */
    private void endBeforeProcess() {
        told.countDown();
        try {
            if (ended.await(END_SECONDS, TimeUnit.SECONDS) && clean) {
                Runtime.getRuntime().halt(0);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
