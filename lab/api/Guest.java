// SPDX-License-Identifier: Apache-2.0
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.CharInput;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.VirtualMachine;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A stock guest that a program of the lab does something with through the library: its console is on standard output,
 * and can be waited for. What a program finds wrong it throws, and ends with status 1.
 *
 * <pre>
 *   try (Guest guest = Guest.boot(arguments, "disk.img")) {
 *       guest.await("^ready");
 *       guest.machine().addDrive(…);
 *       guest.awaitEnd();
 *   } </pre>
 */
final class Guest implements CharBackend {

    private static final Duration BOOT_AND_JOB = Duration.ofSeconds(200);
    private static final long MEMORY_BYTES = 512L << 20;

    private final StringBuilder said = new StringBuilder();
    private VirtualMachine machine;
    private int seen;

    private Guest() {
    }

    /**
     * Starts one.
     *
     * @param arguments the program's: kernel, initrd and command line, as {@code api} in l1/prelude.sh gives them
     * @param disk      what its root is on
     * @param more      further disks, in the words of {@code --drive}
     */
    static Guest boot(String[] arguments, String disk, String... more) {
        Guest guest = new Guest();
        MachineConfig.Builder machine = MachineConfig.builder()
                .kernel(Path.of(arguments[0])).initrd(arguments[1]).append(arguments[2])
                .memoryBytes(MEMORY_BYTES).vcpus(2)
                .drive(DriveConfig.parse("file=" + disk + ",id=root,cache=none"))
                .console(guest);
        for (String drive : more) {
            machine.drive(DriveConfig.parse(drive));
        }
        guest.machine = VirtualMachine.create(machine.build());
        guest.machine.start();
        return guest;
    }

    VirtualMachine machine() {
        return machine;
    }

    /** Waits until the guest has said this after what was waited for before. */
    synchronized void await(String text) throws InterruptedException {
        for (long end = System.nanoTime() + BOOT_AND_JOB.toNanos(); said.indexOf(text, seen) < 0;) {
            check(System.nanoTime() < end, "the guest did not say \"" + text + "\"");
            check(machine.stopCause() == null,
                    "the guest did not say \"" + text + "\" but ended: " + machine.stopCause());
            wait(200);
        }
        seen = said.indexOf(text, seen) + text.length();
    }

    /** Waits until the guest has powered itself off. */
    void awaitEnd() throws InterruptedException {
        StopCause cause = machine.await(BOOT_AND_JOB);
        check(cause instanceof StopCause.PowerOff, "the guest's end is " + cause);
    }

    /** Says what is done, among the guest's lines. */
    static void tell(String what) {
        System.out.println("api: " + what);
    }

    static void check(boolean good, String otherwise) {
        if (!good) {
            throw new IllegalStateException(otherwise);
        }
    }

    @Override
    public void connect(CharInput toGuest) {
        // Nobody types.
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        String text = new String(bytes, offset, length, StandardCharsets.ISO_8859_1);
        said.append(text);
        System.out.print(text);
        System.out.flush();
        notifyAll();
    }

    /** Ends the guest, if it has not. The machine calls this in its turn, as its console's end. */
    @Override
    public void close() {
        machine.close();
    }
}
