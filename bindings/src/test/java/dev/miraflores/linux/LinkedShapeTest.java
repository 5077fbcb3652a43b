// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.UnionLayout;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Every function that is called through the one linked shape fits it, by the header's own word: integers and pointers
 * alone, seven at most, and a result as wide as the call takes it for.
 */
class LinkedShapeTest {
    private static final int MOST_ARGUMENTS = 7;
    private static final Pattern SYMBOL = Pattern.compile("MemorySegment (\\w+) = Libc\\.symbol\\(\"(\\w+)\"\\)");
    private static final Pattern CALL = Pattern.compile("Libc\\.(callInt|callLong)\\(\\s*(\\w+),");

    @Test
    void shouldFitWhatTheHeadersDeclare() throws Exception {
        Class<?> functions = Class.forName("dev.miraflores.bindings.libc.libc_functions_h");
        List<String> wrong = new ArrayList<>();
        int calls = 0;
        for (Path source : sources()) {
            String text = Files.readString(source);
            Map<String, String> symbols = new HashMap<>();
            Matcher symbol = SYMBOL.matcher(text);
            while (symbol.find()) {
                symbols.put(symbol.group(1), symbol.group(2));
            }
            Matcher call = CALL.matcher(text);
            while (call.find()) {
                String function = symbols.get(call.group(2));
                assertTrue(function != null, () -> source + ": " + call.group() + " names no symbol of the file");
                FunctionDescriptor declared = (FunctionDescriptor)
                        functions.getMethod(function + "$descriptor").invoke(null);
                calls++;
                if (!fits(declared, call.group(1).equals("callLong"))) {
                    wrong.add(source.getFileName() + ": " + call.group(1) + " of " + function + " " + declared);
                }
            }
        }
        assertEquals(List.of(), wrong);
        assertTrue(calls > 30, calls + " calls");
    }

    private static boolean fits(FunctionDescriptor declared, boolean isLong) {
        boolean result = declared.returnLayout()
                .map(layout -> isLong ? layout.byteSize() == 8 : layout instanceof ValueLayout.OfInt)
                .orElse(!isLong);
        // syscall is declared to return a long, of which the calls made through it use an int.
        boolean isSyscall = declared.argumentLayouts().size() == 1 && declared.returnLayout().isPresent();
        return (result || isSyscall)
                && declared.argumentLayouts().size() <= MOST_ARGUMENTS
                && declared.argumentLayouts().stream().allMatch(LinkedShapeTest::isInteger);
    }

    private static boolean isInteger(MemoryLayout layout) {
        return switch (layout) {
            case ValueLayout.OfInt _, ValueLayout.OfLong _, AddressLayout _ -> true;
            case UnionLayout union -> union.byteSize() == 8; // glibc's socket addresses: a union of pointers
            default -> false;
        };
    }

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/main/java/dev/miraflores/linux"))) {
            return files.filter(file -> !file.endsWith("Libc.java")).toList();
        }
    }
}
