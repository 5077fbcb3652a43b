// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.user;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.stream.PeerSource;
import dev.miraflores.devices.net.stream.SinglePeer;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Memfd;
import dev.miraflores.linux.Spawn;
import dev.miraflores.linux.UnixSocket;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A passt of our own, that speaks QEMU's stream protocol over one end of a pair of sockets. It is given the other end, and nothing
 * else; it goes to the background when all is set up (so that what it says before is all that can be wrong with it), and ends by
 * itself when our end is closed, however that comes about. One that has died is not started anew, since nobody may start programs by then.
 * <p>Why another process: it reads what the guest sends, frame by frame and header by header, as another user without capabilities,
 * in namespaces and under a filter of its own.
 * <p>Thread: as {@link PeerSource} says.
 * <p>Source: passt(1): --fd.
 */
public final class Passt extends SinglePeer {

    /** The program. */
    public static final String NAME = "passt";

    private static final int MOST_OUTPUT_BYTES = 16 << 10;
    /** What goes for a program that cannot be executed, as in shells. */
    private static final int NOT_EXECUTABLE = 127;

    private Passt(String description, int socket) {
        super(description, socket);
    }

    /**
     * Starts one, and waits until it is set up.
     *
     * @param nic what the NIC is called, for messages
     * @throws NetException where it is not installed, or refuses; the message is one line
     */
    public static Passt start(String nic, UserNetwork network) {
        String program = find();
        if (program == null) {
            throw new NetException(nic + ": no program passt in PATH, which does the networking; install the package passt, or use"
                    + " --nic tap");
        }
        try {
            return start(nic, network, program);
        } catch (ErrnoException e) {
            throw new NetException(nic + ": " + e.getMessage() + "; check " + program);
        }
    }

    private static Passt start(String nic, UserNetwork network, String program) {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket ours = pair[0]; UnixSocket its = pair[1]; Fd output = Memfd.create("passt", 0);
                Fd nothing = Fd.open("/dev/null", Fd.O_RDONLY)) {
            List<String> words = new ArrayList<>();
            words.addAll(List.of(program, "--fd", Integer.toString(its.number()), "--quiet"));
            words.addAll(network.arguments());
            int code = Spawn.await(Spawn.start(words, nothing.number(), output.number(), its.number()));
            if (code != 0) {
                throw new NetException(nic + ": " + why(program, code, output));
            }
            int number = ours.release().release();
            FileIo.setStatusFlags(number, FileIo.statusFlags(number) | Fd.O_NONBLOCK);
            return new Passt(describe(network), number);
        }
    }

    /** Where the program is, or {@code null}. */
    public static String find() {
        String path = System.getenv("PATH");
        for (String directory : (path == null ? "/usr/local/bin:/usr/bin:/bin" : path).split(":")) {
            File file = new File(directory.isEmpty() ? "." : directory, NAME);
            if (file.isFile() && file.canExecute()) {
                return file.getPath();
            }
        }
        return null;
    }

    private static String describe(UserNetwork network) {
        StringBuilder text = new StringBuilder("user");
        for (PortForward forward : network.forwards()) {
            text.append(",hostfwd=").append(forward);
        }
        return text.toString();
    }

    private static String why(String program, int code, Fd output) {
        if (code < 0) {
            return "waitpid(" + program + "): " + Errno.name(-code) + " (" + -code + "); try again";
        }
        String line = lastLine(read(output));
        if (code == NOT_EXECUTABLE && line.isEmpty()) {
            return program + " cannot be executed; install the package passt anew";
        }
        if (code > Spawn.SIGNALLED) {
            return program + " was ended by signal " + (code - Spawn.SIGNALLED) + (line.isEmpty() ? "" : ": " + line)
                    + "; try it by hand";
        }
        return program + " refuses: " + (line.isEmpty() ? "exit code " + code : line) + (line.contains("namespace")
                ? "; let users make user namespaces on this host (none may in a chroot), or use --nic tap"
                : "; check hostfwd= and the host's network");
    }

    private static String read(Fd output) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(MOST_OUTPUT_BYTES);
            long count = Math.max(0, FileIo.pread(output.number(), bytes, 0));
            return new String(bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        }
    }

    /** The reason stands last. That there is no system log to tell it to is none. */
    static String lastLine(String text) {
        String last = "";
        for (String line : text.split("\n")) {
            String printable = line.replaceAll("\\p{Cntrl}", " ").strip();
            if (!printable.isEmpty() && !printable.startsWith("Failed to send ")) {
                last = printable;
            }
        }
        return last;
    }
}
