// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.devices.balloon.BalloonOptions;
import dev.miraflores.machine.Balloons;
import dev.miraflores.machine.BalloonConfig;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.hmp.HmpCommands;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import dev.miraflores.monitor.metrics.OpenMetrics;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A balloon whose guest has no driver, by QEMU's commands and in its words. */
class QmpBalloonTest implements QmpSession.Output {

    private static final long MEMORY = 512L << 20;

    private final IoThread ioThread = IoThread.start("test", IoThreadOptions.DEFAULTS);
    private final FakeMachine machine = new FakeMachine();
    private final Monitor monitor = new Monitor(machine);
    private final QmpSession session = new QmpSession(new QmpCommands(monitor, "1.2"), this);
    private final List<Map<?, ?>> said = new ArrayList<>();

    @Override
    public void answer(byte[] line) {
        try {
            said.add((Map<?, ?>) Json.parse(line));
        } catch (JsonException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void event(byte[] line) {
        answer(line);
    }

    @BeforeEach
    void open() {
        machine.balloon = Balloons.of(new BalloonConfig("balloon0", new BalloonOptions(false, true, false)), ioThread, MEMORY);
        monitor.addListener(session::event);
        session.open();
        send("{'execute': 'qmp_capabilities'}");
    }

    @AfterEach
    void close() {
        ioThread.close();
    }

    private Map<?, ?> send(String text) {
        said.clear();
        byte[] bytes = (text + "\n").getBytes(StandardCharsets.ISO_8859_1);
        session.receive(bytes, bytes.length);
        return said.removeFirst();
    }

    private Object get(String property) {
        return send("{'execute': 'qom-get', 'arguments': {'path': '/machine/peripheral/balloon0', 'property': '" + property + "'}}")
            .get("return");
    }

    private Map<?, ?> set(String property, String value) {
        return send("{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/balloon0', 'property': '" + property
            + "', 'value': " + value + "}}");
    }

    @Test
    void shouldSetTheTargetAndTellWhatThereIs() {
        assertEquals(Map.of("return", Map.of()), send("{'execute': 'balloon', 'arguments': {'value': 268435456}}"));
        assertEquals(MEMORY / 2, machine.balloon.targetBytes());
        assertEquals(Map.of("return", Map.of("actual", MEMORY)), send("{'execute': 'query-balloon'}"));
        HmpCommands hmp = new HmpCommands(monitor, "1.2");
        assertEquals("", hmp.run("balloon 128"));
        assertEquals(128L << 20, machine.balloon.targetBytes());
        assertEquals("balloon: actual=512\n", hmp.run("info balloon"));
        // More than there is, is all there is.
        send("{'execute': 'balloon', 'arguments': {'value': 9000000000000000000}}");
        assertEquals(MEMORY, machine.balloon.targetBytes());
    }

    @Test
    void shouldHaveQemusProperties() {
        assertEquals(0L, get("guest-stats-polling-interval"));
        assertEquals(Map.of("return", Map.of()), set("guest-stats-polling-interval", "2"));
        assertEquals(2L, get("guest-stats-polling-interval"));
        assertEquals("virtio-balloon-pci", get("type"));
        assertEquals(true, get("free-page-reporting"));
        assertEquals(false, get("deflate-on-oom"));
        Map<?, ?> statistics = (Map<?, ?>) get("guest-stats");
        assertEquals(0L, statistics.get("last-update"));
        Map<?, ?> values = (Map<?, ?>) statistics.get("stats");
        // QEMU's, in the order of their tags.
        assertEquals(List.of("stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults", "stat-free-memory",
            "stat-total-memory", "stat-available-memory", "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail",
            "stat-oom-kills", "stat-alloc-stalls", "stat-async-scans", "stat-direct-scans", "stat-async-reclaims",
            "stat-direct-reclaims"), List.copyOf(values.keySet()));
        assertEquals(new BigInteger("18446744073709551615"), values.get("stat-free-memory"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "guest-stats-polling-interval | -1         | timer value must be greater than zero",
        "guest-stats-polling-interval | 4294967296 | timer value is too big",
        "guest-stats-polling-interval | 'x'        | Invalid parameter type for 'guest-stats-polling-interval', expected: integer",
        "guest-stats-polling-interval | null       | Invalid parameter type for 'value', expected: any",
        "guest-stats                  | 1          | Property 'virtio-balloon-pci.guest-stats' is not writable",
        "free-page-reporting          | true       | Attempt to set property 'free-page-reporting' on device 'balloon0' (type 'virtio-balloon-pci') after it was realized",
        "speed                        | 1          | Property 'virtio-balloon-pci.speed' not found"})
    void shouldRefuseInQemusWords(String property, String value, String description) {
        assertEquals(Map.of("class", "GenericError", "desc", description), set(property, value).get("error"));
    }

    @Test
    void shouldRefuseWhatIsNoSizeAndNoDevice() {
        assertEquals(Map.of("class", "GenericError", "desc", "Parameter 'target' expects a size"),
            send("{'execute': 'balloon', 'arguments': {'value': 0}}").get("error"));
        assertEquals(Map.of("class", "DeviceNotFound", "desc", "Device '/machine/peripheral/b' not found"),
            send("{'execute': 'qom-get', 'arguments': {'path': '/machine/peripheral/b', 'property': 'type'}}").get("error"));
        assertTrue(send("{'execute': 'x-hv-hint-free-pages'}").containsKey("error"));
    }

    @Test
    void shouldTellOfChanges() {
        said.clear();
        monitor.balloonChanged(MEMORY / 2);
        assertEquals("BALLOON_CHANGE", said.getFirst().get("event"));
        assertEquals(Map.of("actual", MEMORY / 2), said.getFirst().get("data"));
    }

    @Test
    void shouldBeAmongTheMetricsAndStatistics() {
        String text = OpenMetrics.text(monitor);
        assertTrue(text.contains("\nhv_balloon_actual_bytes{vm=\"fake\"} " + MEMORY + "\n"), text);
        assertTrue(text.contains("\nhv_balloon_discarded_bytes_total{vm=\"fake\"} 0\n"), text);
        // Nothing yet of what the guest has not told.
        assertFalse(text.contains("hv_balloon_stat_"), text);
        Map<?, ?> statistics = (Map<?, ?>) ((Map<?, ?>) send("{'execute': 'x-hv-query-stats'}").get("return")).get("balloon");
        assertEquals(MEMORY, statistics.get("target"));
        machine.balloon = null;
        assertFalse(OpenMetrics.text(monitor).contains("balloon"));
    }
}
