// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.NicConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a netdev of what {@code netdev_add} is given (Netdev in QEMU's qapi/net.json), by turning it into the words of {@code --nic},
 * which refuse what is not built.
 * <p>Thread: one.
 */
final class NetdevOptions {

    private static final int MAX_DEPTH = 4;

    private final Map<String, Object> left = new LinkedHashMap<>();
    private final List<Map.Entry<String, String>> words = new ArrayList<>();
    private final List<String> descriptors = new ArrayList<>();

    NetdevOptions(Map<String, Object> options) {
        flatten("", options, 0);
    }

    /** Members of members have their names joined by dots, as on QEMU's command line. */
    private void flatten(String prefix, Map<?, ?> members, int depth) {
        if (depth > MAX_DEPTH) {
            throw new MonitorException("objects within objects; there are none so deep in a netdev");
        }
        members.forEach((name, value) -> {
            if (value instanceof Map<?, ?> inner) {
                flatten(prefix + name + ".", inner, depth + 1);
            } else {
                left.put(prefix + name, value);
            }
        });
    }

    NetDevices.Netdev netdev() {
        String type = text("type");
        String id = text("id");
        if (type == null || id == null) {
            throw new MonitorException("Parameter '" + (type == null ? "type" : "id") + "' is missing");
        }
        if (!id.matches("[A-Za-z][A-Za-z0-9._-]{0,63}")) {
            throw new MonitorException("Parameter 'id' expects an identifier");
        }
        NicConfig.Kind kind = switch (type) {
            case "user" -> NicConfig.Kind.USER;
            case "tap" -> NicConfig.Kind.TAP;
            case "socket", "stream" -> NicConfig.Kind.SOCKET;
            case "vhost-user" -> throw new MonitorException("type=vhost-user needs a character device, which cannot be added here;"
                    + " give hv --nic vhost-user=PATH");
            default -> throw new MonitorException("Parameter 'type' does not accept value '" + type + "'");
        };
        if (type.equals("stream")) {
            stream();
        }
        take("fd", 1);
        take("fds", Integer.MAX_VALUE);
        if ("on".equals(word("vnet_hdr", left.get("vnet_hdr")))) {
            left.remove("vnet_hdr");                // it always is
        }
        left.forEach((name, value) -> {
            for (Object each : value instanceof List<?> list ? list : Collections.singletonList(value)) {
                words.add(Map.entry(name, word(name, each)));
            }
        });
        return new NetDevices.Netdev(id, kind, List.copyOf(words), List.copyOf(descriptors), new ArrayList<>());
    }

    /** NetdevStreamOptions: a SocketAddress, and which side of it this is. */
    private void stream() {
        String address = text("addr.type");
        boolean server = "on".equals(word("server", left.remove("server")));
        String side = server ? "listen" : "connect";
        switch (address) {
            case "unix" -> words.add(Map.entry(side, "unix:" + need("addr.path")));
            case "inet" -> {
                String host = need("addr.host");
                words.add(Map.entry(side, (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + need("addr.port")));
            }
            case "fd" -> left.put("fd", need("addr.str"));
            case null -> throw new MonitorException("Parameter 'addr.type' is missing");
            default -> throw new MonitorException("Parameter 'addr.type' does not accept value '" + address + "'");
        }
    }

    /** Names of descriptors, with colons between them. */
    private void take(String name, int most) {
        String value = text(name);
        if (value == null) {
            return;
        }
        String[] names = value.split(":", -1);
        if (names.length > most) {
            throw new MonitorException("Parameter '" + name + "' expects one name");
        }
        descriptors.addAll(List.of(names));
    }

    private String need(String name) {
        String value = text(name);
        if (value == null) {
            throw new MonitorException("Parameter '" + name + "' is missing");
        }
        return value;
    }

    private String text(String name) {
        return DeviceProperties.text(left.remove(name), name);
    }

    private static String word(String name, Object value) {
        return switch (value) {
            case null -> "";
            case Boolean truth -> truth ? "on" : "off";
            case Long number -> number.toString();
            case String text -> text;
            // String in qapi/common.json, as hostfwd has it.
            case Map<?, ?> string when string.size() == 1 && string.get("str") instanceof String text -> text;
            default -> throw new MonitorException("Invalid parameter type for '" + name + "', expected: string");
        };
    }
}
