// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * An argument of a command.
 *
 * @param name     as QEMU has it
 * @param type     what it has to be
 * @param required whether it has to be there
 */
record QmpParameter(String name, Type type, boolean required) {

    /** In JSON, and in QEMU's errors. */
    enum Type {
        ANY("any"), STRING("string"), INTEGER("integer"), BOOLEAN("boolean"), ARRAY("array"), OBJECT("object");

        final String word;

        Type(String word) {
            this.word = word;
        }

        boolean fits(Object value) {
            return switch (this) {
                case ANY -> true;
                case STRING -> value instanceof String;
                case INTEGER -> value instanceof Long;
                case BOOLEAN -> value instanceof Boolean;
                case ARRAY -> value instanceof List<?>;
                case OBJECT -> value instanceof Map<?, ?>;
            };
        }
    }

    /** Reads {@code device:str?,size:int}: names, types, and a question mark for what may be left out, as in QEMU's schema. */
    static List<QmpParameter> list(String text) {
        List<QmpParameter> parameters = new ArrayList<>();
        for (String word : text.isEmpty() ? new String[0] : text.split(",")) {
            String[] parts = word.split(":");
            boolean optional = parts[1].endsWith("?");
            Type type = switch (optional ? parts[1].substring(0, parts[1].length() - 1) : parts[1]) {
                case "any" -> Type.ANY;
                case "str" -> Type.STRING;
                case "int" -> Type.INTEGER;
                case "bool" -> Type.BOOLEAN;
                case "list" -> Type.ARRAY;
                case "obj" -> Type.OBJECT;
                default -> throw new IllegalArgumentException(word);
            };
            parameters.add(new QmpParameter(parts[0], type, !optional));
        }
        return List.copyOf(parameters);
    }
}
