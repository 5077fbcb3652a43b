// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.List;
import java.util.Map;

/** Options with a handful of keys, each of which may be left out, and all of them. */
final class OptionWords {

    private OptionWords() {
    }

    /** The pairs of {@code text}, whose keys are some of {@code known}; none where it is empty. */
    static Map<String, String> pairs(String option, String text, List<String> known) {
        if (text.isEmpty()) {
            return Map.of();
        }
        Map<String, String> pairs = KeyValues.parse(option, text);
        for (String key : pairs.keySet()) {
            if (!known.contains(key)) {
                throw new ConfigException(option + " " + text + ": no such key '" + key + "'; the nearest is "
                        + Nearest.to(key, known));
            }
        }
        return pairs;
    }

    /** Whether {@code key} is on; where it is left out, it is off. */
    static boolean onOff(String option, Map<String, String> pairs, String key) {
        return switch (pairs.getOrDefault(key, "off")) {
            case "on" -> true;
            case "off" -> false;
            default -> throw new ConfigException(option + " " + key + "=" + pairs.get(key) + ": use on or off");
        };
    }
}
