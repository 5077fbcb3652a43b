// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.devices.vhostuser.backend.VhostUserBlockServer;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.linux.ErrnoException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Disks for the machines of others: each behind a Unix socket of its own, for any vhost-user front end.
 * <pre>
 *   try (VhostUserDrives drives = VhostUserDrives.open(List.of(
 *           new VhostUserDrives.Export("/run/disk.sock", DriveConfig.parse("file=disk.img,cache=none"))))) {
 *       … drives.drive("drive0").resize(…) …
 *   } </pre>
 * <p>Thread: any.
 * <p>Lifetime: front ends are served from {@link #open} to {@link #close}, which answers what is in flight first.
 */
public final class VhostUserDrives implements AutoCloseable {

    /**
     * What a request may have of buffers. The queues' length is the front end's to choose, and a driver takes this number for
     * what fits them: QEMU's have 128 entries, of which two are for header and status.
     */
    private static final int MAX_SEGMENTS = 126;

    /**
     * A disk and its socket.
     *
     * @param socket path of the socket, which is made
     * @param drive  an id is made up where it has none: {@code drive0} and on
     */
    public record Export(String socket, DriveConfig drive) {
    }

    private final List<Drive> drives = new ArrayList<>();
    private final List<VhostUserBlockServer> servers = new ArrayList<>();

    private VhostUserDrives() {
    }

    /** As {@link #open(List, int, List)}, with a queue for each processor of the host, and stages of this program's own. */
    public static VhostUserDrives open(List<Export> exports) {
        return open(exports, usualQueues(), List.of());
    }

    /** A queue for each processor of the host: a front end takes as many of them as it likes. */
    public static int usualQueues() {
        return Math.min(DriveConfig.MAX_QUEUES, Runtime.getRuntime().availableProcessors());
    }

    /**
     * Opens, checks and locks the images, and serves front ends from then on.
     *
     * @param queues    of each drive that does not say how many it has
     * @param stagePath where drives have their stages from, beside this program
     * @throws ConfigException where they do not go together; as do the drives' own failures, the message is one line
     * @throws dev.miraflores.aio.DriveException where an image cannot be a disk
     */
    public static VhostUserDrives open(List<Export> exports, int queues, List<Path> stagePath) {
        if (queues < 1 || queues > DriveConfig.MAX_QUEUES) {
            throw new ConfigException("--num-queues " + queues + "; use 1 to " + DriveConfig.MAX_QUEUES);
        }
        List<Export> named = new ArrayList<>();
        for (Export export : exports) {
            named.add(new Export(export.socket(), named(export.drive(), named.size())));
        }
        named.forEach(export -> check(export, named));
        VhostUserDrives made = new VhostUserDrives();
        try {
            DriveOpener opener = new DriveOpener(stagePath, queues, null);
            for (Export export : named) {
                made.drives.add(opener.open(forOthers(export.drive()), MAX_SEGMENTS));
            }
            // All images are in order before the first socket is there.
            for (int i = 0; i < named.size(); i++) {
                made.servers.add(serve(named.get(i).socket(), made.drives.get(i)));
            }
            return made;
        } catch (RuntimeException | Error e) {
            made.close();
            throw e;
        }
    }

    private static DriveConfig named(DriveConfig drive, int index) {
        return drive.id() == null ? drive.withId("drive" + index) : drive;
    }

    private static void check(Export export, List<Export> all) {
        for (Export other : all) {
            if (other != export && other.drive().id().equals(export.drive().id())) {
                throw new ConfigException("two drives with id=" + export.drive().id() + "; give one another id");
            }
            if (other != export && other.socket().equals(export.socket())) {
                throw new ConfigException("two drives at --socket " + export.socket() + "; a socket has one drive");
            }
        }
        if (export.drive().vhostUser() != null) {
            throw new ConfigException("drive " + export.drive().id() + " vhost-user=" + export.drive().vhostUser()
                    + ": another process serves it already; have front ends connect there, or name an image with file=");
        }
        if (!export.drive().dataplane()) {
            throw new ConfigException("drive " + export.drive().id()
                    + " dataplane=off: there is no machine whose main loop could serve it; leave it out");
        }
        if (export.drive().readErrors() == ErrorPolicy.STOP || export.drive().writeErrors() == ErrorPolicy.STOP) {
            throw new ConfigException("drive " + export.drive().id() + " rerror=stop or werror=stop: a front end's guest"
                    + " cannot be stopped from here; use report or ignore");
        }
    }

    /**
     * Nothing is held that nobody could let go: what fails is reported, with ENOSPC as well. A drive that does not say how long
     * its queues are takes them as long as front ends want them.
     */
    private static DriveConfig forOthers(DriveConfig drive) {
        DriveBuilder changed = drive.toBuilder();
        if (drive.writeErrors() == ErrorPolicy.ENOSPC) {
            changed.writeErrors(ErrorPolicy.REPORT);
        }
        if (drive.queueSize() == DriveConfig.DEFAULT_QUEUE_SIZE) {
            changed.queueSize(BlockDeviceConfig.MAX_QUEUE_SIZE);
        }
        return changed.build();
    }

    private static VhostUserBlockServer serve(String socket, Drive drive) {
        try {
            return VhostUserBlockServer.start(drive.localDevice(), socket);
        } catch (ErrnoException e) {
            throw new ConfigException("--socket " + socket + ": " + e.getMessage() + "; choose another path, or end who listens"
                    + " there", e);
        } catch (IllegalArgumentException e) {
            throw new ConfigException("--socket " + socket + ": " + e.getMessage() + "; choose another", e);
        }
    }

    /** The disks, in the order of what was exported. */
    public List<Drive> drives() {
        return List.copyOf(drives);
    }

    /** The disk with that id, or null. */
    public Drive drive(String id) {
        for (Drive drive : drives) {
            if (drive.id().equals(id)) {
                return drive;
            }
        }
        return null;
    }

    /** The threads that do I/O for them; as {@link VirtualMachine#ioThreads}. */
    public List<IoThread> ioThreads() {
        List<IoThread> threads = new ArrayList<>();
        for (Drive drive : drives) {
            threads.addAll(drive.localDevice().threads());
        }
        return threads;
    }

    /**
     * Answers what is in flight, lets the front ends go, removes the sockets, closes the disks.
     *
     * @throws MemoryInUseException where the host does not finish what is in flight
     */
    @Override
    public void close() {
        RuntimeException first = null;
        List<AutoCloseable> all = new ArrayList<>(servers);
        drives.forEach(drive -> all.add(drive.device()));
        for (AutoCloseable each : all) {
            try {
                each.close();
            } catch (RuntimeException e) {
                first = first == null ? e : first;
            } catch (Exception e) {
                throw new AssertionError("nothing checked is thrown", e);
            }
        }
        servers.clear();
        if (first != null) {
            throw first;
        }
    }
}
