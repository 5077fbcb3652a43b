// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.devices.console.PortConfig;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.KeyValues;
import dev.miraflores.machine.Nearest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a {@code --port} says, in the words of QEMU's virtserialport.
 *
 * @param number which port of the device, from 1 on
 */
record PortOption(int number, String id, String name, ConsoleOption backend) {

    private static final String OPTION = RunOptions.PORT.name();
    private static final List<String> KEYS = List.of("name", "backend", "id", "nr");

    /** All of them; those without a number get what is free, in their order. */
    static List<PortOption> parse(List<String> texts) {
        List<PortOption> given = new ArrayList<>();
        for (String text : texts) {
            given.add(parse(text));
        }
        List<PortOption> numbered = new ArrayList<>();
        int next = 1;
        for (PortOption port : given) {
            if (port.number != 0) {
                numbered.add(port);
                continue;
            }
            while (isTaken(given, next)) {
                next++;
            }
            if (next > PortConfig.MAX_NUMBER) {
                throw new ConfigException(OPTION + " name=" + port.name + ": there are " + PortConfig.MAX_NUMBER
                        + " ports already; use fewer");
            }
            numbered.add(new PortOption(next++, port.id, port.name, port.backend));
        }
        return numbered;
    }

    private static boolean isTaken(List<PortOption> ports, int number) {
        return ports.stream().anyMatch(port -> port.number == number);
    }

    /** With number 0 where none is named. */
    private static PortOption parse(String text) {
        Map<String, String> pairs = KeyValues.parse(OPTION, text);
        for (String key : pairs.keySet()) {
            if (!KEYS.contains(key)) {
                throw wrong(text, "'" + key + "' is unknown; the nearest is '" + Nearest.to(key, KEYS) + "'");
            }
        }
        String name = pairs.get("name");
        if (!PortConfig.isName(name)) {
            throw wrong(text, name == null ? "no name is given; use name=NAME"
                    : "the name becomes a file's in the guest: use 1 to " + PortConfig.MAX_NAME_BYTES
                    + " bytes without spaces, slashes or control characters, and neither . nor ..");
        }
        String backend = pairs.get("backend");
        if (backend == null) {
            throw wrong(text, "no back end is named; use backend=unix:PATH, for example");
        }
        if ("".equals(pairs.get("id"))) {
            throw wrong(text, "the id is empty; name one, or leave it out");
        }
        return new PortOption(number(text, pairs.get("nr")), pairs.getOrDefault("id", name), name,
                ConsoleOption.parse(OPTION + " name=" + name + ",backend=", backend));
    }

    private static int number(String text, String value) {
        if (value == null) {
            return 0;
        }
        if (value.matches("[0-9]{1,3}")) {
            int number = Integer.parseInt(value);
            if (number > PortConfig.CONSOLE && number <= PortConfig.MAX_NUMBER) {
                return number;
            }
        }
        throw wrong(text, "nr is from 1 to " + PortConfig.MAX_NUMBER + "; 0 is the console, which " + RunOptions.VIRTCONSOLE.name()
                + " adds");
    }

    private static ConfigException wrong(String text, String what) {
        return new ConfigException(OPTION + " " + text + ": " + what);
    }
}
