// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
public final class BuiltInGuest {

    /** Longer than any test's guest takes where KVM emulates each instruction and the machine is busy. */
    static final Duration LIMIT = Duration.ofSeconds(90);

    static final int BLOCK_BYTES = BlockPattern.BLOCK_BYTES;

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
    public static byte[] image() {
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

    static byte[] resource(String name) {
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
    public static Path disk(Path directory, int blocks) throws IOException {
        Path file = Files.createTempFile(directory, "disk", ".img");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), (long) blocks * BLOCK_BYTES - 1);
        }
        return file;
    }

    /** The guest wrote these blocks in this round, each byte of them as it should be. */
    static void assertWritten(Path disk, int firstBlock, int blocks, int seed, int round) throws IOException {
        BlockPattern pattern = new BlockPattern(seed);
        try (FileChannel channel = FileChannel.open(disk)) {
            for (int block = firstBlock; block < firstBlock + blocks; block++) {
                assertArrayEquals(pattern.block(block, round), read(channel, block), "block " + block);
            }
        }
    }

    /** No one wrote from this block on. */
    static void assertUntouched(Path disk, int firstBlock) throws IOException {
        try (FileChannel channel = FileChannel.open(disk)) {
            for (int block = firstBlock; block < channel.size() / BLOCK_BYTES; block++) {
                assertArrayEquals(new byte[BLOCK_BYTES], read(channel, block), "block " + block);
            }
        }
    }

    /** The round that the disk's first block is of: how often the guest has been over it, and once more. */
    static int round(Path disk) throws IOException {
        try (FileChannel channel = FileChannel.open(disk)) {
            return BlockPattern.round(read(channel, 0));
        }
    }

    private static byte[] read(FileChannel channel, int block) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(BLOCK_BYTES);
        while (bytes.hasRemaining() && channel.read(bytes, (long) block * BLOCK_BYTES + bytes.position()) >= 0) {
            // goes on
        }
        return bytes.array();
    }
}
