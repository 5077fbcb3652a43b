// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.claims;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tables in docs/ say what the tests claim, and the tests that they name ran. */
class TablesTest {

    private static final Path REPOSITORY = Path.of("").toAbsolutePath().getParent();
    /** How jqwik says that it does not run a property, since its annotations are JUnit's. */
    private static final String UNFIT = "<skipped message=\"A @Property method must not";
    /** A test case that may have run. */
    private static final Pattern CASE = Pattern.compile("<testcase name=\"(\\w+)[^>]*>(?!\\s*" + UNFIT + ")");

    private final Tables tables;

    TablesTest() throws IOException {
        tables = new Tables(REPOSITORY);
    }

    @Test
    void shouldBeUpToDate() throws IOException {
        for (Map.Entry<String, String> document : tables.documents().entrySet()) {
            String now = Files.readString(REPOSITORY.resolve("docs").resolve(document.getKey()));
            assertEquals(document.getValue(), now, "fuzz/tables writes docs/" + document.getKey() + " anew");
        }
    }

    @Test
    void shouldKnowWhatTestsClaim() {
        assertEquals(Set.of(), tables.unknownTags());
    }

    @Test
    void shouldCatchEveryClassThatApplies() {
        assertEquals(List.of(), tables.classes.uncaught(tables.claims));
    }

    /** By the reports of the modules that were built before this one; one that is older than its test says nothing. */
    @Test
    void shouldHaveRunWhatTheTablesName() throws IOException {
        assumeTrue(System.getProperty("test") == null, "some tests alone were asked for");
        Map<Path, Reports> reports = new HashMap<>();
        List<Claims.Test> missing = new ArrayList<>();
        for (Claims.Test test : tables.claims.all()) {
            Reports ofModule = reports.get(test.module());
            if (ofModule == null) {
                ofModule = Reports.in(REPOSITORY.resolve(test.module()).resolve("target/surefire-reports"));
                reports.put(test.module(), ofModule);
            }
            FileTime written = Files.getLastModifiedTime(REPOSITORY.resolve(test.file()));
            boolean isThisModule = test.module().toString().equals("fuzz");
            if (!isThisModule && ofModule.oldest.compareTo(written) > 0 && !ofModule.haveOrExcuse(test)) {
                missing.add(test);
            }
        }
        assertEquals(List.of(), missing, "these are named and did not run");
    }

    /**
     * @param oldest  when the first report was written; long ago where there is none
     * @param excused classes of which something was skipped, as where the host lacks what they need
     */
    private record Reports(FileTime oldest, Set<String> methods, Set<String> excused) {

        /** A contract has no report of its own: its subclasses have. */
        boolean haveOrExcuse(Claims.Test test) {
            return methods.contains(test.method()) || excused.contains(test.className())
                || test.className().endsWith("Contract") && !excused.isEmpty();
        }

        static Reports in(Path directory) throws IOException {
            FileTime oldest = FileTime.fromMillis(0);
            Set<String> methods = new TreeSet<>();
            Set<String> excused = new TreeSet<>();
            if (Files.isDirectory(directory)) {
                try (Stream<Path> files = Files.list(directory)) {
                    for (Path file : files.filter(each -> each.toString().endsWith(".xml")).toList()) {
                        FileTime written = Files.getLastModifiedTime(file);
                        oldest = methods.isEmpty() || written.compareTo(oldest) < 0 ? written : oldest;
                        String report = Files.readString(file);
                        if (report.replace(UNFIT, "").contains("<skipped")) {
                            excused.add(file.getFileName().toString().replaceAll("\\.xml$", "").replaceAll(".*\\.", ""));
                        }
                        Matcher matcher = CASE.matcher(report);
                        while (matcher.find()) {
                            methods.add(matcher.group(1));
                        }
                    }
                }
            }
            return new Reports(oldest, methods, excused);
        }
    }
}
