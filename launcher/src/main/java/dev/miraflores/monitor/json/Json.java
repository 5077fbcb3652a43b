// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes JSON values. As QEMU does (docs/interop/qmp-spec, section 2), strings may be in single quotes, a key comes
 * once in an object, and what is written is ASCII.
 * <p>Thread: any.
 */
public final class Json {

    /** Deeper than any command, as in QEMU. */
    public static final int MAX_NESTING = 1024;
    private static final int MAX_NUMBER_LENGTH = 64;

    private static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_NESTING)
                    .maxNumberLength(MAX_NUMBER_LENGTH).maxStringLength(JsonFramer.MAX_BYTES).build())
            .streamWriteConstraints(StreamWriteConstraints.builder().maxNestingDepth(MAX_NESTING + 16).build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(JsonReadFeature.ALLOW_SINGLE_QUOTES)
            .enable(JsonReadFeature.ALLOW_BACKSLASH_ESCAPING_ANY_CHARACTER)
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            // Interned names and pooled buffers are for those who read much of the same: whoever connects could fill them.
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    private Json() {
    }

    /** An object, of names and values by turns; members whose value is null are left out. */
    public static Map<String, Object> object(Object... namesAndValues) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            if (namesAndValues[i + 1] != null) {
                object.put((String) namesAndValues[i], namesAndValues[i + 1]);
            }
        }
        return object;
    }

    /**
     * Reads one value.
     *
     * @throws JsonException where it is none, or something comes behind it
     */
    public static Object parse(byte[] text) throws JsonException {
        // Decoded here, and strictly: the parser would take a guess at the encoding, and some bytes for what they are not.
        try (JsonParser parser = FACTORY.createParser(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString())) {
            if (parser.nextToken() == null) {
                throw new JsonException("JSON parse error, expecting value");
            }
            Object value = value(parser);
            if (parser.nextToken() != null) {
                throw new JsonException("JSON parse error, more than one value");
            }
            return value;
        } catch (JsonProcessingException e) {
            throw new JsonException("JSON parse error, " + oneLine(e.getOriginalMessage()));
        } catch (IOException e) {
            throw new JsonException("JSON parse error, invalid UTF-8 sequence in string");
        }
    }

    /** The value that begins at the current token; a loop, as the depth is the sender's choice. */
    private static Object value(JsonParser parser) throws IOException {
        Building building = new Building(null, null, null);
        JsonToken token = parser.currentToken();
        do {
            switch (token) {
                case START_OBJECT -> building = new Building(building, new LinkedHashMap<>(), null);
                case START_ARRAY -> building = new Building(building, null, new ArrayList<>());
                case FIELD_NAME -> building.name = parser.currentName();
                case END_OBJECT, END_ARRAY -> {
                    building.outer.add(building.map == null ? building.list : building.map);
                    building = building.outer;
                }
                default -> building.add(scalar(parser, token));
            }
            if (building.outer == null) {
                return building.single;
            }
            token = parser.nextToken();
        } while (token != null);
        throw new AssertionError("the parser ends an object that is open");
    }

    /** An object or array whose end has not come yet. */
    private static final class Building {
        final Building outer;
        final Map<String, Object> map;
        final List<Object> list;
        String name;
        Object single;

        Building(Building outer, Map<String, Object> map, List<Object> list) {
            this.outer = outer;
            this.map = map;
            this.list = list;
        }

        void add(Object value) {
            if (map != null) {
                map.put(name, value);
            } else if (list != null) {
                list.add(value);
            } else {
                single = value;
            }
        }
    }

    private static Object scalar(JsonParser parser, JsonToken token) throws IOException {
        return switch (token) {
            case VALUE_STRING -> parser.getText();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_NUMBER_INT -> switch (parser.getNumberType()) {
                case INT, LONG -> parser.getLongValue();
                default -> parser.getBigIntegerValue();
            };
            default -> throw new AssertionError(token);
        };
    }

    /** On one line, in ASCII. */
    public static String text(Object value) {
        StringWriter out = new StringWriter();
        try (JsonGenerator generator = FACTORY.createGenerator(out)) {
            write(generator, value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        // The one control character that the generator leaves as it is, and a terminal acts on.
        return out.toString().replace("\u007f", "\\u007F");
    }

    /** {@link #text} and the end of a line, as QMP sends it (section 2.1.1). */
    public static byte[] line(Object value) {
        return text(value).concat("\r\n").getBytes(StandardCharsets.US_ASCII);
    }

    private static void write(JsonGenerator out, Object value) throws IOException {
        switch (value) {
            case null -> out.writeNull();
            case String text -> out.writeString(text);
            case Boolean truth -> out.writeBoolean(truth);
            case Long number -> out.writeNumber(number);
            case Integer number -> out.writeNumber(number);
            case BigInteger number -> out.writeNumber(number);
            case Double number when number.isNaN() || number.isInfinite() -> out.writeNull();
            case Double number -> out.writeNumber(number);
            case Map<?, ?> map -> {
                out.writeStartObject();
                for (Map.Entry<?, ?> member : map.entrySet()) {
                    out.writeFieldName((String) member.getKey());
                    write(out, member.getValue());
                }
                out.writeEndObject();
            }
            case List<?> list -> {
                out.writeStartArray();
                for (Object element : list) {
                    write(out, element);
                }
                out.writeEndArray();
            }
            default -> throw new IllegalArgumentException("no JSON: " + value.getClass());
        }
    }

    private static String oneLine(String text) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < text.length() && i < 200; i++) {
            char c = text.charAt(i);
            line.append(c < ' ' || c > '~' ? '?' : c);
        }
        return line.toString();
    }
}
