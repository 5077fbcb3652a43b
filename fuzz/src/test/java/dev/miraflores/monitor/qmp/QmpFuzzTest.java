// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.Balloon;
import dev.miraflores.machine.CharDeviceStatus;
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.MachineListener;
import dev.miraflores.machine.Nic;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitoredMachine;
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
 * goes on. The machine is one that only remembers: no file is opened but by name, and none is made.
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
        Memory machine = new Memory();
        Monitor monitor = new Monitor(machine);
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
        assertEquals(List.of(Map.of("return", Map.of("name", "fuzz"), "id", 7L)), client.said);
    }

    private static void send(QmpSession session, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        session.receive(bytes, bytes.length);
    }

    /** A machine that does nothing. */
    private static final class Memory implements MonitoredMachine {

        private boolean paused;

        @Override
        public String name() {
            return "fuzz";
        }

        @Override
        public boolean pause() {
            paused = true;
            return true;
        }

        @Override
        public void resume() {
            paused = false;
        }

        @Override
        public boolean isPaused() {
            return paused;
        }

        @Override
        public void pressPowerButton() {
            // Nobody listens.
        }

        @Override
        public void requestReset() {
            // As above.
        }

        @Override
        public void requestStop() {
            // As above.
        }

        @Override
        public StopCause stopCause() {
            return null;
        }

        @Override
        public List<VcpuStatus> vcpus() {
            return List.of(new VcpuStatus(0, 0, 1, Map.of()));
        }

        @Override
        public List<IoThreadStatus> ioThreads() {
            return List.of();
        }

        @Override
        public List<PciSlotReport> pciSlots() {
            return List.of();
        }

        @Override
        public int slot(String driveId) {
            return -1;
        }

        @Override
        public Balloon balloon() {
            return null;
    }

    @Override
        public List<CharDeviceStatus> charDevices() {
            return List.of(new CharDeviceStatus("serial0", "stdio", true),
                    new CharDeviceStatus("org.example.0", "disconnected:unix:/run/port,server=on", false));
        }

        @Override
        public List<Drive> drives() {
            return List.of();
        }

        @Override
        public List<Nic> nics() {
            return List.of();
        }

        @Override
        public String addDrive(DriveConfig drive) {
            return drive.id();
        }

        @Override
        public void checkNic(NicConfig nic) {
        }

        @Override
        public String addNic(NicConfig nic) {
            return nic.id();
        }

        @Override
        public DeviceRemoval removeNic(String id) {
            throw new AssertionError("it has no network interface");
        }

        @Override
        public DeviceRemoval removeDrive(String id) {
            throw new AssertionError("it has no disk");
        }

        @Override
        public void addListener(MachineListener listener) {
            // Nothing happens to it.
        }

        @Override
        public void removeListener(MachineListener listener) {
            // As above.
        }
    }
}
