// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.testkit.EchoNic;
import dev.miraflores.devices.testkit.EchoPair;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.Size;

/**
 * Whatever driver, operator and machine do to a NIC, and however often its back end goes and comes, packets arrive once and in order
 * (this back end has none in flight when it goes), and nothing is left open.
 */
class VhostUserNetProperties {

    private static final int PAIRS = 2;
    private static final long MAC = 0x02_00_00_00_00_0aL;
    private static final long LONG_NS = 20_000_000_000L;

    private byte[] script;
    private int at;
    private TestBackend backend;
    private VirtioNetDevice device;
    private EchoNic nic;
    private boolean started;
    private boolean paused;
    private int pairs;
    private int number;
    private final List<List<Integer>> sent = List.of(new ArrayList<>(), new ArrayList<>());

    private static int descriptors() {
        return new File("/proc/self/fd").list().length;
    }

    @Property(tries = 60)
    @Tag("class:lifetime")
    void everyLifeEndsInGoodOrder(@ForAll @Size(max = 40) byte[] steps) throws IOException {
        Path directory = Files.createTempDirectory("vu");
        int before = descriptors();
        script = steps;
        at = 0;
        started = false;
        paused = false;
        backend = new TestBackend(directory.resolve("s").toString(), MemorySegment.ofArray(new byte[512]));
        backend.echoes = true;
        backend.features = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC | NetFeatures.MRG_RXBUF
            | NetFeatures.MQ;
        backend.protocolFeatures = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK);
        backend.start();
        try (TestBackend _ = backend; EchoNic opened = open(directory.resolve("s").toString())) {
            nic = opened;
            play();
        }
        assertEquals(before, descriptors());
        Files.deleteIfExists(directory.resolve("s"));
        Files.delete(directory);
    }

    private EchoNic open(String path) {
        TestMachine machine = new TestMachine();
        machine.backing = MemoryBacking.MEMFD;
        VhostUserConfig config = VhostUserConfig.of("n", path).withQueues(PAIRS, 1).withTimes(LONG_NS, LONG_NS, 20_000_000L);
        device = VirtioNetDevice.open(
            NetDeviceConfig.of("n", MAC).withQueues(PAIRS, EchoPair.QUEUE_SIZE), VhostUserNetPath.open(config, MAC, 0));
        return new EchoNic(machine, device, PAIRS);
    }

    private int next(int bound) {
        return at < script.length ? (script[at++] & 0xff) % bound : 0;
    }

    private void play() {
        while (at < script.length) {
            step(next(10));
            for (int pair = 0; pair < PAIRS && started; pair++) {
                List<Integer> received = nic.pair(pair).received();
                assertEquals(sent.get(pair).subList(0, Math.min(received.size(), sent.get(pair).size())), received);
            }
        }
        device.resume();
        device.setLinkUp(true);
        for (int pair = 0; pair < pairs && started; pair++) {
            int each = pair;
            EchoNic.await("all that was sent", () -> nic.pair(each).received().size() >= sent.get(each).size());
            assertEquals(sent.get(pair), nic.pair(pair).received());
        }
        assertFalse(started && nic.needsReset());
    }

    private void step(int what) {
        switch (what) {
            case 0, 1 -> start();
            case 2 -> {
                nic.driver.writeStatus(0);
                assertEquals(0, nic.driver.status());
                started = false;
            }
            case 3 -> {
                paused = !paused;
                if (paused) {
                    device.pause();
                } else {
                    device.resume();
                }
            }
            case 4 -> device.setLinkUp(next(2) == 0);
            case 5 -> backend.leave();
            case 6 -> {
                if (started && !paused) { // or else no driver runs that could ask, and none is answered
                    pairs = 1 + next(PAIRS);
                    assertEquals(0, nic.usePairs(pairs));
                }
            }
            default -> send();
        }
    }

    private void start() {
        if (!started) {
            nic.start(0);
            sent.forEach(List::clear);
            started = true;
            pairs = 1;
        }
    }

    private void send() {
        int pair = next(PAIRS);
        if (started && pair < pairs && nic.pair(pair).send(number)) {
            sent.get(pair).add(number++);
        }
    }
}
