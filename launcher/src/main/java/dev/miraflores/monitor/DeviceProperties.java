// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import java.util.List;

/**
 * Values of a device's properties, as JSON or as the words of a command line.
 *
 * @param driver for messages
 */
record DeviceProperties(String driver) {

    static String text(Object value, String name) {
        if (value != null && !(value instanceof String)) {
            throw new MonitorException("Invalid parameter type for '" + name + "', expected: string");
        }
        return (String) value;
    }

    static void checkBus(Object value) {
        if (!"pci.0".equals(value) && !"pcie.0".equals(value)) {
            throw new MonitorException("Bus '" + value + "' not found");
        }
    }

    MonitorException unknown(String name) {
        return new MonitorException("Property '" + driver + "." + name + "' not found");
    }

    MonitorException bad(String name, Object value) {
        return new MonitorException("Property '" + driver + "." + name + "' doesn't take value '" + value + "'");
    }

    int number(String name, Object value, int most) {
        try {
            long number = value instanceof Long whole ? whole : Long.parseLong(String.valueOf(value));
            if (number >= 1 && number <= most) {
                return (int) number;
            }
        } catch (NumberFormatException e) {
            // as below
        }
        throw bad(name, value);
    }

    boolean onOff(String name, Object value) {
        return switch (value) {
            case Boolean truth -> truth;
            case String word when List.of("on", "yes", "true", "y").contains(word) -> true;
            case String word when List.of("off", "no", "false", "n").contains(word) -> false;
            case null, default -> throw bad(name, value);
        };
    }
}
