// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitoredMachine;
import dev.miraflores.monitor.hmp.HmpCommands;
import dev.miraflores.monitor.json.Json;
import dev.miraflores.monitor.json.JsonException;
import dev.miraflores.monitor.metrics.OpenMetrics;
import dev.miraflores.monitor.qmp.QmpCommands;
import dev.miraflores.monitor.qmp.QmpSession;
import dev.miraflores.monitor.top.TopSample;
import dev.miraflores.monitor.top.TopView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** QMP on machines that run the built-in guest. */
@KvmTest
class MonitoredMachineTest {

    private static final int BLOCKS = 256;

    @TempDir
    private Path directory;

    /** A client without a socket. */
    private static final class Client implements QmpSession.Output {

        final Monitor monitor;
        final QmpSession session;
        private final BlockingQueue<Map<?, ?>> answers = new LinkedBlockingQueue<>();
        private final List<Map<?, ?>> events = new ArrayList<>();

        Client(VirtualMachine machine) {
            monitor = new Monitor(MonitoredMachine.of(machine));
            session = new QmpSession(new QmpCommands(monitor, "1"), this);
            monitor.addListener(session::event);
            ask("qmp_capabilities");
        }

        @Override
        public void answer(byte[] line) {
            answers.add(parse(line));
        }

        @Override
        public void event(byte[] line) {
            synchronized (events) {
                events.add(parse(line));
                events.notifyAll();
            }
        }

        private static Map<?, ?> parse(byte[] line) {
            try {
                return (Map<?, ?>) Json.parse(line);
            } catch (JsonException e) {
                throw new AssertionError(e);
            }
        }

        Map<?, ?> tell(String command, Object... arguments) {
            byte[] text = Json.line(Json.object("execute", command, "arguments", Json.object(arguments)));
            session.receive(text, text.length);
            return answers.remove();
        }

        /** What a command returns, which works. */
        Object ask(String command, Object... arguments) {
            Map<?, ?> answer = tell(command, arguments);
            assertTrue(answer.containsKey("return"), () -> command + ": " + answer);
            return answer.get("return");
        }

        /** What a command that is refused says. */
        String refused(String command, Object... arguments) {
            Map<?, ?> answer = tell(command, arguments);
            assertTrue(answer.containsKey("error"), () -> command + ": " + answer);
            return (String) ((Map<?, ?>) answer.get("error")).get("desc");
        }

        /** Waits for an event, and forgets it and all before it. */
        Map<?, ?> await(String name) throws InterruptedException {
            long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos();
            synchronized (events) {
                while (true) {
                    for (int i = 0; i < events.size(); i++) {
                        Map<?, ?> event = events.get(i);
                        if (event.get("event").equals(name)) {
                            events.subList(0, i + 1).clear();
                            return event.get("data") instanceof Map<?, ?> data ? data : Map.of();
                        }
                    }
                    long leftMs = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                    assertTrue(leftMs > 0, () -> "no " + name + " but " + events);
                    events.wait(leftMs);
                }
            }
        }

        Map<?, ?> disk(int index) {
            return (Map<?, ?>) ((List<?>) ask("query-block")).get(index);
        }

        Map<?, ?> inserted(int index) {
            return (Map<?, ?>) disk(index).get("inserted");
        }

        long stat(String name) {
            Map<?, ?> disk = (Map<?, ?>) ((List<?>) ask("query-blockstats")).getFirst();
            return (Long) ((Map<?, ?>) disk.get("stats")).get(name);
        }
    }

