// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** Values come out as they went in, whatever they are cut into; and whatever comes before one, one that is whole comes through. */
class JsonFramerProperties {

    private static final class Heard implements JsonFramer.Sink {
        final List<Object> values = new ArrayList<>();
        final List<String> errors = new ArrayList<>();

        @Override
        public void value(byte[] text) {
            try {
                values.add(Json.parse(text));
            } catch (JsonException e) {
                errors.add(e.getMessage());
            }
        }

        @Override
        public void error(String description) {
            errors.add(description);
        }
    }

    private static Heard feed(byte[] bytes, int chunk) {
        Heard heard = new Heard();
        JsonFramer framer = new JsonFramer(heard);
        for (int at = 0; at < bytes.length; at += chunk) {
            int count = Math.min(chunk, bytes.length - at);
            framer.feed(Arrays.copyOfRange(bytes, at, at + count), count);
            assertTrue(framer.heldBytes() <= JsonFramer.MAX_BYTES);
        }
        return heard;
    }

    private static Heard feed(String text) {
        return feed(text.getBytes(StandardCharsets.ISO_8859_1), 1);
    }

    @Provide
    Arbitrary<Object> values() {
        return Arbitraries.randoms().map(random -> value(random, 4));
    }

    private static Object value(Random random, int depth) {
        return switch (random.nextInt(depth == 0 ? 4 : 6)) {
            case 0 -> text(random);
            case 1 -> random.nextLong();
            case 2 -> BigInteger.ONE.shiftLeft(64).add(BigInteger.valueOf(random.nextLong() >>> 1));
            case 3 -> random.nextBoolean();
            case 4 -> {
                List<Object> list = new ArrayList<>();
                for (int left = random.nextInt(4); left > 0; left--) {
                    list.add(value(random, depth - 1));
                }
                yield list;
            }
            default -> {
                Map<String, Object> map = new LinkedHashMap<>();
                for (int left = random.nextInt(4); left > 0; left--) {
                    map.put(text(random), value(random, depth - 1));
                }
                yield map;
            }
        };
    }

    /** Characters of each kind: control, quotes and brackets, of one byte and of several. */
    private static String text(Random random) {
        StringBuilder text = new StringBuilder();
        for (int left = random.nextInt(8); left > 0; left--) {
            text.appendCodePoint(random.nextBoolean() ? random.nextInt(0x80) : 0x80 + random.nextInt(0x700));
        }
        return text.toString();
    }

    @Property(tries = 300)
    void shouldFindEachValue(@ForAll("values") Object first, @ForAll("values") Object second,
            @ForAll @IntRange(min = 1, max = 40) int chunk) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(Json.line(List.of(first)));
        bytes.writeBytes(Json.line(List.of(second)));
        Heard heard = feed(bytes.toByteArray(), chunk);
        assertEquals(List.of(), heard.errors);
        assertEquals(List.of(List.of(first), List.of(second)), heard.values);
    }

    @Property(tries = 500)
    void shouldComeBackAfterAnything(@ForAll byte[] garbage, @ForAll @IntRange(min = 1, max = 40) int chunk) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(garbage);
        // A control character and a space: section 2.6 of the specification.
        bytes.writeBytes(" \u0001 {\"execute\": \"stop\"}\n".getBytes(StandardCharsets.US_ASCII));
        Heard heard = feed(bytes.toByteArray(), chunk);
        assertEquals(Json.object("execute", "stop"), heard.values.getLast());
    }

    @Example
    void shouldEndALineThatBreaksOffInAString() {
        Heard heard = feed("{\"execute\": \"sto\n{\"execute\": \"cont\"}");
        assertEquals(1, heard.errors.size());
        assertEquals(List.of(Json.object("execute", "cont")), heard.values);
    }

    @Example
    void shouldTakeSingleQuotesAndCountNoBracketsInStrings() {
        assertEquals(List.of(Json.object("a}{", "\"]")), feed("{'a}{': '\"]'}").values);
    }

    @Example
    void shouldRefuseOnceWhatIsTooLarge() {
        byte[] large = new byte[JsonFramer.MAX_BYTES + 100_000];
        Arrays.fill(large, (byte) 'x');
        large[0] = '[';
        large[1] = '"';
        large[large.length - 2] = '"';
        large[large.length - 1] = ']';
        Heard heard = new Heard();
        JsonFramer framer = new JsonFramer(heard);
        framer.feed(large, large.length);
        framer.feed("{} ".getBytes(StandardCharsets.US_ASCII), 3);
        assertEquals(List.of("JSON token size limit exceeded"), heard.errors);
        assertEquals(List.of(Json.object()), heard.values);
    }

    @Example
    void shouldRefuseOnceWhatIsTooDeep() {
        Heard heard = feed("[".repeat(5000) + "]".repeat(5000) + " {}");
        assertEquals(List.of("JSON nesting depth limit exceeded"), heard.errors);
        assertEquals(List.of(Json.object()), heard.values);
    }

    @Example
    void shouldWriteBackTheDeepestThatItTakes() throws JsonException {
        String text = "[".repeat(Json.MAX_NESTING) + "]".repeat(Json.MAX_NESTING);
        Heard heard = feed(text);
        assertEquals(List.of(), heard.errors);
        assertEquals(text, Json.text(heard.values.getFirst()));
    }

    @Example
    void shouldWriteAsciiAlone() {
        assertEquals("\"\\u00E9\\uD800\\u007F\"", Json.text("\u00e9\ud800\u007f"));
    }
}
