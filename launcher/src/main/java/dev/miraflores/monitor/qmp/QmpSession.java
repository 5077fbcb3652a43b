// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.linux.Fd;
import dev.miraflores.monitor.ErrorClass;
import dev.miraflores.monitor.MonitorEvent;
import dev.miraflores.monitor.MonitorException;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import dev.miraflores.monitor.json.JsonFramer;
import java.util.List;
import java.util.Map;

/**
 * One client's conversation: greeting, negotiation, then commands one after the other (qmp-spec sections 2.2 to 4).
 * <p>Thread: {@code open} and {@code receive}, one; {@code event}, any.
 */
public final class QmpSession implements JsonFramer.Sink {

    private static final String NEGOTIATION = "qmp_capabilities";

    /** Where what this side says goes. */
    public interface Output {

        /** An answer; may wait for a client that does not read. */
        void answer(byte[] line);

        /** Must not wait. */
        void event(byte[] line);

        /** Gives the descriptor that came with what was received last, which is the caller's then; null where there is none. */
        default Fd takeDescriptor() {
            return null;
        }
    }

    private final QmpCommands commands;
    private final Output out;
    private final JsonFramer framer = new JsonFramer(this);
    private volatile boolean negotiated;

    public QmpSession(QmpCommands commands, Output out) {
        this.commands = commands;
        this.out = out;
    }

    /** Greets. */
    public void open() {
        out.answer(Json.line(object("QMP", object("version", commands.version(), "capabilities", List.of()))));
    }

    /** Takes the first {@code count} of {@code bytes}, and does what they complete. */
    public void receive(byte[] bytes, int count) {
        framer.feed(bytes, count);
    }

    /** Tells of something that happened; before the negotiation nobody hears of it. */
    public void event(MonitorEvent event) {
        if (negotiated) {
            long micros = event.time().getNano() / 1000L;
            out.event(Json.line(object("timestamp", object("seconds", event.time().getEpochSecond(), "microseconds", micros),
                    "event", event.name(), "data", event.data().isEmpty() ? null : event.data())));
        }
    }

    @Override
    public void value(byte[] text) {
        Object value;
        try {
            value = Json.parse(text);
        } catch (JsonException e) {
            error(e.getMessage());
            return;
        }
        execute(value);
    }

    @Override
    public void error(String description) {
        out.answer(Json.line(error(ErrorClass.GENERIC, description, Map.of())));
    }

    private void execute(Object value) {
        Map<String, Object> request = asObject(value);
        Map<String, Object> response;
        QmpCommand command = null;
        try {
            command = command(request);
            response = object("return", run(command, request));
            addId(response, request);
        } catch (MonitorException e) {
            command = null;
            response = error(e.errorClass(), oneLine(e.getMessage()), request);
        } catch (RuntimeException e) {
            // What the library refuses, it says in a line; what is our own mistake ends no client either.
            command = null;
            response = error(ErrorClass.GENERIC, oneLine(e.getMessage() == null ? e.toString() : e.getMessage()), request);
        }
        out.answer(Json.line(response));
        if (command != null && command.after() != null) {
            command.after().run();
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> asObject(Object value) {
        return value instanceof Map<?, ?> map ? (Map<String, Object>) map : null;
    }

    /** The command that is asked for; null for the negotiation, in its time. The rules and their order are QEMU's. */
    private QmpCommand command(Map<String, Object> request) {
        if (request == null) {
            throw new MonitorException("QMP input must be a JSON object");
        }
        for (Map.Entry<String, Object> member : request.entrySet()) {
            switch (member.getKey()) {
                case "execute" -> check(member.getValue() instanceof String, "QMP input member 'execute' must be a string");
                case "arguments" -> check(member.getValue() instanceof Map<?, ?>, "QMP input member 'arguments' must be an object");
                case "id" -> { }
                default -> throw new MonitorException("QMP input member '" + member.getKey() + "' is unexpected");
            }
        }
        check(request.containsKey("execute"), "QMP input lacks member 'execute'");
        String name = (String) request.get("execute");
        if (name.equals(NEGOTIATION)) {
            if (negotiated) {
                throw new MonitorException(ErrorClass.COMMAND_NOT_FOUND,
                        "Capabilities negotiation is already complete, command ignored");
            }
            return null;
        }
        if (!negotiated) {
            throw new MonitorException(ErrorClass.COMMAND_NOT_FOUND, "Expecting capabilities negotiation with '" + NEGOTIATION + "'");
        }
        QmpCommand command = commands.find(name);
        if (command == null) {
            throw new MonitorException(ErrorClass.COMMAND_NOT_FOUND, "The command " + name + " has not been found");
        }
        return command;
    }

    private static void check(boolean good, String otherwise) {
        if (!good) {
            throw new MonitorException(otherwise);
        }
    }

    private Object run(QmpCommand command, Map<String, Object> request) {
        Map<String, Object> given = asObject(request.getOrDefault("arguments", Map.of()));
        if (command == null) {
            negotiate(given);
            return Map.of();
        }
        Object result = command.action().run(QmpArguments.of(given, command.parameters(), command.open(), out::takeDescriptor));
        return result == null ? Map.of() : result;
    }

    private void negotiate(Map<String, Object> given) {
        QmpArguments arguments = QmpArguments.of(given, QmpParameter.list("enable:list?"), false, () -> null);
        if (arguments.all().get("enable") instanceof List<?> wished) {
            for (Object capability : wished) {
                check(capability instanceof String, "Invalid parameter type for 'enable[0]', expected: string");
                check(capability.equals("oob"), "Parameter 'enable[0]' does not accept value '" + capability + "'");
                throw new MonitorException("This monitor does not support capability " + capability);
            }
        }
        negotiated = true;
    }

    private static Map<String, Object> error(ErrorClass errorClass, String description, Map<String, Object> request) {
        Map<String, Object> response = object("error", object("class", errorClass.toString(), "desc", description));
        addId(response, request);
        return response;
    }

    private static void addId(Map<String, Object> response, Map<String, Object> request) {
        if (request != null && request.containsKey("id")) {
            response.put("id", request.get("id"));
        }
    }

    private static String oneLine(String text) {
        return text.replace('\n', ' ').replace('\r', ' ');
    }
}
