// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.machine.Nic;
import dev.miraflores.machine.TestNics;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A network interface, in QEMU's words. */
@Timeout(60)
class QmpNetTest implements QmpSession.Output {

    @TempDir
    private Path directory;
    private final FakeMachine machine = new FakeMachine();
    private final List<Map<?, ?>> said = new ArrayList<>();
    private final GuestMemory memory = GuestMemory.anonymous(1 << 20);
    private Nic nic;
    private QmpSession session;

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
        nic = TestNics.listening("net", directory.resolve("socket"));
        machine.nics.add(nic);
        session = new QmpSession(new QmpCommands(new Monitor(machine), "1.2"), this);
        session.open();
        send("{'execute': 'qmp_capabilities'}");
    }

    @AfterEach
    void close() {
        nic.device().close();
        memory.close();
    }

    private Map<?, ?> send(String text) {
        said.clear();
        byte[] bytes = (text + "\n").getBytes(StandardCharsets.ISO_8859_1);
        session.receive(bytes, bytes.length);
        return said.removeFirst();
    }

    private Map<?, ?> filter() {
        return (Map<?, ?>) ((List<?>) send("{'execute': 'query-rx-filter'}").get("return")).getFirst();
    }

    /** A driver that enables none of its queues. */
    private void start(long features) {
        nic.device().activate(new VirtioActivation(features, memory, Arrays.asList(null, null, null), new DeviceEvents() {
            @Override
            public void configChanged() {
            }

            @Override
            public void needsReset() {
            }
        }));
    }

    /** As virtio_net_query_rxfilter says: none until the driver has added one, all where it does not tell them apart. */
    @Test
    void shouldTellWhichVlansPass() {
        assertEquals("all", filter().get("vlan"));
        start(NetFeatures.CTRL_VQ | NetFeatures.CTRL_VLAN);
        assertEquals("none", filter().get("vlan"));
        assertEquals(List.of(), filter().get("vlan-table"));
        assertEquals(true, filter().get("promiscuous"));
        nic.device().reset();
        assertEquals("all", filter().get("vlan"));
        start(NetFeatures.CTRL_VQ);
        assertEquals("all", filter().get("vlan"));
        assertEquals(List.of(), filter().get("vlan-table"));
    }

    @Test
    void shouldHaveTheLinkDownWhenItAnswers() {
        assertEquals(Map.of("return", Map.of()), send("{'execute': 'set_link', 'arguments': {'name': 'net', 'up': false}}"));
        assertTrue(!nic.report().linkUp() && !nic.report().linkUpByUser());
    }
}
