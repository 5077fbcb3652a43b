// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * QEMU with a vhost-user-blk-pci and nobody in its processor: ports, device registers and memory are read and written from here,
 * in QEMU's qtest protocol, a line each way.
 */
final class QtestMachine implements AutoCloseable {

    private static final int SLOT = 4;
    private static final int RESET_VECTOR = 0xFFF0;
    private static final int CONFIG_ADDRESS = 0xCF8;
    private static final int CONFIG_DATA = 0xCFC;
    private static final long BAR = 0xE000_0000L;
    private static final int VENDOR_CAPABILITY = 9;

    private final Process process;
    private final SocketChannel channel;
    private final BufferedReader replies;
    private final long[] structures = new long[6];
    private int notifyMultiplier;

    private QtestMachine(Process process, SocketChannel channel) {
        this.process = process;
        this.channel = channel;
        this.replies = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.US_ASCII));
    }

    static QtestMachine start(Path directory, String disk, int queues) throws IOException {
        Path control = directory.resolve("q");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(control));
            Process process = new ProcessBuilder(List.of("qemu-system-x86_64", "-accel", "tcg", "-machine", "q35,memory-backend=ram",
                "-bios", Files.write(directory.resolve("halt"), halt()).toString(), "-m", "64M", "-nodefaults", "-no-user-config", "-display", "none",
                "-object", "memory-backend-memfd,id=ram,size=64M,share=on", "-chardev", "socket,id=c,path=" + disk,
                "-device", "vhost-user-blk-pci,chardev=c,addr=" + SLOT + ",num-queues=" + queues,
                "-qtest", "unix:" + control, "-qtest-log", "/dev/null"))
                .redirectErrorStream(true).redirectOutput(directory.resolve("qemu.log").toFile()).start();
            QtestMachine machine = new QtestMachine(process, accept(server, process, directory.resolve("qemu.log")));
            machine.findStructures();
            return machine;
        }
    }

    /**
     * Firmware that halts at once. A machine that is stopped (-S) would do for the registers, but such a one does not start its
     * vhost devices.
     */
    private static byte[] halt() {
        byte[] firmware = new byte[1 << 16];
        System.arraycopy(HexFormat.of().parseHex("faf4ebfd"), 0, firmware, RESET_VECTOR, 4); // cli; hlt; jmp to the hlt
        return firmware;
    }

    private static SocketChannel accept(ServerSocketChannel server, Process process, Path log) throws IOException {
        server.configureBlocking(false);
        SocketChannel accepted = server.accept();
        while (accepted == null && process.isAlive()) {
            Thread.onSpinWait();
            accepted = server.accept();
        }
        if (accepted == null) {
            throw new AssertionError("QEMU ended with " + process.exitValue() + ": " + Files.readString(log));
        }
        accepted.configureBlocking(true);
        return accepted;
    }

    private String command(String text) {
        try {
            channel.write(ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.US_ASCII)));
            String reply = replies.readLine();
            if (reply == null || !reply.startsWith("OK")) {
                throw new AssertionError(text + ": " + reply);
            }
            return reply.length() > 3 ? reply.substring(3) : "";
        } catch (IOException e) {
            throw new AssertionError(text, e);
        }
    }

    long read(int byteSize, long address) {
        return Long.parseUnsignedLong(command("read" + suffix(byteSize) + " 0x" + Long.toHexString(address)).substring(2), 16);
    }

    void write(int byteSize, long address, long value) {
        command("write" + suffix(byteSize) + " 0x" + Long.toHexString(address) + " 0x" + Long.toHexString(value));
    }

    private static char suffix(int byteSize) {
        return switch (byteSize) {
            case 1 -> 'b';
            case 2 -> 'w';
            case 4 -> 'l';
            default -> 'q';
        };
    }

    byte[] bytes(long address, int count) {
        return HexFormat.of().parseHex(command("read 0x" + Long.toHexString(address) + " 0x" + Integer.toHexString(count)).substring(2));
    }

    void put(long address, byte[] bytes) {
        command("write 0x" + Long.toHexString(address) + " 0x" + Integer.toHexString(bytes.length) + " 0x" + HexFormat.of().formatHex(bytes));
    }

    private int config(int offset) {
        command("outl 0x" + Integer.toHexString(CONFIG_ADDRESS) + " 0x" + Integer.toHexString(1 << 31 | SLOT << 11 | offset & ~3));
        return Integer.parseUnsignedInt(command("inl 0x" + Integer.toHexString(CONFIG_DATA)).substring(2), 16);
    }

    private void setConfig(int offset, int value) {
        command("outl 0x" + Integer.toHexString(CONFIG_ADDRESS) + " 0x" + Integer.toHexString(1 << 31 | SLOT << 11 | offset));
        command("outl 0x" + Integer.toHexString(CONFIG_DATA) + " 0x" + Integer.toHexString(value));
    }

    private int configByte(int offset) {
        return config(offset) >>> 8 * (offset & 3) & 0xFF;
    }

    /** virtio 1.3 §4.1.4: where common configuration, notification and so on are; their BAR is given an address. */
    private void findStructures() {
        setConfig(0x20, (int) BAR);
        setConfig(0x24, 0);
        setConfig(0x04, 0x6);
        for (int at = configByte(0x34); at != 0; at = configByte(at + 1)) {
            if (configByte(at) == VENDOR_CAPABILITY && configByte(at + 3) < structures.length && configByte(at + 4) == 4) {
                structures[configByte(at + 3)] = BAR + (config(at + 8) & 0xFFFF_FFFFL);
                notifyMultiplier = configByte(at + 3) == 2 ? config(at + 16) : notifyMultiplier;
            }
        }
    }

    long common(int byteSize, int offset) {
        return read(byteSize, structures[1] + offset);
    }

    void setCommon(int byteSize, int offset, long value) {
        write(byteSize, structures[1] + offset, value);
    }

    long deviceConfig(int byteSize, int offset) {
        return read(byteSize, structures[4] + offset);
    }

    void setDeviceConfig(int byteSize, int offset, long value) {
        write(byteSize, structures[4] + offset, value);
    }

    void notifyQueue(int index) {
        setCommon(2, 0x16, index);
        write(2, structures[2] + common(2, 0x1E) * notifyMultiplier, index);
    }

    @Override
    public void close() throws IOException {
        process.destroy();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        channel.close();
    }
}
