// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** All inputs that fuzzing has kept (fuzz/corpora), once through their targets. */
class CorpusTest {

    private static final String ENDING = "FuzzTest";
    private static final Path SOURCES = Path.of("src/test/java");
    private static final Path CORPORA = Path.of("corpora");

    @TestFactory
    Stream<DynamicTest> shouldStillHold() throws IOException {
        SortedMap<String, Class<?>> targets = targets();
        SortedMap<String, Path> corpora = corpora();
        assertEquals(targets.keySet(), corpora.keySet(), "a target without a corpus, or the other way round: fuzz/run, then fuzz/keep");
        return targets.entrySet().stream()
            .map(target -> dynamicTest(target.getKey(), () -> replay(target.getValue(), corpora.get(target.getKey()))));
    }

    private static SortedMap<String, Class<?>> targets() throws IOException {
        try (Stream<Path> files = Files.walk(SOURCES)) {
            return files.map(SOURCES::relativize).map(Path::toString).filter(file -> file.endsWith(ENDING + ".java"))
                .map(file -> file.substring(0, file.length() - ".java".length()).replace('/', '.'))
                .collect(Collectors.toMap(name -> name.substring(name.lastIndexOf('.') + 1, name.length() - ENDING.length()),
                    CorpusTest::load, CorpusTest::onlyOne, TreeMap::new));
        }
    }

    /** A corpus goes by the target's simple name. */
    private static <T> T onlyOne(T one, T another) {
        throw new AssertionError(one + " and " + another + " share a name: rename one");
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }

    private static SortedMap<String, Path> corpora() throws IOException {
        try (Stream<Path> files = Files.list(CORPORA)) {
            return files.filter(file -> file.toString().endsWith(".zip")).collect(Collectors.toMap(
                file -> file.getFileName().toString().replace(".zip", ""), file -> file, CorpusTest::onlyOne, TreeMap::new));
        }
    }

    private static void replay(Class<?> target, Path corpus) throws Throwable {
        Method test = Arrays.stream(target.getDeclaredMethods()).filter(method -> method.isAnnotationPresent(FuzzTest.class))
            .findFirst().orElseThrow();
        Constructor<?> constructor = target.getDeclaredConstructor();
        test.setAccessible(true);
        constructor.setAccessible(true);
        for (Map.Entry<String, byte[]> input : inputs(corpus).entrySet()) {
            try {
                test.invoke(constructor.newInstance(), (Object) input.getValue());
            } catch (InvocationTargetException e) {
                throw new AssertionError(corpus + ", input " + input.getKey() + ": " + e.getCause().getMessage(), e.getCause());
            }
        }
    }

    private static SortedMap<String, byte[]> inputs(Path corpus) throws IOException {
        try (ZipFile zip = new ZipFile(corpus.toFile())) {
            SortedMap<String, byte[]> inputs = new TreeMap<>();
            for (ZipEntry entry : Collections.list(zip.entries())) {
                inputs.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
            }
            return inputs;
        }
    }
}
