// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import dev.miraflores.devices.net.NetCounter;
import dev.miraflores.devices.net.NetCounters;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetReport;
import dev.miraflores.machine.KeyValues;
import dev.miraflores.machine.Nic;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What {@code info network} shows, and what goes with it. Thread: any. */
final class HmpNet {

    private final Monitor monitor;

    HmpNet(Monitor monitor) {
        this.monitor = monitor;
    }

    void show(StringBuilder text) {
        for (Nic nic : monitor.networks().all()) {
            NetReport report = nic.report();
            line(text, "%s: model=virtio-net,macaddr=%s,link=%s%s", nic.id(), NicConfig.macText(report.state().filter().mac()),
                    report.linkUp() ? "up" : "down", report.active() ? "" : " (no driver)");
            line(text, " \\ %s", report.backend());
            for (NetPairReport pair : report.pairs()) {
                if (pair.active() || pair.index() == 0) {
                    line(text, "    queue pair %d: rx %s; tx %s", pair.index(), counts(pair.received()), counts(pair.transmitted()));
                }
            }
        }
    }

    private static String counts(NetCounters direction) {
        return String.format(Locale.ROOT, "%d packets, %d bytes, %d dropped", direction.packets().get(NetCounter.PACKETS),
                direction.packets().get(NetCounter.BYTES), direction.packets().get(NetCounter.DROPS));
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }

    String addNetdev(List<String> words) {
        String text = words.getFirst();
        Map<String, Object> options = new LinkedHashMap<>();
        KeyValues.parse("netdev_add", text.startsWith("type=") ? text : "type=" + text, "hostfwd").forEach((key, values) ->
                options.put(key, values.size() == 1 ? values.getFirst() : values));
        monitor.netdevs().add(options);
        return "";
    }

    String setLink(List<String> words) {
        boolean up = switch (words.get(1)) {
            case "on" -> true;
            case "off" -> false;
            default -> throw new MonitorException("a link is on or off");
        };
        monitor.networks().setLink(words.getFirst(), up);
        return "";
    }

    String announce(List<String> words) {
        monitor.networks().announce(words.isEmpty() ? List.of() : List.of(words.getFirst().split(",")));
        return "";
    }

    List<String> names() {
        return monitor.networks().all().stream().map(Nic::id).toList();
    }
}
