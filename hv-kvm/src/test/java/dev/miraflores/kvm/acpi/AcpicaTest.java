// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;

/**
 * ACPICA, whose interpreter Linux has, reads the tables: its compiler makes the same bytes again from what it
 * disassembled, without an error, a warning or a remark.
 */
@ExtendWith(AcpicaTest.WhereInstalled.class)
class AcpicaTest {
    /** Bytes in the header that the compiler signs with its own name and version, and the sum over them. */
    private static final int CHECKSUM_OFFSET = 9;
    private static final int CREATOR_OFFSET = 28;
    private static final int CREATOR_END = 36;

    @TempDir
    Path directory;

    @Test
    void shouldBeReadAndWrittenBackByAcpica() throws Exception {
        AcpiConfig config = AcpiConfig.builder(3)
                .apicIds(List.of(0, 1, 300))
                .pciHost(AcpiConfig.PciHost.withWindows(List.of(new AcpiConfig.MemoryWindow(16L << 30, 256L << 30))))
                .pciHotplug(new AcpiConfig.PciHotplug(0x640, 1, 0xFFFF_FFFE))
                .virtioMmio(List.of(new AcpiConfig.VirtioMmio(0xFEB0_0000L, 0x1000, 5, false),
                        new AcpiConfig.VirtioMmio(0xFEB0_1000L, 0x1000, 6, true)))
                .build();

        for (Map.Entry<String, ByteBuffer> table : new TableReader(AcpiTables.build(config)).all().entrySet()) {
            byte[] original = new byte[table.getValue().capacity()];
            table.getValue().get(0, original);
            byte[] again = disassembledAndCompiled(table.getKey(), original);
            assertArrayEquals(unsigned(original), unsigned(again), table.getKey());
        }
    }

    private byte[] disassembledAndCompiled(String name, byte[] table) throws IOException, InterruptedException {
        Path binary = directory.resolve(name + ".aml");
        Files.write(binary, table);
        String disassembly = run("-p", directory.resolve(name).toString(), "-d", binary.toString());
        assertTrue(Files.exists(directory.resolve(name + ".dsl")), disassembly);
        String compilation = run("-oa", "-p", directory.resolve(name + "-again").toString(),
                directory.resolve(name + ".dsl").toString());
        assertTrue(compilation.contains("0 Errors, 0 Warnings, 0 Remarks"), compilation);
        return Files.readAllBytes(directory.resolve(name + "-again.aml"));
    }

    private static byte[] unsigned(byte[] table) {
        byte[] copy = table.clone();
        if (table[0] != 'F' || table[1] != 'A' || table[2] != 'C' || table[3] != 'S') {
            copy[CHECKSUM_OFFSET] = 0;
            Arrays.fill(copy, CREATOR_OFFSET, CREATOR_END, (byte) 0);
        }
        return copy;
    }

    private static String run(String... arguments) throws IOException, InterruptedException {
        String[] command = new String[arguments.length + 1];
        command[0] = "iasl";
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(1, TimeUnit.MINUTES), "iasl does not end");
        assertEquals(0, process.exitValue(), output);
        return output;
    }

    /** Says so where there is no iasl. */
    static final class WhereInstalled implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            for (String directory : System.getenv().getOrDefault("PATH", "").split(":")) {
                if (Files.isExecutable(Path.of(directory, "iasl"))) {
                    return ConditionEvaluationResult.enabled("iasl is installed");
                }
            }
            if (context.getTestMethod().isEmpty()) {
                System.out.println("SKIPPED AcpicaTest: no iasl on the PATH (Debian: acpica-tools)");
            }
            return ConditionEvaluationResult.disabled("no iasl on the PATH");
        }
    }
}
