// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * QEMU's option lists: {@code key=value,key=value}; a comma within a value is written twice.
 */
public final class KeyValues {

    private KeyValues() {
    }

    /**
     * The pairs in their order.
     *
     * @param option what the list was given to, for messages
     */
    public static Map<String, String> parse(String option, String text) {
        Map<String, String> pairs = new LinkedHashMap<>();
        for (Map.Entry<String, String> entry : entries(option + " " + text, text, List.of())) {
            pairs.put(entry.getKey(), entry.getValue());
        }
        return pairs;
    }

    /** The values of each key in their order, where some keys may be given more than once. */
    public static Map<String, List<String>> parse(String option, String text, String... repeated) {
        Map<String, List<String>> pairs = new LinkedHashMap<>();
        for (Map.Entry<String, String> entry : entries(option + " " + text, text, List.of(repeated))) {
            pairs.computeIfAbsent(entry.getKey(), _ -> new ArrayList<>()).add(entry.getValue());
        }
        return pairs;
    }

    /**
     * The pairs in their order.
     *
     * @param given    option and text, for messages
     * @param repeated keys that may be given more than once
     */
    static List<Map.Entry<String, String>> entries(String given, String text, List<String> repeated) {
        List<Map.Entry<String, String>> entries = new ArrayList<>();
        List<String> keys = new ArrayList<>();
        for (String item : split(text)) {
            int equals = item.indexOf('=');
            if (equals <= 0) {
                throw new ConfigException(given + ": '" + item + "' is not key=value"
                        + (text.indexOf(",,") < 0 ? "; a comma within a value is written twice" : ""));
            }
            String key = item.substring(0, equals);
            if (keys.contains(key) && !repeated.contains(key)) {
                throw new ConfigException(given + ": '" + key + "' is given twice; leave one");
            }
            keys.add(key);
            entries.add(Map.entry(key, item.substring(equals + 1)));
        }
        return entries;
    }

    private static List<String> split(String text) {
        List<String> items = new ArrayList<>();
        StringBuilder item = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != ',') {
                item.append(c);
            } else if (i + 1 < text.length() && text.charAt(i + 1) == ',') {
                item.append(c);
                i++;
            } else {
                items.add(item.toString());
                item.setLength(0);
            }
        }
        items.add(item.toString());
        return items;
    }
}
