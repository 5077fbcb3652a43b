// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.miraflores.kvm.StopCause;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The built-in guest in tests: its images, a run of it from start to end, and what it leaves on its disk.
 * <p>Its words are listed in {@code launcher/src/main/guest/README.md}.
 */
final class BuiltInGuest {

    /** Longer than any test's guest takes where KVM emulates each instruction and the machine is busy. */
    static final Duration LIMIT = Duration.ofSeconds(90);

    static final int BLOCK_BYTES = 4096;
    private static final int SECTOR_BYTES = 512;

    private static final long MEMORY_BYTES = 32L << 20;

    private BuiltInGuest() {}

    /** How a run ended, and what the guest said. */
    record Run(StopCause cause, String console) {

        /** The guest found all as it should be and powered off. */
        Run assertPassed() {
            assertEquals(new StopCause.PowerOff(), cause, console);
            assertEquals(true, console.contains("\nresult: ok"), console);
            return this;
        }
    }

    /** The 64-bit ELF that {@code hv demo} runs: booted by PVH. */
    static byte[] image() {
        return resource("/dev/miraflores/launcher/guest.elf");
    }

    /** The same without its PVH note: booted as a Linux vmlinux. */
    static byte[] linuxImage() {
        byte[] elf = image();
        ByteBuffer fields = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        int headers = (int) fields.getLong(32);     // e_phoff
        int count = fields.getShort(56);            // e_phnum
        for (int i = 0; i < count; i++) {
            int header = headers + 56 * i;
            if (fields.getInt(header) == 4) {       // PT_NOTE becomes PT_NULL
                fields.putInt(header, 0);
            }
        }
        return elf;
    }

    /** The same as a 32-bit ELF with a Multiboot header. */
    static byte[] multibootImage() {
        return resource("/dev/miraflores/launcher/guest-multiboot.elf");
    }

    private static byte[] resource(String name) {
        try (InputStream in = BuiltInGuest.class.getResourceAsStream(name)) {
            assertNotNull(in, name);
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A machine with this guest, to which a test adds what it is about. */
    static MachineConfig.Builder machine(String words, ScriptedConsole console) {
        return MachineConfig.builder().kernel("guest.elf", image()).append(words).memoryBytes(MEMORY_BYTES)
                .debugExit(true).console(console);
    }

    /** Runs a guest to its end. */
    static Run run(String words, Consumer<MachineConfig.Builder> more) throws InterruptedException {
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig.Builder builder = machine(words, console);
        more.accept(builder);
        StopCause cause;
        try (VirtualMachine vm = VirtualMachine.create(builder.build())) {
            vm.start();
            cause = vm.await(LIMIT);
            assertNotNull(cause, () -> "still running: " + console.text());
        }
        return new Run(cause, console.text());      // the last of the output is out once the machine is closed
    }

    static Run run(String words) throws InterruptedException {
        return run(words, builder -> {});
    }

    /** A new disk of so many blocks, all zero. */
    static Path disk(Path directory, int blocks) throws IOException {
        Path file = Files.createTempFile(directory, "disk", ".img");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), (long) blocks * BLOCK_BYTES - 1);
        }
        return file;
    }

    /** Whether the guest wrote this block, and in which round: every sector of it says so (pattern.h). */
    static void assertWritten(Path disk, int firstBlock, int blocks, int seed, int round) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(blocks * BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(disk)) {
            while (bytes.hasRemaining() && channel.read(bytes, (long) firstBlock * BLOCK_BYTES + bytes.position()) >= 0) {
                // goes on
            }
        }
        for (int at = 0; at < bytes.capacity(); at += SECTOR_BYTES) {
            long sector = ((long) firstBlock * BLOCK_BYTES + at) / SECTOR_BYTES;
            assertEquals(sector, bytes.getLong(at), () -> "sector " + sector);
            assertEquals((long) round << 32 | seed, bytes.getLong(at + 8), () -> "seed and round of sector " + sector);
            assertEquals(false, bytes.getLong(at + 16) == 0 && bytes.getLong(at + SECTOR_BYTES - 8) == 0,
                    () -> "data of sector " + sector);
        }
    }
}
