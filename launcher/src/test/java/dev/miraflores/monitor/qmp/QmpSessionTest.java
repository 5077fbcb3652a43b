// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of qmp-spec, and QEMU's own words where it refuses; the cases are those that QEMU's test of its monitor has. */
class QmpSessionTest implements QmpSession.Output {

    private final FakeMachine machine = new FakeMachine();
    private final Monitor monitor = new Monitor(machine);
    private final QmpSession session = new QmpSession(new QmpCommands(monitor, "1.2"), this);
    private final List<Map<?, ?>> said = new ArrayList<>();

    @Override
    public void answer(byte[] line) {
        try {
            String text = new String(line, StandardCharsets.US_ASCII);
            assertTrue(text.endsWith("\r\n"), text);
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
        monitor.addListener(session::event);
        session.open();
    }

    private Map<?, ?> send(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        session.receive(bytes, bytes.length);
        return said.removeFirst();
    }

    private void negotiate() {
        said.clear();
        assertEquals(Map.of("return", Map.of()), send("{'execute': 'qmp_capabilities'}"));
    }

    private static void assertError(String errorClass, String description, Map<?, ?> answer) {
        assertEquals(Map.of("class", errorClass, "desc", description), answer.get("error"), answer::toString);
    }

    @Test
    void shouldGreetWithQemusVersionAndNoCapability() {
        Map<?, ?> greeting = (Map<?, ?>) said.getFirst().get("QMP");
        assertEquals(List.of(), greeting.get("capabilities"));
        assertEquals(Map.of("qemu", Map.of("major", 7L, "minor", 2L, "micro", 0L), "package", "Miraflores 1.2"), greeting.get("version"));
    }

    @Test
    void shouldWantTheNegotiationFirst() {
        said.clear();
        assertError("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'", send("{'execute': 'query-version'}"));
        assertError("GenericError", "This monitor does not support capability oob",
                send("{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}"));
        negotiate();
        assertError("CommandNotFound", "Capabilities negotiation is already complete, command ignored",
                send("{'execute': 'qmp_capabilities'}"));
        assertTrue(send("{'execute': 'query-version'}").containsKey("return"));
    }

    @Test
    void shouldTellEventsOnlyAfterTheNegotiation() {
        said.clear();
        machine.pause();
        assertEquals(List.of(), said);
        negotiate();
        machine.resume();
        Map<?, ?> event = said.removeFirst();
        assertEquals("RESUME", event.get("event"));
        Map<?, ?> time = (Map<?, ?>) event.get("timestamp");
        assertTrue((Long) time.get("seconds") > 1_700_000_000L && (Long) time.get("microseconds") < 1_000_000, time::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{]\n", "{\u00ff", "{\u0001", "{'bad \u00ff", "{'execute': 'nonexistent', 'id':'\n", "%", "}", ",", "hello\n",
        "{'a': 1, 'a': 2}", "[1 2]", "{'a' 1}", "{'\\ud800\u0080': 1}"})
    void shouldGoOnAfterWhatIsNoJson(String text) {
        negotiate();
        Map<?, ?> error = (Map<?, ?>) send(text).get("error");
        assertEquals("GenericError", error.get("class"));
        assertTrue(((String) error.get("desc")).startsWith("JSON parse error"), error::toString);
        said.clear();
        assertEquals(Map.of("return", Map.of("name", "fake"), "id", 1L), send(" {'execute': 'query-name', 'id': 1}"));
        assertEquals(Map.of("return", List.of(Map.of("label", "serial0", "filename", "stdio", "frontend-open", true),
                Map.of("label", "org.example.0", "filename", "disconnected:unix:/run/port,server=on", "frontend-open", false))),
                send("{'execute': 'query-chardev'}"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "null                                                | QMP input must be a JSON object",
        "[]                                                  | QMP input must be a JSON object",
        "{}                                                  | QMP input lacks member 'execute'",
        "{'execute': true}                                   | QMP input member 'execute' must be a string",
        "{'execute': 'no-such-cmd', 'arguments': []}         | QMP input member 'arguments' must be an object",
        "{'execute': 'no-such-cmd', 'extra': true}           | QMP input member 'extra' is unexpected",
        "{'exec-oob': 'stop'}                                | QMP input member 'exec-oob' is unexpected",
        "{'execute': 'human-monitor-command'}                | Parameter 'command-line' is missing",
        "{'execute': 'human-monitor-command', 'arguments': {'command-line': 1}} | Invalid parameter type for 'command-line', expected: string",
        "{'execute': 'stop', 'arguments': {'now': true}}     | Parameter 'now' is unexpected",
        "{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 1.5}} | Invalid parameter type for 'size', expected: integer",
        "{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 99999999999999999999}} | Invalid parameter type for 'size', expected: integer",
        "{'execute': 'block_resize', 'arguments': {'size': 1}} | Need exactly one of 'device' and 'node-name'",
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'raw'}} | 'node-name' must be specified for the root node",
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'nbd', 'node-name': 'n'}} | Parameter 'driver' does not accept value 'nbd'",
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'file', 'node-name': 'n'}} | Parameter 'filename' is missing",
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'null-co', 'node-name': 'n', 'x': 1}} | Parameter 'x' is unexpected",
        "{'execute': 'blockdev-del', 'arguments': {'node-name': 'n'}} | Failed to find node with node-name='n'",
        "{'execute': 'device_add', 'arguments': {'driver': 'e1000'}} | 'e1000' is not a valid device model name",
        "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci'}} | drive property not set"})
    void shouldRefuseInQemusWords(String text, String description) {
        negotiate();
        assertError("GenericError", description, send(text.strip() + "\n"));
    }

    @Test
    void shouldRefuseAPropertyThatIsNull() {
        negotiate();
        send("{'execute': 'blockdev-add', 'arguments': {'driver': 'null-co', 'node-name': 'n', 'size': 512}}");
        assertError("GenericError", "Invalid parameter type for 'serial', expected: string",
                send("{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', 'drive': 'n', 'serial': null}}"));
    }

    @Test
    void shouldHaveQemusClasses() {
        negotiate();
        assertError("CommandNotFound", "The command no-such-cmd has not been found", send("{'execute': 'no-such-cmd'}"));
        assertError("DeviceNotActive", "No balloon device has been activated", send("{'execute': 'query-balloon'}"));
        assertError("DeviceNotFound", "Device 'd' not found", send("{'execute': 'device_del', 'arguments': {'id': 'd'}}"));
        assertError("DeviceNotFound", "Cannot find device='d' nor node-name='d'",
                send("{'execute': 'block_resize', 'arguments': {'device': 'd', 'size': 512}}"));
        assertError("DeviceNotActive", "Block job 'j' not found", send("{'execute': 'block-job-cancel', 'arguments': {'device': 'j'}}"));
    }

    @Test
    void shouldReturnAnyId() {
        negotiate();
        Object id = List.of(Json.object("a", 1.5), "\u00e9");
        assertEquals(id, send("{'execute': 'query-name', 'id': [{'a': 1.5}, '\\u00e9']}").get("id"));
        Map<?, ?> answer = send("{'id': null, 'execute': 'none'}");
        assertTrue(answer.containsKey("id") && answer.get("id") == null, answer::toString);
    }

    @Test
    void shouldDriveTheMachine() {
        negotiate();
        assertEquals("STOP", send("{'execute': 'stop'}").get("event"));
        assertEquals(Map.of("return", Map.of()), said.removeFirst());
        assertEquals(Map.of("running", false, "singlestep", false, "status", "paused"), send("{'execute': 'query-status'}").get("return"));
        assertEquals("RESUME", send("{'execute': 'cont'}").get("event"));
        said.clear();
        send("{'execute': 'system_powerdown'}");
        assertEquals("POWERDOWN", said.removeFirst().get("event"));
        said.clear();
        assertEquals(Map.of("return", Map.of()), send("{'execute': 'system_reset'}"));
        assertEquals(List.of("pause", "resume", "power", "reset"), machine.told);
        Map<?, ?> reset = said.removeFirst();
        assertEquals("RESET", reset.get("event"));
        assertEquals(Map.of("guest", false, "reason", "host-qmp-system-reset"), reset.get("data"));
    }

    /** A guest that resets itself without end is told of once a second. */
    @Test
    void shouldNotBuryAClientInResetsOfTheGuest() {
        negotiate();
        said.clear();
        for (int i = 0; i < 100; i++) {
            monitor.reset(true);
        }
        Map<?, ?> first = said.getFirst();
        assertEquals("RESET", first.get("event"));
        assertEquals(Map.of("guest", true, "reason", "guest-reset"), first.get("data"));
        assertTrue(said.size() < 10, () -> said.size() + " events");
    }

    @Test
    void shouldSayThatAResetEndedTheMachine() {
        negotiate();
        said.clear();
        monitor.ended(new StopCause.Reset(false));
        assertEquals(Map.of("guest", false, "reason", "host-qmp-system-reset"), said.removeFirst().get("data"));
    }

    @Test
    void shouldAnswerQuitBeforeTheEndIsTold() {
        negotiate();
        assertEquals(Map.of("return", Map.of()), send("{'execute': 'quit'}"));
        monitor.ended(machine.stopCause());
        monitor.ended(machine.stopCause());
        assertEquals(1, said.size());
        assertEquals("SHUTDOWN", said.getFirst().get("event"));
        assertEquals(Map.of("guest", false, "reason", "host-qmp-quit"), said.getFirst().get("data"));
    }

    @Test
    void shouldSayHowAGuestEnded() {
        negotiate();
        monitor.ended(new StopCause.PowerOff());
        assertEquals(Map.of("guest", true, "reason", "guest-shutdown"), said.removeFirst().get("data"));
    }

    @Test
    void shouldListExactlyWhatItHas() {
        negotiate();
        List<?> names = ((List<?>) send("{'execute': 'query-commands'}").get("return")).stream().map(one -> ((Map<?, ?>) one).get("name")).toList();
        assertTrue(names.containsAll(List.of("query-status", "blockdev-mirror", "device_del", "human-monitor-command", "x-hv-query-stats")));
        for (Object name : names) {
            // None without arguments is unknown, and none harms.
            Map<?, ?> error = name.equals("quit") || name.equals("system_reset") ? null
                    : (Map<?, ?>) send("{'execute': '" + name + "'}").get("error");
            assertTrue(error == null || !error.get("class").equals("CommandNotFound"), () -> name + ": " + error);
            said.clear();
        }
    }

    @Test
    void shouldPassTheHumansCommandsOn() {
        negotiate();
        assertEquals("VM status: running\r\n",
                send("{'execute': 'human-monitor-command', 'arguments': {'command-line': 'info status'}}").get("return"));
    }
}
