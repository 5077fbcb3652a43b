// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.testkit.EchoNic;
import dev.miraflores.devices.testkit.EchoPair;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A NIC that another process serves: from the driver's registers and control queue to the back end's rings, over several back ends. */
@Timeout(60)
class VhostUserNetTest {

    private static final long MAC = 0x02_00_00_00_00_0aL;
    private static final long NET = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC
            | NetFeatures.MRG_RXBUF | NetFeatures.MQ | NetFeatures.CSUM | NetFeatures.GUEST_CSUM | NetFeatures.MTU;
    private static final long LONG_NS = 20_000_000_000L;

    @TempDir
    Path directory;
    private final TestMachine machine = new TestMachine();
    private TestBackend backend;
    private VirtioNetDevice device;
    private EchoNic nic;
    private String path;

    @BeforeEach
    void makeBackend() {
        machine.backing = MemoryBacking.MEMFD;
        path = directory.resolve("s").toString();
        backend = newBackend();
    }

    private TestBackend newBackend() {
        TestBackend made = new TestBackend(path, MemorySegment.ofArray(new byte[512]));
        made.echoes = true;
        made.features = NET;
        made.queueNum = 2;
        made.protocolFeatures = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK, ProtocolFeature.RARP, ProtocolFeature.MTU);
        return made;
    }

    @AfterEach
    void close() {
        if (nic != null) {
            nic.close();
        } else {
            machine.close();
        }
        backend.close();
    }

    private VhostUserConfig config(int pairs) {
        return VhostUserConfig.of("n", path).withQueues(pairs, 1).withTimes(LONG_NS, LONG_NS, 50_000_000L);
    }

    private void open(int pairs, int mtu) {
        backend.start();
        NetDeviceConfig options = NetDeviceConfig.of("n", MAC).withQueues(pairs, EchoPair.QUEUE_SIZE).withMtu(mtu);
        device = VirtioNetDevice.open(options, VhostUserNetPath.open(config(pairs), MAC, mtu));
        nic = new EchoNic(machine, device, pairs);
    }

    private void start(long without) {
        nic.start(without);
        EchoNic.await("the first pair", () -> backend.isServed(0) && backend.isServed(1));
    }

    private void exchange(int pair, int number) {
        int before = nic.pair(pair).received().size();
        assertTrue(nic.pair(pair).send(number));
        EchoNic.await("packet " + number, () -> nic.pair(pair).received().size() == before + 1);
        assertEquals(number, nic.pair(pair).received().getLast());
    }

    @Test
    void shouldMovePacketsOfEachPairInUse() {
        open(2, 1400);
        assertEquals(0, nic.driver.deviceFeatures() & (RingFeatures.RING_PACKED | NetFeatures.RSS));
        start(0);
        assertEquals(NET & ~NetFeatures.MTU | NetFeatures.MTU | VhostFeatures.PROTOCOL_FEATURES, backend.acceptedFeatures);
        assertEquals(1, backend.count(FrontendRequest.NET_SET_MTU));
        assertEquals(1400, backend.lastNumber);
        assertEquals(0, backend.count(FrontendRequest.GET_CONFIG));
        exchange(0, 1);
        EchoNic.await("the notification", () -> nic.driver.takeUsedBufferNotification(0));
        assertFalse(backend.isServed(2));

        assertEquals(0, nic.usePairs(2));
        EchoNic.await("the second pair", () -> backend.isServed(2) && backend.isServed(3));
        exchange(1, 2);
        exchange(0, 3);
        assertEquals(0, nic.usePairs(1));
        assertFalse(backend.isServed(2), "the back end has done it when the driver is told");
        exchange(0, 4);
    }

    @Test
    void shouldNotSayThatItCanChangeWhatTheGuestTakes() {
        open(1, 0);
        assertEquals(0, nic.driver.deviceFeatures() & NetFeatures.CTRL_GUEST_OFFLOADS);
        start(0);
        assertNotEquals(0, nic.command(5, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        assertEquals(0, backend.count(FrontendRequest.NET_SET_MTU), "nothing was said of it");
        exchange(0, 1);
    }

    @Test
    void shouldStopTheRingsWhileTheLinkIsDown() {
        open(1, 0);
        start(0);
        exchange(0, 1);
        device.setLinkUp(false);
        EchoNic.await("a back end at rest", () -> !backend.isServed(0));
        device.setLinkUp(true);
        EchoNic.await("the pair", () -> backend.isServed(0) && backend.isServed(1));
        exchange(0, 2);
    }

    @Test
    void shouldStandStillWhilePausedAndAfterAReset() {
        open(1, 0);
        start(0);
        exchange(0, 1);
        device.pause();
        assertFalse(backend.isServed(0) || backend.isServed(1));
        assertTrue(nic.pair(0).send(2));
        device.resume();
        EchoNic.await("the packet", () -> nic.pair(0).received().equals(List.of(1, 2)));

        nic.driver.writeStatus(0);
        assertEquals(0, nic.driver.status());
        assertFalse(backend.isServed(0));
        start(0);
        exchange(0, 3);
    }

    /** Its guest announces itself, or else the back end is asked to say where it is. */
    @Test
    void shouldGoOnWithTheBackEndThatComesNext() {
        open(2, 0);
        start(0);
        assertEquals(0, nic.usePairs(2));
        EchoNic.await("the second pair", () -> backend.isServed(2));
        exchange(1, 1);
        for (int round = 0; round < 3; round++) {
            nic.driver.takeConfigNotification();
            int clients = backend.clients;
            backend.hangUp();
            EchoNic.await("another connection", () -> backend.clients == clients + 1);
            EchoNic.await("both pairs", () -> backend.isServed(0) && backend.isServed(3));
            EchoNic.await("the link", () -> nic.driver.takeConfigNotification() && (nic.driver.readConfig(6, 2) & 3) == 3);
            exchange(0, 10 + round);
            exchange(1, 20 + round);
            assertEquals(0, nic.command(3, 0), "VIRTIO_NET_CTRL_ANNOUNCE_ACK");
        }
        assertEquals(0, backend.count(FrontendRequest.SEND_RARP));
        assertFalse(nic.needsReset());
    }

    @Test
    void shouldHaveTheBackEndAnnounceAGuestThatCannot() {
        open(1, 0);
        start(NetFeatures.GUEST_ANNOUNCE);
        backend.hangUp();
        EchoNic.await("the announcement", () -> backend.count(FrontendRequest.SEND_RARP) == 1);
        EchoNic.await("its address", () -> backend.lastNumber == 0x0a_00_00_00_00_02L);
        EchoNic.await("the pair", () -> backend.isServed(0));
        exchange(0, 1);
    }

    @Test
    void shouldHaveTheLinkDownWhileThereIsNoBackEnd() {
        open(1, 0);
        start(0);
        backend.close();
        EchoNic.await("the link", () -> (nic.driver.readConfig(6, 2) & 1) == 0);
        assertTrue(nic.pair(0).send(1));
        backend = newBackend().start();
        EchoNic.await("the packet", () -> nic.pair(0).received().equals(List.of(1)));
        EchoNic.await("the link again", () -> (nic.driver.readConfig(6, 2) & 1) == 1);
    }

    /** As DPDK's and passt's do, who answer half of the rings that they have. */
    @Test
    void shouldTakeTheBackEndsQueuesForPairs() {
        backend.queueNum = 1;
        open(1, 0);
        start(0);
        exchange(0, 1);
        assertEquals(0, nic.driver.deviceFeatures() & NetFeatures.MQ);
    }

    @Test
    void shouldRefuseABackEndWithoutAPair() {
        backend.queueNum = 0;
        backend.start();
        NetException none = assertThrows(NetException.class, () -> VhostUserNetPath.open(config(0), MAC, 0));
        assertTrue(none.getMessage().endsWith("it serves no queue"), none.getMessage());
    }

    @Test
    void shouldSayWhyThereIsNoNic() {
        NetException nobody = assertThrows(NetException.class, () -> VhostUserNetPath.open(
            VhostUserConfig.of("n", path + ".no").withTimes(LONG_NS, LONG_NS, LONG_NS), MAC, 0));
        assertTrue(nobody.getMessage().startsWith("nic n: vhost-user=" + path + ".no: connect"), nobody.getMessage());
        assertTrue(nobody.getMessage().endsWith("; is a vhost-user-net back end listening there, and without another client?"),
            nobody.getMessage());
        backend.start();
        NetException few = assertThrows(NetException.class, () -> VhostUserNetPath.open(config(3), MAC, 0));
        assertTrue(few.getMessage().endsWith("queues=3, but it serves 2 at most; use as many or fewer"), few.getMessage());
    }
}
