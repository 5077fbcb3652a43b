// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import dev.miraflores.linux.Fd;
import dev.miraflores.monitor.MonitorException;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A command's arguments, of which each is what it has to be. */
final class QmpArguments {

    private final Map<String, Object> values;
    private final Supplier<Fd> descriptors;

    private QmpArguments(Map<String, Object> values, Supplier<Fd> descriptors) {
        this.values = values;
        this.descriptors = descriptors;
    }

    /**
     * Checks them before the command begins (qmp-spec section 5).
     *
     * @param open        whether there may be others
     * @param descriptors gives the one that came along, or null
     */
    static QmpArguments of(Map<String, Object> values, List<QmpParameter> parameters, boolean open, Supplier<Fd> descriptors) {
        for (QmpParameter parameter : parameters) {
            Object value = values.get(parameter.name());
            if (value == null && parameter.required()) {
                throw new MonitorException(values.containsKey(parameter.name())
                        ? wrongType(parameter) : "Parameter '" + parameter.name() + "' is missing");
            }
            if (values.containsKey(parameter.name()) && !parameter.type().fits(value)) {
                throw new MonitorException(wrongType(parameter));
            }
        }
        for (String name : values.keySet()) {
            if (!open && parameters.stream().noneMatch(parameter -> parameter.name().equals(name))) {
                throw new MonitorException("Parameter '" + name + "' is unexpected");
            }
        }
        return new QmpArguments(values, descriptors);
    }

    private static String wrongType(QmpParameter parameter) {
        return "Invalid parameter type for '" + parameter.name() + "', expected: " + parameter.type().word;
    }

    /** Takes the descriptor that came along: it is the caller's. Null where none did. */
    Fd takeDescriptor() {
        return descriptors.get();
    }

    /** All of them. */
    Map<String, Object> all() {
        return values;
    }

    /** Null where it was left out. */
    String text(String name) {
        return (String) values.get(name);
    }

    long number(String name, long otherwise) {
        Object value = values.get(name);
        return value == null ? otherwise : (Long) value;
    }

    boolean truth(String name, boolean otherwise) {
        Object value = values.get(name);
        return value == null ? otherwise : (Boolean) value;
    }

    /** One of {@code words}, or null where it was left out. */
    String oneOf(String name, String... words) {
        String value = text(name);
        if (value != null && !List.of(words).contains(value)) {
            throw new MonitorException("Parameter '" + name + "' does not accept value '" + value + "'");
        }
        return value;
    }
}
