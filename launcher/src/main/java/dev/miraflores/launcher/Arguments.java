// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A command's options as they were given. */
final class Arguments {

    private final Map<String, List<String>> values = new HashMap<>();

    /** Records a value, or an option without one by the empty text. */
    void add(Option option, String value) {
        List<String> given = values.get(option.name());
        if (given == null) {
            given = new ArrayList<>();
            values.put(option.name(), given);
        }
        given.add(value);
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    /** The value, or {@code absent} where the option was not given. */
    String value(String name, String absent) {
        List<String> given = values.get(name);
        return given == null ? absent : given.getFirst();
    }

    /** All values in their order. */
    List<String> values(String name) {
        return values.getOrDefault(name, List.of());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Arguments arguments && values.equals(arguments.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
