// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a client sends: each answer is one line of JSON that QMP has, what is no command does nothing, and the session
 * goes on.
 */
class QmpFuzzTest {

    private static final String NEGOTIATION = "{'execute':'qmp_capabilities'}";

    static Stream<byte[]> seeds() {
        return Stream.of("", "{'execute':'query-status'}", "{'execute':'stop','id':[1,{'a':null}]}", "{]\n", "{\u00ff", "{'bad \u0001",
                        "{'execute':'human-monitor-command','arguments':{'command-line':'info block'}}",
                        "{'execute':'human-monitor-command','arguments':{'command-line':'block_resize d 1G'}}",
                        "{'execute':'balloon','arguments':{'value':268435456}}",
                        "{'execute':'qom-set','arguments':{'path':'/machine/peripheral/b','property':'type','value':[1]}}",
                        "{'execute':'blockdev-add','arguments':{'driver':'null-co','node-name':'n','size':512}}"
                            + "{'execute':'device_add','arguments':{'driver':'virtio-blk-pci','drive':'n','id':'x','num-queues':2}}"
                            + "{'execute':'blockdev-del','arguments':{'node-name':'n'}}",
                        "{'execute':'blockdev-add','arguments':{'driver':'qcow2','node-name':'q','file':{'driver':'file','filename':'/',"
                            + "'aio':'native'},'cache':{'direct':true},'backing':null}}",
                        "{'execute':'block_set_io_throttle','arguments':{'id':'d','bps':1,'bps_rd':0,'bps_wr':0,'iops':0,'iops_rd':0,"
                            + "'iops_wr':0,'iops_size':4096}}",
                        "{'execute':'set_link','arguments':{'name':'n','up':false}}{'execute':'query-rx-filter'}{'execute':'announce-self',"
                            + "'arguments':{'initial':50,'max':550,'rounds':5,'step':50,'interfaces':['n',1]}}",
                        "{'execute':'blockdev-mirror','arguments':{'device':'d','target':'n','sync':'full'}}",
                        "{'execute':'query-commands'}{'execute':'query-pci'} null 1.5e9 \"x\" [[[[]]]]", "{\"a\":\"\\ud800\",'b':1e999}",
                        "{'ex\u007fecute':'stop'}")
                .map(text -> text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static final class Client implements QmpSession.Output {

        final List<Map<?, ?>> said = new ArrayList<>();

        @Override
        public void answer(byte[] line) {
            try {
                assertTrue(Json.parse(line) instanceof Map<?, ?> answer && said.add(answer));
            } catch (JsonException e) {
                throw new AssertionError(new String(line, StandardCharsets.US_ASCII), e);
            }
            for (int i = 0; i < line.length - 2; i++) {
                assertTrue(line[i] >= ' ' && line[i] <= '~', "not ASCII");
            }
        }

        @Override
        public void event(byte[] line) {
            answer(line);
        }
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldAnswerInQmp(byte[] input) {
        Monitor monitor = new Monitor(new FakeMachine());
        Client client = new Client();
        QmpSession session = new QmpSession(new QmpCommands(monitor, "1"), client);
        monitor.addListener(session::event);
        session.open();
        send(session, NEGOTIATION);
        client.said.clear();
        try (Bounds _ = new Bounds()) {
            session.receive(input, input.length);
        }
        for (Map<?, ?> answer : client.said) {
            int kinds = (answer.containsKey("return") ? 1 : 0) + (answer.containsKey("error") ? 1 : 0) + (answer.containsKey("event") ? 1 : 0);
            assertEquals(1, kinds, answer::toString);
        }
        client.said.clear();
        send(session, " \u0001 ");
        client.said.clear();
        send(session, "{'execute':'query-name','id':7}");
        assertEquals(List.of(Map.of("return", Map.of("name", "fake"), "id", 7L)), client.said);
    }

    private static void send(QmpSession session, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        session.receive(bytes, bytes.length);
    }
}
