// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.devices.net.NetCounter;
import dev.miraflores.devices.net.NetCounters;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetReport;
import dev.miraflores.devices.net.ReceiveFilter;
import dev.miraflores.machine.Nic;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.monitor.Monitor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The network interfaces (QEMU, qapi/net.json). */
final class QmpNet {

    private final Monitor monitor;

    QmpNet(Monitor monitor) {
        this.monitor = monitor;
    }

    List<QmpCommand> commands() {
        return List.of(
                QmpCommand.open("netdev_add", "type:str,id:str", arguments -> {
                    monitor.netdevs().add(arguments.all());
                    return null;
                }),
                QmpCommand.of("netdev_del", "id:str", arguments -> {
                    monitor.netdevs().delete(arguments.text("id"));
                    return null;
                }),
                QmpCommand.of("getfd", "fdname:str", arguments -> {
                    monitor.descriptors().put(arguments.text("fdname"), arguments.takeDescriptor());
                    return null;
                }),
                QmpCommand.of("closefd", "fdname:str", arguments -> {
                    monitor.descriptors().close(arguments.text("fdname"));
                    return null;
                }),
                QmpCommand.of("set_link", "name:str,up:bool", arguments -> {
                    monitor.networks().setLink(arguments.text("name"), arguments.truth("up", true));
                    return null;
                }),
                QmpCommand.of("query-rx-filter", "name:str?", arguments -> filters(arguments.text("name"))),
                // How often and when is for who speaks in the guest's place, which nobody does here: the guest does itself, once.
                QmpCommand.of("announce-self", "initial:int,max:int,rounds:int,step:int,interfaces:list?,id:str?", arguments -> {
                    monitor.networks().announce(names(arguments.all().get("interfaces")));
                    return null;
                }));
    }

    private static List<String> names(Object value) {
        List<String> names = new ArrayList<>();
        if (value instanceof List<?> list) {
            list.forEach(name -> names.add(String.valueOf(name)));
        }
        return names;
    }

    /** RxFilterInfo. */
    private List<Object> filters(String name) {
        List<Object> all = new ArrayList<>();
        for (Nic nic : monitor.networks().looked(name)) {
            ReceiveFilter filter = nic.report().state().filter();
            List<Object> vlans = vlanTable(filter);
            all.add(object("name", nic.id(), "promiscuous", filter.has(ReceiveFilter.Mode.PROMISCUOUS),
                    "multicast", state(filter, ReceiveFilter.Mode.NO_MULTICAST, ReceiveFilter.Mode.ALL_MULTICAST),
                    "unicast", state(filter, ReceiveFilter.Mode.NO_UNICAST, ReceiveFilter.Mode.ALL_UNICAST),
                    "vlan", !filter.filtersVlans() ? "all" : vlans.isEmpty() ? "none" : "normal",
                    "broadcast-allowed", !filter.has(ReceiveFilter.Mode.NO_BROADCAST),
                    "multicast-overflow", filter.multicastOverflow(), "unicast-overflow", filter.unicastOverflow(),
                    "main-mac", NicConfig.macText(filter.mac()), "vlan-table", vlans,
                    "unicast-table", addresses(filter.unicast()), "multicast-table", addresses(filter.multicast())));
        }
        return all;
    }

    /** RxState. */
    private static String state(ReceiveFilter filter, ReceiveFilter.Mode none, ReceiveFilter.Mode all) {
        return filter.has(none) ? "none" : filter.has(all) ? "all" : "normal";
    }

    /** Empty too where they are not told apart. */
    private static List<Object> vlanTable(ReceiveFilter filter) {
        List<Object> table = new ArrayList<>();
        for (int vlan = 0; filter.filtersVlans() && vlan < ReceiveFilter.VLANS; vlan++) {
            if (filter.hasVlan(vlan)) {
                table.add((long) vlan);
            }
        }
        return table;
    }

    private static List<Object> addresses(long[] macs) {
        List<Object> table = new ArrayList<>();
        for (long mac : macs) {
            table.add(NicConfig.macText(mac));
        }
        return table;
    }

    /** For {@code x-hv-query-stats}. */
    List<Object> statistics() {
        List<Object> nics = new ArrayList<>();
        for (Nic nic : monitor.networks().all()) {
            NetReport report = nic.report();
            List<Object> pairs = new ArrayList<>();
            for (NetPairReport pair : report.pairs()) {
                pairs.add(object("pair", pair.index(), "active", pair.active(), "rx", counters(pair.received()),
                        "tx", counters(pair.transmitted())));
            }
            nics.add(object("id", nic.id(), "backend", report.backend(), "link", report.linkUp(), "driver", report.active(),
                    "mac", NicConfig.macText(report.state().filter().mac()), "active-pairs", report.state().activePairs(),
                    "pairs", pairs));
        }
        return nics;
    }

    private static Map<String, Object> counters(NetCounters direction) {
        Map<String, Object> counters = new LinkedHashMap<>();
        for (NetCounter counter : NetCounter.values()) {
            counters.put(counter.name().toLowerCase(Locale.ROOT), direction.packets().get(counter));
        }
        return counters;
    }
}
