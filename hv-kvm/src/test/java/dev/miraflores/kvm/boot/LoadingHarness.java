// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A guest's memory, and loading into it from arrays. */
final class LoadingHarness implements AutoCloseable {
    static final long RSDP_GPA = 0xE_0000;

    final GuestMemory memory;
    LoadedKernel loaded;

    LoadingHarness(long memoryBytes) {
        memory = GuestMemory.anonymous(memoryBytes);
    }

    LoadedKernel load(byte[] kernel, String commandLine, byte[]... modules) {
        return load(null, kernel, commandLine, modules);
    }

    LoadedKernel load(KernelKind kind, byte[] kernel, String commandLine, byte[]... modules) {
        List<BootModule> list = new ArrayList<>();
        for (int i = 0; i < modules.length; i++) {
            BootFile file = BootFile.of("initrd", "i" + i, modules[i]);
            list.add(new BootModule(file, modules.length == 1 ? "" : "i" + i + " arg"));
        }
        BootFile file = BootFile.of("kernel", "k", kernel);
        try (BootRequest request = new BootRequest(file, kind, list, commandLine, RSDP_GPA)) {
            loaded = BootLoader.load(memory, request);
            return loaded;
        }
    }

    byte[] bytes(long gpa, long count) {
        byte[] bytes = new byte[(int) count];
        if (!memory.read(gpa, bytes)) {
            throw new AssertionError("no memory at 0x" + Long.toHexString(gpa));
        }
        return bytes;
    }

    ByteBuffer fields(long gpa, long count) {
        return KernelImages.littleEndian(bytes(gpa, count));
    }

    /** The text up to the next zero byte. */
    String text(long gpa) {
        StringBuilder text = new StringBuilder();
        for (byte b = bytes(gpa, 1)[0]; b != 0; b = bytes(++gpa, 1)[0]) {
            text.append((char) (b & 0xFF));
        }
        return new String(text.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        memory.close();
    }
}
