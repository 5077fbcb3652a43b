// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.ConfigException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Whatever members a netdev or a device is given, it is made or refused in one line, and what is refused leaves nothing. */
class NetdevProperties {

    private static final List<String> NAMES = List.of("type", "id", "addr", "server", "reconnect-ms", "hostfwd", "net", "ipv4", "fd", "fds",
            "listen", "connect", "ifname", "script", "vhost", "queues", "vnet_hdr", "mac", "host_mtu", "rss", "mq", "vectors", "colour");
    private static final List<Object> VALUES = List.of("user", "tap", "socket", "stream", "n", "on", "off", "unix:/run/x", "127.0.0.1:7", "a:b",
            "tcp::1-:2", "10.0.2.0/24", "", "5", 1L, -1L, 1500L, true, false, List.of(), List.of("x", Map.of("str", "y")), Map.of(),
            Map.of("type", "unix", "path", "/run/x"), Map.of("type", "inet", "host", "::1", "port", "7"), Map.of("type", "fd", "str", "f"),
            Map.of("type", 7L), Map.of("a", Map.of("b", Map.of("c", Map.of("d", Map.of("e", Map.of("f", "deep")))))));

    @Provide
    Arbitrary<Map<String, Object>> members() {
        return Arbitraries.maps(Arbitraries.of(NAMES), Arbitraries.of(VALUES).injectNull(0.05)).ofMaxSize(8);
    }

    /** @return whether it worked */
    private static boolean done(Runnable command) {
        try {
            command.run();
            return true;
        } catch (MonitorException | ConfigException e) {
            assertFalse(e.getMessage().isEmpty() || e.getMessage().contains("\n"), e::getMessage);
            return false;
        }
    }

    @Property(tries = 2000)
    void shouldBeMadeOrRefusedInALine(@ForAll("members") Map<String, Object> netdev, @ForAll("members") Map<String, Object> device,
            @ForAll boolean whole) {
        FakeMachine machine = new FakeMachine();
        Monitor monitor = new Monitor(machine);
        Map<String, Object> options = new HashMap<>(netdev);
        if (whole) {
            options.put("id", "n");
            options.putIfAbsent("type", "user");
        }
        boolean added = done(() -> monitor.netdevs().add(options));
        assertEquals(added ? 1 : 0, monitor.netdevs().names().size());
        Map<String, Object> properties = new HashMap<>(device);
        properties.putAll(Map.of("driver", "virtio-net-pci", "netdev", "n"));
        properties.remove("id");
        boolean plugged = done(() -> monitor.devices().add(properties));
        assertTrue(added || !plugged);
        if (added) {
            String name = monitor.netdevs().names().getFirst();
            assertEquals(!plugged, done(() -> monitor.netdevs().delete(name)));
        }
    }
}