    private VirtualMachine writer(ScriptedConsole console, Path disk) {
        return VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=64 every=1", console)
                .drive(DriveConfig.of(disk.toString()).withId("d")).build());
    }

    private static void endsWell(VirtualMachine machine, ScriptedConsole console) throws InterruptedException {
        console.type("q");
        assertNotNull(machine.await(BuiltInGuest.LIMIT), console::text);
        assertEquals(new StopCause.PowerOff(), machine.stopCause(), console::text);
    }

    @Test
    void shouldShowAndChangeADiskThatIsWritten() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = writer(console, BuiltInGuest.disk(directory, BLOCKS))) {
            Client client = new Client(machine);
            machine.start();
            Map<?, ?> disk = client.disk(0);
            assertEquals("d", disk.get("device"));
            assertEquals("/machine/peripheral/d/virtio-backend", disk.get("qdev"));
            client.ask("block_set_io_throttle", "id", "d", "bps", 0L, "bps_rd", 0L, "bps_wr", 0L, "iops", 500L, "iops_rd", 0L,
                    "iops_wr", 0L, "iops_max", 1000L);
            assertEquals(500L, client.inserted(0).get("iops"));
            assertEquals(1000L, client.inserted(0).get("iops_max"));
            assertEquals("bps/iops/max total values and read/write values cannot be used at the same time",
                    client.refused("block_set_io_throttle", "device", "d", "bps", 1L, "bps_rd", 1L, "bps_wr", 0L, "iops", 0L,
                            "iops_rd", 0L, "iops_wr", 0L));
            client.ask("block_set_io_throttle", "device", "d", "bps", 0L, "bps_rd", 0L, "bps_wr", 0L, "iops", 0L, "iops_rd", 0L,
                    "iops_wr", 0L);
            assertEquals(0L, client.inserted(0).get("iops"));
            long grown = 2L * BLOCKS * BuiltInGuest.BLOCK_BYTES;
            client.ask("block_resize", "node-name", "#d", "size", grown);
            assertEquals(grown, ((Map<?, ?>) client.inserted(0).get("image")).get("virtual-size"));
            client.ask("stop");
            client.await("STOP");
            long written = client.stat("wr_bytes");
            Thread.sleep(50);
            assertEquals(written, client.stat("wr_bytes"));
            assertEquals("paused", ((Map<?, ?>) client.ask("query-status")).get("status"));
            client.ask("cont");
            client.await("RESUME");
            Map<?, ?> cpu = (Map<?, ?>) ((List<?>) client.ask("query-cpus-fast")).getFirst();
            assertTrue(Files.exists(Path.of("/proc/self/task/" + cpu.get("thread-id"))), cpu::toString);
            Map<?, ?> thread = (Map<?, ?>) ((List<?>) client.ask("query-iothreads")).getFirst();
            assertTrue(Files.exists(Path.of("/proc/self/task/" + thread.get("thread-id"))), thread::toString);
            endsWell(machine, console);
        }
    }

    /** The same numbers for programs, for people, for scrapers. */
    @Test
    void shouldCountWhatTheGuestDoes() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = writer(console, BuiltInGuest.disk(directory, BLOCKS))) {
            Client client = new Client(machine);
            machine.start();
            TopSample before = TopSample.of((Map<?, ?>) client.ask("x-hv-query-stats"));
            console.take(" requests, ", BuiltInGuest.LIMIT);
            TopSample now = TopSample.of((Map<?, ?>) client.ask("x-hv-query-stats"));
            TopSample.Disk disk = now.disks().getFirst();
            assertTrue(disk.counters().get("writes") > 0 && disk.latency().get("write").getTotalCount() > 0, disk::toString);
            assertTrue(now.vcpus().getFirst().get("KVM_EXIT_IO") > 0, now::toString);
            String view = TopView.text(before, now);
            assertTrue(view.contains("\nd            ") && view.contains(" write ") && view.contains("io-d"), view);
            String metrics = OpenMetrics.text(client.monitor);
            assertTrue(metrics.contains("hv_disk_latency_seconds_bucket{vm=\"" + machine.name() + "\",disk=\"d\",operation=\"write\",le=\"+Inf\"} "), metrics);
            assertTrue(metrics.endsWith("# EOF\n"));
            String stats = new HmpCommands(client.monitor, "1").run("info blockstats");
            assertTrue(stats.contains("d: rd_bytes=") && stats.contains("    write"), stats);
            endsWell(machine, console);
            client.monitor.ended(machine.stopCause());
            assertEquals(Map.of("guest", true, "reason", "guest-shutdown"), client.await("SHUTDOWN"));
        }
    }

    @Test
    void shouldMirrorWhileTheGuestWrites() throws Exception {
        int blocks = 16 * BLOCKS; // many times what a mirror copies at once: one with a low speed is not ready soon
        Path copy = BuiltInGuest.disk(directory, blocks);
        Path other = directory.resolve("other.img");
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = writer(console, BuiltInGuest.disk(directory, blocks))) {
            Client client = new Client(machine);
            machine.start();
            client.ask("blockdev-add", "driver", "raw", "node-name", "copy", "file",
                    Json.object("driver", "file", "filename", copy.toString()));
            client.ask("blockdev-mirror", "job-id", "j", "device", "d", "target", "copy", "sync", "full", "speed", 65536L);
            assertEquals("Node copy is in use", client.refused("blockdev-del", "node-name", "copy"));
            assertEquals("Job 'j' in state 'running' cannot accept command verb 'complete'", client.refused("block-job-complete", "device", "j"));
            client.ask("block-job-pause", "device", "j");
            Map<?, ?> job = (Map<?, ?>) ((List<?>) client.ask("query-block-jobs")).getFirst();
            assertEquals(true, job.get("paused"));
            assertEquals("The block job for device 'j' is currently paused", client.refused("block-job-cancel", "device", "j"));
            client.ask("block-job-resume", "device", "j");
            client.ask("block-job-set-speed", "device", "j", "speed", 0L);
            client.await("BLOCK_JOB_READY");
            client.ask("block-job-complete", "device", "j");
            assertEquals("j", client.await("BLOCK_JOB_COMPLETED").get("device"));
            assertEquals("copy", client.inserted(0).get("node-name"));
            assertEquals(copy.toString(), client.inserted(0).get("file"));
            assertEquals(List.of(), client.ask("query-block-jobs"));

            client.ask("drive-mirror", "device", "d", "target", other.toString(), "sync", "full");
            client.await("BLOCK_JOB_READY");
            client.ask("block-job-cancel", "device", "d");
            assertEquals("d", client.await("BLOCK_JOB_COMPLETED").get("device"));
            assertEquals(Files.size(copy), Files.size(other));

            client.ask("drive-mirror", "device", "d", "target", other.toString(), "sync", "full", "mode", "existing", "speed", 4096L);
            client.ask("block-job-cancel", "device", "d", "force", true);
            client.await("BLOCK_JOB_CANCELLED");
            assertEquals(1, ((List<?>) client.ask("query-named-block-nodes")).size());
            endsWell(machine, console);
        }
    }

    @Test
    void shouldPlugAndUnplugDisks() throws Exception {
        Path image = BuiltInGuest.disk(directory, 8);
        try (HotplugMachine hot = new HotplugMachine("")) {
            Client client = new Client(hot.machine);
            hot.started();
            assertTrue(client.refused("blockdev-add", "driver", "file", "node-name", "f", "filename", directory + "/none.img")
                    .contains("no such file"));
            client.ask("blockdev-add", "driver", "file", "node-name", "f", "filename", image.toString(), "cache", Json.object("direct", false));
            assertEquals("Duplicate nodes with node-name='f'", client.refused("blockdev-add", "driver", "null-co", "node-name", "f"));
            client.ask("blockdev-add", "driver", "raw", "node-name", "n", "file", "f");
            assertEquals("Node f is in use", client.refused("blockdev-del", "node-name", "f"));
            assertEquals("Property 'virtio-blk-device.drive' can't find value 'x'",
                    client.refused("device_add", "driver", "virtio-blk-pci", "drive", "x", "id", "vd"));
            assertEquals("Property 'virtio-blk-pci.speed' not found",
                    client.refused("device_add", "driver", "virtio-blk-pci", "drive", "n", "id", "vd", "speed", 1L));
            for (int round = 0; round < 2; round++) {
                client.ask("device_add", "driver", "virtio-blk-pci", "drive", "n", "id", "vd", "serial", "S" + round);
                hot.console.take("verified slot", BuiltInGuest.LIMIT);
                assertEquals("", client.disk(0).get("device"));
                assertEquals("n", client.inserted(0).get("node-name"));
                assertEquals("Node n is in use", client.refused("blockdev-del", "node-name", "n"));
                assertEquals("Duplicate device ID 'vd'",
                        client.refused("device_add", "driver", "virtio-blk-pci", "drive", "f", "id", "vd"));
                client.ask("device_del", "id", "vd");
                assertEquals("/machine/peripheral/vd/virtio-backend", client.await("DEVICE_DELETED").get("path"));
                assertEquals(Map.of("device", "vd", "path", "/machine/peripheral/vd"), client.await("DEVICE_DELETED"));
                hot.console.take("ejected slot", BuiltInGuest.LIMIT);
            }
            client.ask("blockdev-del", "node-name", "n");
            client.ask("blockdev-del", "node-name", "f");
            assertEquals(List.of(), client.ask("query-block"));
            hot.end();
        }
    }

    /** Running and paused: RESET is told, and the guest starts anew once it may. */
    @Test
    void shouldStartAnewByTheResetButton() throws IOException, InterruptedException {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = writer(console, BuiltInGuest.disk(directory, BLOCKS))) {
            Client client = new Client(machine);
            machine.start();
            console.take("holding", BuiltInGuest.LIMIT);
            client.ask("system_reset");
            assertEquals(Map.of("guest", false, "reason", "host-qmp-system-reset"), client.await("RESET"));
            console.take("holding", BuiltInGuest.LIMIT);
            client.ask("stop");
            client.await("STOP");
            client.ask("system_reset");
            client.await("RESET");
            assertEquals("paused", ((Map<?, ?>) client.ask("query-status")).get("status"));
            client.ask("cont");
            client.await("RESUME");
            console.take("holding", BuiltInGuest.LIMIT);
            endsWell(machine, console);
        }
    }

    @Test
    void shouldEndByTheResetButtonWhereItDoesNotReboot() throws IOException, InterruptedException {
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig.Builder config = BuiltInGuest.machine("mode=hold", console)
                .drive(DriveConfig.of(BuiltInGuest.disk(directory, BLOCKS).toString())).reboots(false);
        try (VirtualMachine machine = VirtualMachine.create(config.build())) {
            Client client = new Client(machine);
            machine.start();
            client.ask("system_reset");
            assertEquals(new StopCause.Reset(false), machine.await(BuiltInGuest.LIMIT));
            client.monitor.ended(machine.stopCause());
            assertEquals(Map.of("guest", false, "reason", "host-qmp-system-reset"), client.await("SHUTDOWN"));
            assertFalse(console.text().contains("FAILED"), console::text);
        }
    }
}
