// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.metrics;

import dev.miraflores.devices.net.NetCounter;
import dev.miraflores.devices.net.NetPairReport;
import dev.miraflores.devices.net.NetReport;
import dev.miraflores.machine.Nic;
import java.util.List;

/** Of network interfaces, each queue pair and direction by itself. Thread: one. */
final class NicMetrics {

    private final OpenMetrics metrics;

    NicMetrics(OpenMetrics metrics) {
        this.metrics = metrics;
    }

    void write(List<Nic> nics) {
        List<NetReport> reports = nics.stream().map(Nic::report).toList();
        metrics.family("hv_nic_link_up", "gauge", "Whether the guest's link is up");
        for (NetReport nic : reports) {
            metrics.sample("hv_nic_link_up", nic.linkUp() ? 1 : 0, "nic", nic.id());
        }
        counters(reports, "hv_nic_packets", "Packets that got through", NetCounter.PACKETS);
        counters(reports, "hv_nic_bytes", "Their bytes", NetCounter.BYTES);
        counters(reports, "hv_nic_drops", "Packets that did not get through", NetCounter.DROPS);
        counters(reports, "hv_nic_malformed", "Buffers of the guest that nothing could be made of", NetCounter.MALFORMED);
        counters(reports, "hv_nic_waits", "Times that the other side had to be waited for", NetCounter.WAITS);
        counters(reports, "hv_nic_interrupts", "Used buffer notifications sent", NetCounter.INTERRUPTS);
    }

    private void counters(List<NetReport> reports, String name, String help, NetCounter counter) {
        metrics.family(name, "counter", help);
        for (NetReport nic : reports) {
            for (NetPairReport pair : nic.pairs()) {
                String index = String.valueOf(pair.index());
                metrics.sample(name + "_total", pair.received().packets().get(counter), "nic", nic.id(), "pair", index, "direction", "receive");
                metrics.sample(name + "_total", pair.transmitted().packets().get(counter), "nic", nic.id(), "pair", index, "direction", "transmit");
            }
        }
    }
}
