// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.Nic;
import dev.miraflores.machine.TestNics;
import dev.miraflores.monitor.hmp.HmpCommands;
import dev.miraflores.monitor.metrics.OpenMetrics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class NetworksTest {

    @TempDir
    private Path directory;
    private final FakeMachine machine = new FakeMachine();
    private Nic nic;
    private Monitor monitor;
    private HmpCommands hmp;

    @BeforeEach
    void setUp() {
        nic = TestNics.listening("net", directory.resolve("socket"));
        machine.nics.add(nic);
        monitor = new Monitor(machine);
        hmp = new HmpCommands(monitor, "1");
    }

    @AfterEach
    void close() {
        nic.device().close();
    }

    @Test
    void shouldShowThem() {
        String text = hmp.run("info network");
        assertTrue(text.startsWith("net: model=virtio-net,macaddr=52:54:00:12:34:56,link="), text);
        assertTrue(text.contains(" \\ socket,listen=unix:" + directory.resolve("socket")), text);
        assertTrue(text.contains("queue pair 0: rx 0 packets, 0 bytes, 0 dropped; tx 0 packets, 0 bytes, 0 dropped"), text);
        String metrics = OpenMetrics.text(monitor);
        assertTrue(metrics.contains("hv_nic_packets_total{vm=\"fake\",nic=\"net\",pair=\"0\",direction=\"receive\"} 0\n"), metrics);
        assertTrue(metrics.contains("hv_nic_link_up{vm=\"fake\",nic=\"net\"} "), metrics);
    }

    @Test
    void shouldPullTheCable() {
        assertEquals("", hmp.run("set_link net off"));
        assertFalse(nic.report().linkUpByUser());
        assertFalse(nic.report().linkUp());
        assertEquals("", hmp.run("set_link net on"));
        assertTrue(nic.report().linkUpByUser());
        assertEquals("", hmp.run("announce_self net"));
        assertEquals("Error: Device 'other' not found\n", hmp.run("set_link other on"));
        assertEquals("Error: a link is on or off\n", hmp.run("set_link net up"));
        assertEquals(ErrorClass.DEVICE_NOT_FOUND, assertThrows(MonitorException.class,
                () -> monitor.networks().announce(List.of("net", "other"))).errorClass());
    }

    /** A guest may change its filters as often as it likes: it is told of once, until somebody looks. */
    @Test
    void shouldTellOfFiltersOnce() {
        List<MonitorEvent> events = new ArrayList<>();
        monitor.addListener(events::add);
        for (int i = 0; i < 10; i++) {
            monitor.networks().filterChanged(nic.device());
        }
        assertEquals(1, events.size());
        assertEquals("NIC_RX_FILTER_CHANGED", events.getFirst().name());
        assertEquals("{name=net, path=/machine/peripheral/net/virtio-backend}", events.getFirst().data().toString());
        monitor.networks().looked("net");
        monitor.networks().filterChanged(nic.device());
        assertEquals(2, events.size());
    }
}
