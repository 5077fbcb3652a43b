// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.ValueLayout;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/**
 * Replaces what jextract's classes compute when they are initialised by the values themselves.
 *
 * <p>jextract finds each field's offset and layout by a path through the structure's layout, and an array element by a
 * VarHandle, all in static initialisers: a millisecond for a small structure, twenty for {@code kvm_sregs}, before the
 * first guest instruction. This program compiles jextract's output, asks the classes what they computed, and writes them
 * again with literals, so that they have nothing to initialise. The classes and methods keep their names. Besides:
 *
 * <ul>
 *   <li>constants become public fields too, fit for a {@code case};
 *   <li>an element's index is checked against the array's dimension;
 *   <li>{@code reinterpret} goes, and a pointer read from memory has size 0: these classes are open to modules that may
 *       not make memory out of an address;
 *   <li>functions keep their descriptor alone: calls must keep errno, and go through one shape (see Libc);
 *   <li>function pointers lose their upcall stubs, and all but getters their comment.
 * </ul>
 *
 * <p>Usage: {@code java Literals.java RAW OUT}, both roots of a source tree.
 */
public final class Literals {
    private static final Pattern CLASS = Pattern.compile("public (?:final )?(?:static )?class (\\S+)(?: extends \\S+)? \\{");
    private static final Pattern INTERFACE = Pattern.compile("public interface (\\S+) \\{");
    private static final String LAYOUT_FIELD = "private static final GroupLayout $LAYOUT = ";
    private static final Pattern FIELD_LAYOUT = Pattern.compile(
            "private static final (\\w+) (\\S+)\\$LAYOUT = \\(\\w+\\)\\$LAYOUT(\\.select\\(.*\\));");
    private static final Pattern FIELD_OFFSET = Pattern.compile("private static final long (\\S+)\\$OFFSET = .*;");
    private static final Pattern FIELD_DIMENSIONS = Pattern.compile("private static long\\[] (\\S+)\\$DIMS = \\{ (.*) };");
    private static final Pattern ELEMENT_HANDLE = Pattern.compile("private static final \\w+ (\\S+)\\$ELEM_HANDLE = .*;");
    private static final Pattern METHOD = Pattern.compile("public static (?:final )?(\\S+) (\\S+)\\((.*)\\) \\{.*");
    private static final Pattern CONSTANT = Pattern.compile("private static final (\\w+) (\\w+) = (.*);");
    private static final Pattern CAST = Pattern.compile("\\((?:int|long)\\)(-?\\d+L)");

    private final ClassLoader computed;

    private Literals(ClassLoader computed) {
        this.computed = computed;
    }

