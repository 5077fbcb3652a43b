// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.HandlerCode;
import dev.miraflores.linux.SyscallNumber;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Machine code and numbers that are written down in Java are what the system's assembler and headers make of their names. */
@ExtendWith(RequiresCompiler.class)
class MachineCodeTest {

    private static final Path EVERY_THREAD = Path.of("src/main/java/dev/miraflores/linux/EveryThread.java");

    /** The listing in the source, assembled anew. */
    @Test
    void shouldBeWhatItsListingSays() throws IOException {
        StringBuilder assembly = new StringBuilder();
        for (String line : Files.readAllLines(EVERY_THREAD)) {
            if (line.matches(" {5}\\* {1,2}( {9}|[a-z]+: +)[a-z].*")) {
                String code = line.substring(line.indexOf('*') + 1).strip().replaceAll("  +[0-9a-f]{2,}( .*)?$", "");
                code = code.replace("+ data]", "+ start + 4096]").replace("RESULTS+4", "68").replace("RESULTS", "64")
                        .replace("TABLE", "8256").replace("MAX_THREADS", "1024").replace("SYS_gettid", "186")
                        .replace("dword [", "dword ptr [");
                assembly.append('"').append(code).append("\\n\"\n");
            }
        }
        List<String> bytes = Compiler.run("""
                #include <stdio.h>
                asm(".intel_syntax noprefix\\nstart:\\n"
                %s
                "end: .att_syntax\\n");
                extern unsigned char start[], end[];
                int main(void) {
                    for (unsigned char *p = start; p < end; p++) printf("%%02x", *p);
                    printf("\\n");
                    return 0;
                }
                """.formatted(assembly));
        assertEquals(HandlerCode.hex(), bytes.getFirst());
    }

    @Test
    void shouldNumberSystemCallsAsTheHeadersDo() throws Exception {
        StringBuilder program = new StringBuilder("#include <stdio.h>\n#include <sys/syscall.h>\nint main(void) {\n");
        List<String> names = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (Field field : SyscallNumber.class.getFields()) {
            String name = field.getName().toLowerCase(Locale.ROOT).replace("sysctl_syscall", "_sysctl").replace("_syscall", "");
            names.add(name);
            expected.add(name + " " + field.getInt(null));
            // Headers older than a call have no number for it, and nothing to compare with.
            program.append("#ifdef __NR_").append(name).append("\nprintf(\"").append(name).append(" %d\\n\", __NR_").append(name)
                    .append(");\n#else\nprintf(\"").append(name).append(" ").append(field.getInt(null)).append("\\n\");\n#endif\n");
        }
        assertTrue(names.size() > 200);
        assertEquals(expected, Compiler.run(program + "return 0; }\n"));
    }
}
