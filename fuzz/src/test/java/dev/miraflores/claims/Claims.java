// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.claims;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Which test claims what, by the tags in the sources of all modules' tests. */
final class Claims {

    private static final Pattern TAG = Pattern.compile("^\\s*@(?:net\\.jqwik\\.api\\.)?Tag\\(\"((?:virtio|class):[^\"]*)\"\\)");
    private static final Pattern METHOD = Pattern.compile("^\\s+(?:\\w+\\s+)*void\\s+(\\w+)\\(");

    /** A test method; {@code file} is relative to the repository. */
    record Test(Path file, String method) implements Comparable<Test> {

        String className() {
            return file.getFileName().toString().replace(".java", "");
        }

        Path module() {
            return file.getName(0);
        }

        @Override
        public int compareTo(Test other) {
            int byClass = className().compareTo(other.className());
            return byClass != 0 ? byClass : method.compareTo(other.method);
        }
    }

    private final Map<String, SortedSet<Test>> byTag = new TreeMap<>();

    private Claims() {
    }

    static Claims in(Path repository) throws IOException {
        Claims claims = new Claims();
        List<Path> sources;
        try (Stream<Path> modules = Files.list(repository)) {
            sources = modules.map(module -> module.resolve("src/test/java")).filter(Files::isDirectory).sorted().toList();
        }
        for (Path root : sources) {
            try (Stream<Path> files = Files.walk(root)) {
                for (Path file : files.filter(each -> each.toString().endsWith(".java")).sorted().toList()) {
                    claims.read(repository.relativize(file), Files.readAllLines(file));
                }
            }
        }
        return claims;
    }

    private void read(Path file, List<String> lines) {
        List<String> waiting = new ArrayList<>();
        for (String line : lines) {
            Matcher tag = TAG.matcher(line);
            while (tag.find()) {
                waiting.add(tag.group(1));
            }
            Matcher method = METHOD.matcher(line);
            if (method.find()) {
                for (String each : waiting) {
                    byTag.computeIfAbsent(each, _ -> new TreeSet<>()).add(new Test(file, method.group(1)));
                }
                waiting.clear();
            }
        }
        if (!waiting.isEmpty()) {
            throw new IllegalArgumentException(file + ": no test method after the tags " + waiting);
        }
    }

    SortedSet<Test> of(String tag) {
        return byTag.getOrDefault(tag, new TreeSet<>());
    }

    SortedSet<Test> all() {
        SortedSet<Test> all = new TreeSet<>();
        byTag.values().forEach(all::addAll);
        return all;
    }

    /** Tags of this kind that name none of {@code known}. */
    SortedSet<String> unknown(String kind, SortedSet<String> known) {
        SortedSet<String> unknown = new TreeSet<>(byTag.keySet());
        unknown.removeIf(tag -> !tag.startsWith(kind) || known.contains(tag));
        return unknown;
    }

    /** The tests as a cell of a table, with a link from docs/ to each class. */
    static String cell(SortedSet<Test> tests) {
        StringBuilder cell = new StringBuilder();
        Path last = null;
        for (Test test : tests) {
            if (test.file.equals(last)) {
                cell.append(", ");
            } else {
                cell.append(cell.isEmpty() ? "" : "; ").append('[').append(test.className()).append("](../")
                    .append(test.file).append(") ");
            }
            cell.append(test.method);
            last = test.file;
        }
        return cell.toString();
    }
}