    public static void main(String[] args) throws Exception {
        Path raw = Path.of(args[0]);
        Path out = Path.of(args[1]);
        List<Path> sources;
        try (Stream<Path> files = Files.walk(raw)) {
            sources = files.filter(f -> f.toString().endsWith(".java")).sorted().toList();
        }
        Path classes = Files.createTempDirectory("literals");
        List<String> options = new ArrayList<>(List.of("-nowarn", "-proc:none", "-d", classes.toString()));
        sources.forEach(s -> options.add(s.toString()));
        if (ToolProvider.getSystemJavaCompiler().run(null, null, null, options.toArray(String[]::new)) != 0) {
            throw new IllegalStateException("jextract's output does not compile: a filter lacks something");
        }
        try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
            Literals literals = new Literals(loader);
            for (Path source : sources) {
                Path target = out.resolve(raw.relativize(source).toString());
                Files.createDirectories(target.getParent());
                Files.writeString(target, literals.rewrite(Files.readString(source)));
            }
        } finally {
            delete(classes);
        }
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> files = Files.walk(tree)) {
            files.sorted((a, b) -> b.compareTo(a)).forEach(f -> {
                try {
                    Files.delete(f);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }

    // ---- the source: a class and its members, by jextract's indentation

    /** A class, or with no members of its own a field, method or constructor. */
    private record Member(List<String> doc, List<String> code, String className, List<Member> members) {
        String head() {
            return code.getFirst().strip();
        }
    }

    private static final class Reader {
        private final List<String> lines;
        private int next;

        Reader(List<String> lines, int next) {
            this.lines = lines;
            this.next = next;
        }

        Member member() {
            List<String> doc = new ArrayList<>();
            String line = lines.get(next);
            if (line.strip().equals("/**")) {
                do {
                    doc.add(lines.get(next));
                } while (!lines.get(next++).strip().equals("*/"));
                line = lines.get(next);
            }
            String indent = line.substring(0, line.length() - line.stripLeading().length());
            Matcher classHead = CLASS.matcher(line.strip());
            List<String> code = new ArrayList<>(List.of(line));
            next++;
            if (classHead.matches() || INTERFACE.matcher(line.strip()).matches()) {
                List<Member> members = new ArrayList<>();
                while (!lines.get(next).equals(indent + "}")) {
                    if (lines.get(next).isBlank()) {
                        next++;
                    } else {
                        members.add(member());
                    }
                }
                next++;
                String name = classHead.matches() ? classHead.group(1) : "interface";
                return new Member(doc, code, name, members);
            }
            boolean block = line.endsWith("{");
            while (!ends(code.getLast(), indent, block)) {
                code.add(lines.get(next++));
            }
            return new Member(doc, code, null, List.of());
        }

        private static boolean ends(String line, String indent, boolean block) {
            return block ? line.equals(indent + "}") : line.endsWith(";") || line.endsWith("}");
        }
    }

    private String rewrite(String source) throws ReflectiveOperationException {
        List<String> lines = source.lines().toList();
        int first = 0;
        while (!lines.get(first).startsWith("/**") && !lines.get(first).startsWith("public ")) {
            first++;
        }
        String packageLine = lines.stream().filter(l -> l.startsWith("package ")).findFirst().orElseThrow();
        Member root = new Reader(lines, first).member();

        StringBuilder out = new StringBuilder();
        out.append("// SPDX-License-Identifier: Apache-2.0\n");
        out.append("// Generated by jextract and Literals.java: see bindings/jextract/generate.sh. Not to be edited.\n\n");
        out.append(packageLine).append("\n\n");
        out.append("import java.lang.foreign.*;\nimport java.util.*;\n");
        out.append("\nimport static java.lang.foreign.ValueLayout.*;\n");
        out.append("import static java.lang.foreign.MemoryLayout.PathElement.*;\n\n");
        String name = packageLine.substring("package ".length(), packageLine.length() - 1) + "." + root.className();
        write(out, root, name);
        return out.toString();
    }

    private void write(StringBuilder out, Member type, String binaryName) throws ReflectiveOperationException {
        type.doc().forEach(l -> out.append(l).append('\n'));
        type.code().forEach(l -> out.append(l).append('\n'));
        String indent = type.code().getLast().replaceFirst("\\S.*", "");
        String body = binaryName.endsWith("$shared")
                ? sharedBody(type)
                : type.members().stream().anyMatch(m -> m.head().startsWith(LAYOUT_FIELD))
                        ? new Struct(type, binaryName, indent + "    ").body()
                        : headerBody(type);
        out.append(body).append(indent).append("}\n");
    }

    // ---- the header's class: constants, and functions where the filter has some

    private static String headerBody(Member type) {
        StringBuilder out = new StringBuilder();
        Map<String, String> pointers = new HashMap<>();
        Map<String, List<String>> descriptors = new HashMap<>();
        for (Member m : type.members()) {
            Matcher constant = CONSTANT.matcher(m.head());
            Matcher method = METHOD.matcher(m.head());
            List<String> descriptor = descriptor(m);
            if (!descriptor.isEmpty()) {
                String function = m.head().replaceFirst(".* class (\\S+) \\{", "$1");
                descriptors.put(function, descriptor);
                if (!m.doc().isEmpty()) { // of a variadic function; others have a member of that name
                    descriptorMethod(out, m.doc(), function, descriptor);
                }
            } else if (constant.matches()) {
                constant(out, pointers, constant.group(1), constant.group(2), constant.group(3));
            } else if (method.matches() && method.group(2).endsWith("$descriptor")) {
                String function = method.group(2).substring(0, method.group(2).length() - "$descriptor".length());
                descriptorMethod(out, m.doc(), function, descriptors.get(function));
            } else if (m.code().size() == 3 && m.code().get(1).strip().matches("return \\w+;")) {
                String statement = m.code().get(1).strip();
                out.append(m.code().getFirst()).append(' ');
                out.append(pointers.getOrDefault(statement, statement)).append(" }\n");
            } else if (!method.matches() && !m.head().startsWith("static final ")) {
                out.append('\n');
                m.doc().forEach(l -> out.append(l).append('\n'));
                append(out, m);
            }
        }
        return out.toString();
    }

    private static void constant(
            StringBuilder out, Map<String, String> pointers, String kind, String name, String initialiser) {
        String value = CAST.matcher(initialiser).replaceAll("$1");
        if (kind.equals("MemorySegment")) {
            pointers.put("return " + name + ";", "return " + value + ";");
            return;
        }
        if (kind.equals("int")) {
            value = Integer.toString((int) Long.parseLong(value.substring(0, value.length() - 1)));
        }
        out.append("\n    public static final ").append(kind).append(' ').append(name);
        out.append(" = ").append(value).append(";\n");
    }

    /** The lines of a function's descriptor, from its holder; none for anything else. */
    private static List<String> descriptor(Member m) {
        List<String> lines = new ArrayList<>();
        Stream.concat(m.code().stream(), m.members().stream().flatMap(i -> i.code().stream()))
                .dropWhile(l -> !l.contains("FunctionDescriptor DESC = ") && !l.contains("FunctionDescriptor BASE_DESC = "))
                .takeWhile(l -> lines.isEmpty() || !lines.getLast().endsWith(");"))
                .forEach(l -> lines.add(l.strip().replaceFirst(".*DESC = ", "")));
        return lines;
    }

    private static void descriptorMethod(StringBuilder out, List<String> doc, String function, List<String> descriptor) {
        out.append('\n');
        doc.forEach(l -> out.append(l.replace("Variadic invoker class for:", "Function descriptor for:")).append('\n'));
        out.append("    public static FunctionDescriptor ").append(function).append("$descriptor() {\n");
        for (int i = 0; i < descriptor.size(); i++) {
            boolean inner = i > 0 && i < descriptor.size() - 1;
            out.append(i == 0 ? "        return " : inner ? "            " : "        ").append(descriptor.get(i)).append('\n');
        }
        out.append("    }\n");
    }

    private static void append(StringBuilder out, Member m) {
        m.code().forEach(l -> out.append(l).append('\n'));
        for (Member inner : m.members()) {
            append(out, inner);
        }
        if (m.className() != null) {
            out.append(m.code().getFirst().replaceFirst("\\S.*", "")).append("}\n");
        }
    }

    /** The primitive types are what the ABI says; asking the linker for them would start it. */
    private static String sharedBody(Member type) {
        StringBuilder out = new StringBuilder();
        for (Member m : type.members()) {
            Matcher primitive = Pattern.compile("public static final (\\S+) (C_\\w+) = ?.*").matcher(m.head());
            if (primitive.matches()) {
                String layout = switch (primitive.group(1)) {
                    case "ValueLayout.OfBoolean" -> "JAVA_BOOLEAN";
                    case "ValueLayout.OfByte" -> "JAVA_BYTE";
                    case "ValueLayout.OfShort" -> "JAVA_SHORT";
                    case "ValueLayout.OfInt" -> "JAVA_INT";
                    case "ValueLayout.OfLong" -> "JAVA_LONG";
                    case "ValueLayout.OfFloat" -> "JAVA_FLOAT";
                    case "ValueLayout.OfDouble" -> "JAVA_DOUBLE";
                    case "AddressLayout" -> "ADDRESS";
                    default -> throw new IllegalStateException(m.head());
                };
                out.append("    public static final ").append(primitive.group(1)).append(' ');
                out.append(primitive.group(2)).append(" = ").append(layout).append(";\n");
            } else if (m.head().startsWith("static MemoryLayout align")) {
                out.append('\n');
                append(out, m);
            }
        }
        return out.toString();
    }

    // ---- a structure or union

    private final class Struct {
        private final Member type;
        private final String indent;
        private final String binaryName;
        private final Class<?> computedClass;
        private final GroupLayout layout;
        /** Field to the layout's expression, or to its path where it is a structure or an array. */
        private final Map<String, String> values = new HashMap<>();
        private final Map<String, String> paths = new HashMap<>();
        private final Map<String, String> dimensions = new HashMap<>();
        private final Map<String, Long> sizes = new HashMap<>();
        private final StringBuilder out = new StringBuilder();

        Struct(Member type, String binaryName, String indent) throws ReflectiveOperationException {
            this.type = type;
            this.binaryName = binaryName;
            this.indent = indent;
            computedClass = Class.forName(binaryName, true, computed);
            layout = (GroupLayout) computedClass.getMethod("layout").invoke(null);
        }

        String body() throws ReflectiveOperationException {
            List<String> initialiser = null;
            for (Member m : type.members()) {
                if (m.className() != null) {
                    if (m.members().stream().noneMatch(i -> "interface".equals(i.className()))) {
                        out.append('\n');
                        write(out, m, binaryName + "$" + m.className());
                    }
                } else if (m.head().startsWith(LAYOUT_FIELD)) {
                    initialiser = m.code();
                } else if (m.head().equals("public static final GroupLayout layout() {")) {
                    member(m.doc(), layoutMethod(initialiser));
                } else {
                    other(m);
                }
            }
            return out.toString();
        }

        private List<String> layoutMethod(List<String> initialiser) {
            List<String> code = new ArrayList<>(List.of(indent + "public static final GroupLayout layout() {"));
            String head = initialiser.getFirst().strip().substring(LAYOUT_FIELD.length());
            code.add(indent + "    return " + head);
            initialiser.subList(1, initialiser.size()).forEach(l -> code.add("    " + l));
            code.add(indent + "}");
            return code;
        }

        private void other(Member m) throws ReflectiveOperationException {
            Matcher field = FIELD_LAYOUT.matcher(m.head());
            Matcher offset = FIELD_OFFSET.matcher(m.head());
            Matcher dims = FIELD_DIMENSIONS.matcher(m.head());
            if (field.matches()) {
                fieldLayout(field.group(1), field.group(2), field.group(3));
            } else if (offset.matches()) {
                long value = (long) computedClass.getMethod(offset.group(1) + "$offset").invoke(null);
                line("private static final long " + offset.group(1) + "$OFFSET = " + value + "L;");
            } else if (dims.matches()) {
                dimensions.put(dims.group(1), dims.group(2));
            } else if (!ELEMENT_HANDLE.matcher(m.head()).matches()) {
                method(m);
            }
        }

        private void fieldLayout(String kind, String field, String path) throws ReflectiveOperationException {
            MemoryLayout fieldLayout = (MemoryLayout) computedClass.getMethod(field + "$layout").invoke(null);
            sizes.put(field, fieldLayout.byteSize());
            if (fieldLayout instanceof ValueLayout value) {
                values.put(field, expression(value));
            } else {
                paths.put(field, "(" + kind + ")layout()" + path);
            }
        }

        private void method(Member m) throws ReflectiveOperationException {
            Matcher head = METHOD.matcher(m.head());
            if (!head.matches()) { // the constructor
                member(m.doc(), m.code());
                return;
            }
            String name = head.group(2);
            String parameters = head.group(3);
            if (name.endsWith("$layout")) {
                String field = name.substring(0, name.length() - "$layout".length());
                one(null, m, "return " + values.getOrDefault(field, paths.get(field)) + ";");
            } else if (name.endsWith("$offset")) {
                member(null, m.code());
            } else if (name.endsWith("$dimensions")) {
                String field = name.substring(0, name.length() - "$dimensions".length());
                one(null, m, "return new long[] { " + dimensions.get(field) + " };");
            } else if (parameters.contains("long index0")) {
                element(m, name, parameters);
            } else if (name.equals("sizeof")) {
                out.append('\n');
                m.doc().forEach(l -> out.append(l).append('\n'));
                out.append(indent).append("public static long sizeof() { return ").append(layout.byteSize()).append("L; }\n");
            } else if (name.equals("asSlice") && parameters.equals("MemorySegment array, long index")) {
                one(m.doc(), m, "return array.asSlice(" + layout.byteSize() + "L * index);");
            } else if (name.equals("allocate") && parameters.equals("SegmentAllocator allocator")) {
                one(m.doc(), m, "return allocator.allocate(" + layout.byteSize() + "L, " + layout.byteAlignment() + "L);");
            } else if (name.equals("allocateArray")) {
                one(m.doc(), m, "return allocator.allocate("
                        + layout.byteSize() + "L * elementCount, " + layout.byteAlignment() + "L);");
            } else if (!name.equals("reinterpret")) {
                accessor(m, name, parameters);
            }
        }

        private void accessor(Member m, String field, String parameters) {
            List<String> code = new ArrayList<>();
            for (String l : m.code()) {
                String size = sizes.get(field) + "L";
                code.add(l.replace(field + "$LAYOUT.byteSize()", size).replace(field + "$LAYOUT", "" + values.get(field)));
            }
            member(parameters.contains("fieldValue") ? null : m.doc(), code);
        }

        /** An array's element: its offset by arithmetic, its index checked. */
        private void element(Member m, String field, String parameters) throws ReflectiveOperationException {
            SequenceLayout array = (SequenceLayout) computedClass.getMethod(field + "$layout").invoke(null);
            MemoryLayout elementLayout = array;
            List<Long> counts = new ArrayList<>();
            while (elementLayout instanceof SequenceLayout sequence && counts.size() < indices(parameters)) {
                counts.add(sequence.elementCount());
                elementLayout = sequence.elementLayout();
            }
            StringBuilder at = new StringBuilder(field + "$OFFSET");
            for (int i = 0; i < counts.size(); i++) {
                long stride = elementLayout.byteSize();
                for (long inner : counts.subList(i + 1, counts.size())) {
                    stride *= inner;
                }
                // [0] is how some headers spell a flexible array; the segment itself bounds it.
                String bound = counts.get(i) == 0 ? "Long.MAX_VALUE" : counts.get(i) + "L";
                at.append(" + Objects.checkIndex(index").append(i).append(", ").append(bound).append(")");
                at.append(stride == 1 ? "" : " * " + stride + "L");
            }
            String holder = parameters.substring("MemorySegment ".length(), parameters.indexOf(','));
            boolean setter = parameters.contains("fieldValue");
            long bytes = elementLayout.byteSize();
            if (elementLayout instanceof ValueLayout value) {
                one(setter ? null : m.doc(), m, setter
                        ? holder + ".set(" + expression(value) + ", " + at + ", fieldValue);"
                        : "return " + holder + ".get(" + expression(value) + ", " + at + ");");
            } else {
                one(setter ? null : m.doc(), m, setter
                        ? "MemorySegment.copy(fieldValue, 0L, " + holder + ", " + at + ", " + bytes + "L);"
                        : "return " + holder + ".asSlice(" + at + ", " + bytes + "L);");
            }
        }

        private static int indices(String parameters) {
            return parameters.contains("long index1") ? parameters.contains("long index2") ? 3 : 2 : 1;
        }

        private static String expression(ValueLayout value) {
            String name = switch (value) {
                case ValueLayout.OfBoolean _ -> "JAVA_BOOLEAN";
                case ValueLayout.OfByte _ -> "JAVA_BYTE";
                case ValueLayout.OfChar _ -> "JAVA_CHAR";
                case ValueLayout.OfShort _ -> "JAVA_SHORT";
                case ValueLayout.OfInt _ -> "JAVA_INT";
                case ValueLayout.OfLong _ -> "JAVA_LONG";
                case ValueLayout.OfFloat _ -> "JAVA_FLOAT";
                case ValueLayout.OfDouble _ -> "JAVA_DOUBLE";
                case java.lang.foreign.AddressLayout _ -> "ADDRESS";
            };
            if (value.byteAlignment() == value.byteSize()) {
                return name;
            }
            return value.byteAlignment() == 1 ? name + "_UNALIGNED" : name + ".withByteAlignment(" + value.byteAlignment() + ")";
        }

        private void line(String text) {
            out.append('\n').append(indent).append(text).append('\n');
        }

        private void one(List<String> doc, Member m, String statement) {
            member(doc, List.of(m.code().getFirst(), indent + "    " + statement, indent + "}"));
        }

        private void member(List<String> doc, List<String> code) {
            out.append('\n');
            if (doc != null) {
                doc.forEach(l -> out.append(l).append('\n'));
            }
            code.forEach(l -> out.append(l).append('\n'));
        }
    }
}
