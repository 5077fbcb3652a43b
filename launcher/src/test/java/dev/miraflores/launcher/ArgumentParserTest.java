// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.OutputStream;
import java.io.PrintStream;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class ArgumentParserTest {

    private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream());

    private static Arguments parse(String... words) {
        return ArgumentParser.parse(RunOptions.all(), words, 0);
    }

    @Test
    void shouldReadAPlainCommandLine() {
        Arguments arguments = parse("--kernel", "K", "-m", "1G", "--drive", "file=a", "--rng", "--drive", "file=b",
                "--append=console=ttyS0 root=/dev/vda");
        assertEquals("K", arguments.value("--kernel", null));
        assertEquals("1G", arguments.value("--memory", null));
        assertEquals(List.of("file=a", "file=b"), arguments.values("--drive"));
        assertEquals("console=ttyS0 root=/dev/vda", arguments.value("--append", null));
        assertEquals(true, arguments.has("--rng"));
        assertEquals(false, arguments.has("--initrd"));
    }

    @Test
    void shouldReadAnOptionWithItsValueOrWithout() {
        assertEquals("", parse("--rng").value("--rng", null));
        assertEquals("", parse("--rng", "--debug-exit").value("--rng", null));
        assertEquals("max-bytes=1", parse("--rng", "max-bytes=1", "--debug-exit").value("--rng", null));
        assertEquals("max-bytes=1", parse("--rng=max-bytes=1").value("--rng", null));
        assertEquals("id=b", parse("--balloon", "id=b", "--rng").value("--balloon", null));
    }

    @Test
    void shouldLeaveAllElseToPicocli() {
        assertNull(parse("--help"));
        assertNull(parse("--kernal", "K"));
        assertNull(parse("--kernel"));
        assertNull(parse("--kernel", "--rng"));
        assertNull(parse("--kernel", "K", "--kernel", "L"));
        assertNull(parse("-mm"));
        assertNull(parse("stray"));
        assertNull(parse("@file"));
        assertNull(parse("--append", "'quoted'"));
        assertNull(parse("--append", "@file"));
    }

    /** Whichever parser reads it, it means the same. */
    @Property(tries = 300)
    void shouldAgreeWithPicocliWhenItReadsALine(@ForAll("lines") List<List<String>> line) {
        String[] words = line.stream().flatMap(List::stream).toArray(String[]::new);
        Arguments quick = parse(words);
        if (quick != null) {
            assertEquals(quick, PicocliParser.parse(new RunLike(), words, 0, NOWHERE));
        }
    }

    @Test
    void shouldReadTheUsualLinesItself() {
        assertNotNull(parse());
        assertNotNull(parse("--kernel", "/boot/vmlinuz", "--initrd", "I", "--append", "console=ttyS0", "--drive",
                "file=D,cache=none", "-m", "512M", "--smp", "2", "--verbose"));
    }

    @Provide
    Arbitrary<List<List<String>>> lines() {
        Arbitrary<String> names = Arbitraries.of("--kernel", "--initrd", "--append", "--memory", "-m", "--smp", "--drive",
                "--console");
        Arbitrary<String> values = Arbitraries.oneOf(
                Arbitraries.of("", " ", "a=b", "\"q\"", "'q'", "@x", "a b", "\\", "$x", "${sys:user.name}", "a,b", "%s"),
                Arbitraries.strings().ascii().ofMaxLength(12));
        Arbitrary<List<String>> two = Combinators.combine(names, values).as(List::of);
        Arbitrary<List<String>> joined = Combinators.combine(names.filter(n -> n.length() > 2), values)
                .as((name, value) -> List.of(name + "=" + value));
        Arbitrary<List<String>> flags = Arbitraries.of("--rng", "--debug-exit", "--huge-pages", "--verbose").map(List::of);
        return Arbitraries.oneOf(two, joined, flags).list().ofMaxSize(6);
    }

    private static final class RunLike implements Command {

        @Override
        public String name() {
            return "run";
        }

        @Override
        public String summary() {
            return "Runs.";
        }

        @Override
        public Option[] options() {
            return RunOptions.all();
        }

        @Override
        public int run(Arguments arguments, Console console) {
            return 0;
        }
    }
}
