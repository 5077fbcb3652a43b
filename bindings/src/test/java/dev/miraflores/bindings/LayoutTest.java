// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Everything bound is what the C compiler says it is: each constant, each structure's size, each field's offset and size.
 * The C program asks for all that a filter names, by way of what reflection finds in the classes.
 */
@ExtendWith(RequiresCompiler.class)
class LayoutTest {
    private static final Path JEXTRACT = Path.of("jextract");

    /** A question to the compiler, and the answer that the bindings give. */
    private record Question(String what, String expression, long expected) {}

    @ParameterizedTest
    @CsvSource({
        "kvm, kvm", "boot, boot", "virtio, virtio", "io_uring, iouring", "aio, aio", "vhost, vhost", "tun, tun", "libc, libc"
    })
    void shouldAgreeWithTheCompiler(String filter, String packageName) throws Exception {
        List<Question> questions = new ArrayList<>();
        String base = "dev.miraflores.bindings." + packageName + ".";
        Class<?> header = Class.forName(base + filter + "_h");
        for (String line : Files.readAllLines(JEXTRACT.resolve(filter + ".includes"))) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "--include-constant" -> constant(questions, header, words[1]);
                case "--include-struct" -> structure(questions, Class.forName(base + words[1]), "struct " + words[1]);
                case "--include-union" -> structure(questions, Class.forName(base + words[1]), "union " + words[1]);
                case "--include-typedef" -> structure(questions, Class.forName(base + words[1]), words[1]);
                default -> assertTrue(line.isEmpty() || line.startsWith("#"), line);
            }
        }
        assertFalse(questions.isEmpty());

        List<String> answers = Compiler.run(program(JEXTRACT.resolve("headers").resolve(filter + ".h"), questions));

        assertEquals(questions.size(), answers.size());
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            Question question = questions.get(i);
            long answer = Long.parseLong(answers.get(i));
            if (!agrees(question, answer)) {
                wrong.add(question.what() + ": bound as " + question.expected() + ", is " + answer);
            }
        }
        assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong));
        System.out.println(filter + ": " + questions.size() + " sizes, offsets and constants agree with the compiler's");
    }

    /** Of a list that grows from release to release, ours may be the shorter one. */
    private static boolean agrees(Question question, long answer) {
        return question.what().endsWith("_LAST") ? answer >= question.expected() : answer == question.expected();
    }

    private static void constant(List<Question> questions, Class<?> header, String name) throws Exception {
        switch (header.getMethod(name).invoke(null)) {
            // What C has as unsigned is an int of the same bits here.
            case Integer value -> questions.add(new Question(name, "(int) (" + name + ")", value));
            case Long value -> questions.add(new Question(name, name, value));
            case java.lang.foreign.MemorySegment value -> questions.add(new Question(name, name, value.address()));
            default -> throw new AssertionError(name);
        }
    }

    private static void structure(List<Question> questions, Class<?> type, String cType) throws Exception {
        GroupLayout layout = (GroupLayout) type.getMethod("layout").invoke(null);
        questions.add(new Question("sizeof " + cType, "sizeof(" + cType + ")", layout.byteSize()));
        assertEquals(layout.byteSize(), type.getMethod("sizeof").invoke(null), cType);
        fields(questions, type, cType, "", 0);
    }

    /** The fields of a class, and of the classes in it: those of a member whose structure has no name of its own. */
    private static void fields(List<Question> questions, Class<?> type, String cType, String path, long base)
            throws Exception {
        for (Method method : methods(type)) {
            String name = method.getName();
            if (!name.endsWith("$offset")) {
                continue;
            }
            String field = name.substring(0, name.length() - "$offset".length());
            String cField = path + cName(field);
            long offset = base + (long) method.invoke(null);
            questions.add(new Question(
                    cType + "." + cField, "__builtin_offsetof(" + cType + ", " + cField + ")", offset));
            MemoryLayout layout = (MemoryLayout) type.getMethod(field + "$layout").invoke(null);
            if (layout.byteSize() != 0) { // an array without bounds has no size in C
                questions.add(new Question(
                        "sizeof " + cType + "." + cField,
                        "sizeof(((" + cType + " *) 0)->" + cField + ")", layout.byteSize()));
            }
            for (Class<?> member : type.getClasses()) {
                if (member.getSimpleName().equals(field) && member.getDeclaringClass() == type && layout.byteSize() != 0) {
                    boolean array = layout instanceof java.lang.foreign.SequenceLayout;
                    fields(questions, member, cType, cField + (array ? "[0]." : "."), offset);
                }
            }
        }
    }

    private static List<Method> methods(Class<?> type) {
        return List.of(type.getMethods()).stream().sorted(Comparator.comparing(Method::getName)).toList();
    }

    /** jextract puts an underscore behind a name that is a word of Java's. */
    private static String cName(String field) {
        return switch (field) {
            case "class_", "default_", "private_", "public_", "native_", "int_", "long_", "short_", "byte_", "char_",
                    "float_", "double_", "boolean_", "interface_", "new_", "this_" -> field.substring(0, field.length() - 1);
            default -> field;
        };
    }

    private static String program(Path header, List<Question> questions) throws IOException {
        StringBuilder program = new StringBuilder(Files.readString(header));
        program.append("#include <stdio.h>\n");
        // glibc lets a program name these as if they were no members of a union.
        program.append("#undef sa_handler\n#undef sa_sigaction\n");
        program.append("int main(void) {\n");
        for (Question question : questions) {
            program.append("printf(\"%lld\\n\", (long long) (").append(question.expression()).append("));\n");
        }
        return program.append("return 0;\n}\n").toString();
    }
}
