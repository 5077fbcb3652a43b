// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineCounter;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.devices.block.BlockBackend;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.BackendRequest;
import dev.miraflores.devices.vhostuser.ConfigAccess;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A front end drives the server in this process: features, set-up, requests, reconnecting, migration. */
class VhostUserBlockServerTest {

    private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    private static final long PACKED = SPLIT | RingFeatures.RING_PACKED;
    private static final int DISK_BYTES = 1 << 20;

    @TempDir
    Path directory;

    private Path image;
    private byte[] content;
    private VirtioBlockDevice device;
    private VhostUserBlockServer server;
    private FrontEnd front;

    @BeforeEach
    void make() throws IOException {
        content = new byte[DISK_BYTES];
        new Random(7).nextBytes(content);
        image = Files.write(directory.resolve("disk.img"), content);
    }

    private void serve() {
        serve(BlockDeviceConfig.raw("disk0", image.toString()).queues(4).build(), null);
    }

    private void serve(BlockDeviceConfig config, BlockBackend backend) {
        device = backend == null ? VirtioBlockDevice.open(config) : VirtioBlockDevice.open(config, backend);
        server = VhostUserBlockServer.start(device, socket());
        front = new FrontEnd(4);
        front.connect(socket());
    }

    private String socket() {
        return directory.resolve("s").toString();
    }

    @AfterEach
    void end() {
        if (front != null) {
            front.close();
        }
        if (server != null) {
            server.close();
            device.close();
        }
    }

    private static void await(String what, BooleanSupplier condition) {
        for (int i = 0; !condition.getAsBoolean(); i++) {
            assertTrue(i < FrontEnd.TIMEOUT_MS, () -> "waited in vain until " + what);
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Test
    void shouldOfferWhatTheDeviceHas() {
        serve();
        assertEquals(device.features() | VhostFeatures.ALL, front.get(FrontendRequest.GET_FEATURES));
        assertEquals(Commands.PROTOCOL_FEATURES, front.get(FrontendRequest.GET_PROTOCOL_FEATURES));
        assertEquals(4, front.get(FrontendRequest.GET_QUEUE_NUM));
        assertEquals(MemoryTable.MAX_SLOTS, front.get(FrontendRequest.GET_MAX_MEM_SLOTS));
    }

    @ParameterizedTest
    @ValueSource(longs = {RingFeatures.VERSION_1, SPLIT, PACKED, RingFeatures.VERSION_1 | RingFeatures.RING_PACKED})
    void shouldReadAndWrite(long features) throws IOException {
        serve();
        front.beginWithRing(features);

        assertArrayEquals(Arrays.copyOfRange(content, 512, 512 + 8192), front.read(0, 1, 8192));
        byte[] written = new byte[4096];
        new Random(1).nextBytes(written);
        for (int i = 0; i < 200; i++) { // round the ring, and round again
            written[0] = (byte) i;
            assertEquals(0, front.write(0, 8, written));
        }
        assertEquals(0, front.request(0, FrontEnd.FLUSH, 0, 0, 0));
        assertArrayEquals(written, Arrays.copyOfRange(Files.readAllBytes(image), 4096, 8192));
    }

    @Test
    void shouldServeSeveralRings() {
        serve();
        front.begin(SPLIT);
        for (int ring = 0; ring < 4; ring++) {
            front.makeDriver(ring);
            front.start(ring, 0);
        }
        for (int ring = 3; ring >= 0; ring--) {
            assertArrayEquals(Arrays.copyOfRange(content, 1024, 2048), front.read(ring, 2, 1024));
        }
    }

    /** Ring states: any order of the set-up messages, and the ring runs after the last of them. */
    @Test
    void shouldTakeTheSetUpInAnyOrder() {
        serve();
        Random random = new Random(5);
        for (int round = 0; round < 30; round++) {
            front.begin(SPLIT);
            front.makeDriver(0);
            List<Integer> order = Arrays.asList(0, 1, 2, 3, 4, 5, 6);
            do {
                Collections.shuffle(order, random); // a started ring takes no other size and place
            } while (order.indexOf(6) < order.indexOf(0) || order.indexOf(6) < order.indexOf(1));
            for (int step : order) {
                switch (step) {
                    case 0 -> front.setNum(0);
                    case 1 -> front.setBase(0, 0);
                    case 2 -> front.setAddress(0);
                    case 3 -> front.enable(0, true);
                    case 4 -> front.setCall(0);
                    case 5 -> front.setError(0);
                    default -> front.setKick(0);
                }
            }
            assertArrayEquals(Arrays.copyOfRange(content, 0, 512), front.read(0, 0, 512));
            front.enable(0, false);
            assertNotEquals(0, front.getBase(0));
            front.disconnect();
            front.connect(socket());
        }
    }

    @Test
    void shouldNotProcessADisabledRing() {
        serve();
        front.beginWithRing(SPLIT);
        front.enable(0, false);
        front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        front.enable(0, false); // says that it has been looked at
        assertEquals(-1, front.drivers[0].pollUsed());

        front.enable(0, true);
        front.awaitUsed(0);
        assertEquals(0, front.status(0));
    }

    /** SET_FEATURES without F_PROTOCOL_FEATURES enables all rings. */
    @Test
    void shouldEnableRingsForWhoKnowsNoProtocolFeatures() {
        serve();
        front.features = SPLIT;
        front.request(FrontendRequest.SET_FEATURES).u64(SPLIT);
        front.send();
        RegionDescription.writeTable(front.request(FrontendRequest.SET_MEM_TABLE), front.regions());
        front.send(front.file.number(), front.file.number());
        front.makeDriver(0);
        new VringState(0, FrontEnd.SIZE).write(front.request(FrontendRequest.SET_VRING_NUM));
        front.send();
        front.address(0, 0, 0).write(front.request(FrontendRequest.SET_VRING_ADDR));
        front.send();
        new VringFd(0, true).write(front.request(FrontendRequest.SET_VRING_CALL));
        front.send(front.calls[0].number());
        new VringFd(0, true).write(front.request(FrontendRequest.SET_VRING_KICK));
        front.send(front.kicks[0].number());

        assertArrayEquals(Arrays.copyOfRange(content, 0, 512), front.read(0, 0, 512));
    }

    @Test
    void shouldPollARingWithoutKick() {
        serve();
        front.begin(RingFeatures.VERSION_1);
        front.makeDriver(0);
        front.setNum(0);
        front.setBase(0, 0);
        front.setAddress(0);
        front.setCall(0);
        front.enable(0, true);
        new VringFd(0, false).write(front.request(FrontendRequest.SET_VRING_KICK));
        front.done();
        for (int i = 0; i < 5; i++) {
            front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);
            front.kicks[0].drain(); // nobody has it
            front.awaitUsed(0);
        }
        // And without call: the front end polls.
        new VringFd(0, false).write(front.request(FrontendRequest.SET_VRING_CALL));
        front.done();
        front.calls[0].drain();
        front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        await("the request is done", () -> front.drivers[0].pollUsed() >= 0);
        assertEquals(0, front.calls[0].drain());
    }

    @ParameterizedTest
    @ValueSource(longs = {SPLIT, PACKED})
    void shouldGoOnWhereItStopped(long features) {
        serve();
        front.beginWithRing(features);
        for (int i = 0; i < 100; i++) {
            front.read(0, i, 512);
        }
        int base = front.getBase(0);
        front.submit(0, 1, FrontEnd.IN, 5, FrontEnd.DATA, 512);
        assertEquals(base, front.getBase(0), "a ring that is stopped is not processed");
        front.disconnect();

        front.connect(socket()).begin(features);
        front.start(0, base);
        front.awaitUsed(0);
        assertEquals(0, front.status(1));
        front.read(0, 1, 512);
    }

    @Test
    void shouldSwapTheCallWhileItRuns() {
        serve();
        front.beginWithRing(SPLIT);
        for (int i = 0; i < 300; i++) {
            front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);
            front.setCall(0);
            front.awaitUsed(0);
        }
    }

    // ---- configuration

    @Test
    void shouldShowItsConfiguration() {
        serve();
        byte[] config = front.config(0, 60);
        assertEquals(DISK_BYTES / 512, config[0] & 0xFF | (config[1] & 0xFF) << 8);
        byte[] longer = front.config(32, 200);
        assertEquals(1, longer[0]);
        assertEquals(0, longer[199]);
        assertNull(front.config(0, 257));
        assertNull(front.config(300, 1));
        front.request(FrontendRequest.GET_CONFIG).size(5);
        assertEquals(0, front.ask(new int[0]).size());
    }

    @Test
    void shouldTakeTheWriteCacheAndNothingElse() {
        serve();
        front.begin(SPLIT);
        assertEquals(0, front.setConfig(32, 0, (byte) 0));
        assertEquals(0, front.config(32, 1)[0]);
        assertNotEquals(0, front.setConfig(0, 0, (byte) 1));
        assertNotEquals(0, front.setConfig(31, 0, (byte) 1, (byte) 1));
        // With the bit for live migration all of it is taken, and what can be set is.
        byte[] all = front.config(0, 60);
        all[32] = 1;
        assertEquals(0, front.setConfig(0, ConfigAccess.MIGRATION, all));
        assertEquals(1, front.config(32, 1)[0]);
        // It is the driver's, so that stopping a ring does not change it, and a reset does.
        front.makeDriver(0);
        front.start(0, 0);
        assertEquals(0, front.setConfig(32, 0, (byte) 0));
        front.getBase(0);
        assertEquals(0, front.config(32, 1)[0]);
        front.request(FrontendRequest.RESET_DEVICE);
        front.done();
        assertEquals(1, front.config(32, 1)[0]);
    }

    @Test
    void shouldTellOfANewSize() throws Exception {
        HeldBackend backend = new HeldBackend(false);
        serve(BlockDeviceConfig.nothing("disk0").build(), backend);
        UnixSocket[] ends = UnixSocket.pair();
        try (VhostUserConnection channel = new VhostUserConnection(ends[0]); Message event = new Message()) {
            front.begin(SPLIT);
            front.request(FrontendRequest.SET_BACKEND_REQ_FD);
            front.done(ends[1].number());
            ends[1].close();
            device.resize(2 * HeldBackend.BYTES); // while no ring runs it is said later
            front.makeDriver(0);
            front.start(0, 0);
            assertTrue(channel.receive(event, FrontEnd.TIMEOUT_MS));
            assertEquals(BackendRequest.CONFIG_CHANGE_MSG, BackendRequest.of(event.code()));
            assertEquals(2 * HeldBackend.BYTES / 512, front.config(0, 8)[1] << 8 & 0xFFFF);

            device.resize(3 * HeldBackend.BYTES);
            assertTrue(channel.receive(event, FrontEnd.TIMEOUT_MS));
            assertEquals(BackendRequest.CONFIG_CHANGE_MSG, BackendRequest.of(event.code()));
            front.disconnect();
            assertFalse(channel.receive(event, FrontEnd.TIMEOUT_MS), "closed with the session");
        }
    }

    // ---- memory

    @Test
    void shouldTakeMemoryRegionByRegion() {
        serve();
        front.begin(SPLIT);
        List<RegionDescription> regions = front.regions();
        regions.get(1).writeSingle(front.request(FrontendRequest.REM_MEM_REG));
        front.done();
        front.makeDriver(0);
        front.start(0, 0);
        front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.HIGH + 0x2000, 512); // to what is no memory now
        front.awaitUsed(0);
        assertEquals((byte) 0xEE, front.status(0));

        regions.get(1).writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
        front.done(front.file.number());
        front.read(0, 0, 512);
        // Without the ring's own memory it does not run; once it is back it goes on.
        regions.get(0).writeSingle(front.request(FrontendRequest.REM_MEM_REG));
        front.done(front.file.number()); // a descriptor is closed unused
        front.submit(0, 1, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        await("it is said", () -> front.errors[0].drain() != 0);
        regions.get(0).writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
        front.done(front.file.number());
        front.awaitUsed(0);
        assertEquals(0, front.status(1));
    }

    @Test
    @Tag("class:vhost-user")
    void shouldRefuseMemoryThatCannotBe() {
        serve();
        front.begin(SPLIT);
        long bytes = FrontEnd.REGION_BYTES;
        long user = FrontEnd.USER + (1L << 40);
        List<RegionDescription> bad = List.of(
            new RegionDescription(1L << 40, 0, user, 0),
            new RegionDescription(1L << 40, -1, user, 0),
            new RegionDescription(1L << 40, Long.MAX_VALUE, user, 0),
            new RegionDescription(-4096, bytes, user, 0),
            new RegionDescription(Long.MAX_VALUE - 4095, bytes, user, 0),
            new RegionDescription(1L << 40, bytes, -4096, 0),
            new RegionDescription((1L << 40) + 1, bytes, user, 0),
            new RegionDescription(1L << 40, bytes, user, 1),
            new RegionDescription(1L << 40, bytes, user, -4096),
            new RegionDescription(1L << 40, bytes, user, bytes + 4096),
            new RegionDescription(1L << 40, 3 * bytes, user, 0),
            new RegionDescription(bytes - 4096, bytes, user, 0),
            new RegionDescription(1L << 40, bytes, FrontEnd.USER + 4096, 0));
        for (RegionDescription region : bad) {
            region.writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
            assertNotEquals(0, front.acknowledged(front.file.number()), region.toString());
            RegionDescription.writeTable(front.request(FrontendRequest.SET_MEM_TABLE), List.of(front.regions().get(0), region));
            assertNotEquals(0, front.acknowledged(front.file.number(), front.file.number()), region.toString());
        }
        RegionDescription good = new RegionDescription(1L << 40, bytes, user, 0);
        good.writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
        assertNotEquals(0, front.acknowledged(), "without a descriptor");
        good.writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
        assertNotEquals(0, front.acknowledged(front.kicks[0].number()), "no file");
        good.writeSingle(front.request(FrontendRequest.REM_MEM_REG));
        assertNotEquals(0, front.acknowledged(), "not there");
        RegionDescription.writeTable(front.request(FrontendRequest.SET_MEM_TABLE), front.regions());
        assertNotEquals(0, front.acknowledged(front.file.number()), "too few descriptors");
        // What was there before has stayed.
        front.makeDriver(0);
        front.start(0, 0);
        front.read(0, 0, 512);
    }

    /**
     * The front end's balloon punches holes into what it shares, and says nothing: the kernel must not hold on to pages, or what is
     * read goes into one that the guest no longer has.
     */
    @Test
    @Tag("class:lifetime")
    void shouldReadIntoThePageThatTheGuestHasNow() {
        assumeTrue(KernelFeatures.host().isAvailable(), () -> "no io_uring: " + KernelFeatures.host().whyNot());
        serve(BlockDeviceConfig.raw("disk0", image.toString()).cache(CacheMode.NONE).build(), null);
        front.beginWithRing(SPLIT);
        GuestMemory shared = front.memory.discardable();
        for (int sector = 0; sector < 64; sector += 8) {
            assertArrayEquals(Arrays.copyOfRange(content, sector * 512, sector * 512 + 4096), front.read(0, sector, 4096));
            assertEquals(4096, shared.discard(FrontEnd.HIGH + 0x2000, 4096));
        }
        assertEquals(0, device.counters(0).engine().get(EngineCounter.FIXED_BUFFER));
    }

    /** Truncation takes pages away that the device has mapped: its ring ends, and nothing else does. */
    @Test
    @Tag("class:vhost-user")
    void shouldSurviveMemoryThatGoesAway() {
        serve();
        front.beginWithRing(SPLIT);
        front.read(0, 0, 512);
        FileIo.ftruncate(front.file.number(), 0);
        front.kicks[0].signal();
        await("the ring has ended", () -> front.errors[0].drain() != 0);
        front.disconnect();

        try (FrontEnd next = new FrontEnd(1)) {
            next.connect(socket());
            next.beginWithRing(SPLIT);
            assertArrayEquals(Arrays.copyOfRange(content, 0, 512), next.read(0, 0, 512));
        }
    }

    // ---- reconnecting

    /**
     * A back end that ends with requests in flight, as by kill -9, and another that takes over: all are done, in the order they
     * were made in, those not yet fetched after them.
     */
    @ParameterizedTest
    @ValueSource(longs = {SPLIT, PACKED})
    void shouldLoseNothingWhenItIsKilled(long features) {
        HeldBackend dying = new HeldBackend(true);
        serve(BlockDeviceConfig.nothing("disk0").drainNs(200_000_000L).build(), dying);
        HeldBackend living = new HeldBackend(false);
        String other = directory.resolve("other").toString();
        VirtioBlockDevice second = VirtioBlockDevice.open(BlockDeviceConfig.nothing("disk1").build(), living);
        Fd inflight = null;
        VhostUserConnection first = front.connection;
        try (VhostUserBlockServer after = VhostUserBlockServer.start(second, other)) {
            front.begin(features);
            inflight = front.getInflight(1);
            front.setInflight(inflight, 1);
            front.makeDriver(0);
            front.start(0, front.freshBase());
            for (int i = 0; i < 20; i++) {
                front.submit(0, i, FrontEnd.OUT, i, FrontEnd.DATA, 512);
            }
            await("all are in flight", () -> dying.held() == 20);
            for (int i = 0; i < 5; i++) {
                dying.completeLast(); // 19 to 15
                front.awaitUsed(0);
            }
            // From here on the first process is as good as dead: it holds what it has.
            front.connect(other);
            assertTrue(after.path().equals(other));
            front.begin(features);
            front.setInflight(inflight, 1);
            front.submit(0, 20, FrontEnd.OUT, 20, FrontEnd.DATA, 512);
            front.start(0, features == PACKED ? front.freshBase() : 0x7777); // a base that nobody believes
            for (int i = 0; i < 16; i++) {
                front.awaitUsed(0);
            }
            for (int i = 0; i < 15; i++) {
                assertEquals(i * 512L, living.offsets.get(i));
                assertEquals(0, front.status(i));
            }
            assertEquals(20 * 512L, living.offsets.get(15));
            assertEquals(16, living.offsets.size());
            front.getBase(0);
            front.disconnect();
        } finally {
            second.close();
            if (inflight != null) {
                inflight.close();
            }
            dying.letGo();
            first.close();
        }
    }

    /** Without being killed: a front end that reconnects finds all answered. */
    @Test
    void shouldAnswerWhatIsInFlightWhenTheFrontEndGoes() {
        HeldBackend backend = new HeldBackend(true);
        serve(BlockDeviceConfig.nothing("disk0").build(), backend);
        front.beginWithRing(SPLIT);
        front.submit(0, 0, FrontEnd.OUT, 0, FrontEnd.DATA, 512);
        await("it is in flight", () -> backend.held() == 1);
        front.disconnect();
        backend.letGo();

        front.awaitUsed(0);
        assertEquals(0, front.status(0));
        front.connect(socket());
        front.begin(SPLIT);
        front.start(0, 1);
        assertEquals(0, front.request(0, FrontEnd.OUT, 1, FrontEnd.DATA, 512));
    }

    @Test
    void shouldAnswerWhatIsInFlightBeforeItEnds() {
        HeldBackend backend = new HeldBackend(true);
        serve(BlockDeviceConfig.nothing("disk0").build(), backend);
        front.beginWithRing(SPLIT);
        front.submit(0, 0, FrontEnd.OUT, 0, FrontEnd.DATA, 512);
        await("it is in flight", () -> backend.held() == 1);
        Thread closer = Thread.ofPlatform().start(server::close);
        backend.letGo();

        assertTrue(front.isDropped());
        assertTrue(front.drivers[0].pollUsed() >= 0, "answered before the connection was closed");
        try {
            closer.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        assertFalse(Files.exists(Path.of(socket())));
    }

    /** What does not finish keeps its memory, and the next front end waits outside until it has. */
    @Test
    void shouldRefuseFrontEndsWhileItHangs() {
        HeldBackend backend = new HeldBackend(true);
        serve(BlockDeviceConfig.nothing("disk0").drainNs(50_000_000L).build(), backend);
        front.beginWithRing(SPLIT);
        front.submit(0, 0, FrontEnd.OUT, 0, FrontEnd.DATA, 512);
        await("it is in flight", () -> backend.held() == 1);
        front.disconnect();
        await("it has ended", () -> !server.isConnected());
        // A stage or format that does not complete is given up, as the kernel has nothing: so the disk may be of use again.
        backend.letGo();
        await("a front end is served", () -> {
            front.disconnect();
            front.connect(socket());
            try {
                front.connection.send(front.request(FrontendRequest.GET_QUEUE_NUM), FrontEnd.TIMEOUT_MS);
            } catch (ProtocolException refused) {
                return false;
            }
            return !front.isDropped();
        });
    }

    // ---- reset and status

    @Test
    void shouldResetTheDevice() {
        serve();
        front.beginWithRing(SPLIT);
        front.read(0, 0, 512);
        front.request(FrontendRequest.SET_STATUS).u64(0xF);
        front.done();
        assertEquals(0xF, front.get(FrontendRequest.GET_STATUS));
        front.request(FrontendRequest.RESET_DEVICE);
        front.done();
        assertEquals(0, front.get(FrontendRequest.GET_STATUS));
        assertEquals(0, front.getBase(0));

        front.request(FrontendRequest.SET_FEATURES).u64(SPLIT | VhostFeatures.PROTOCOL_FEATURES);
        front.done();
        front.makeDriver(0);
        front.start(0, 0);
        front.read(0, 0, 512);
        front.request(FrontendRequest.SET_STATUS).u64(0xF);
        front.done();
        front.request(FrontendRequest.SET_STATUS).u64(0);
        front.done();
        front.submit(0, 1, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        assertEquals(1, front.getBase(0), "stopped by the reset");
    }

    @Test
    void shouldSayThatARingIsBroken() {
        serve();
        front.beginWithRing(SPLIT);
        front.ram.set(ValueLayout.JAVA_SHORT, FrontEnd.geometry(0).driverGpa() + 2, (short) 5000); // more than it holds
        front.kicks[0].signal();
        await("it is said", () -> front.errors[0].drain() != 0);
        assertEquals(0x40, front.get(FrontendRequest.GET_STATUS));
        front.getBase(0);
        front.makeDriver(0);
        front.start(0, 0);
        front.read(0, 0, 512);
    }

    // ---- migration

    @ParameterizedTest
    @ValueSource(longs = {SPLIT, PACKED})
    void shouldLogWhatItWrites(long features) {
        serve();
        long logBytes = (FrontEnd.HIGH + FrontEnd.REGION_BYTES >> 12) / 8;
        try (Fd fd = Memfd.createSealed("log", logBytes);
                Mapping log = Mapping.file(fd.number(), 0, logBytes, Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED)) {
            front.beginWithRing(features);
            front.read(0, 0, 512);
            assertEquals(new BitSet(), pages(log));
            front.setLog(fd, logBytes);
            front.request(FrontendRequest.SET_FEATURES).u64(features | VhostFeatures.ALL);
            front.done();
            front.address(0, VringAddress.F_LOG, FrontEnd.geometry(0).deviceGpa()).write(front.request(FrontendRequest.SET_VRING_ADDR));
            front.done();

            front.read(0, 0, 3 * 4096); // to 2000 hexadecimal in the high region
            BitSet expected = new BitSet();
            expected.set((int) (FrontEnd.HIGH + 0x2000 >> 12), (int) (FrontEnd.HIGH + 0x5000 >> 12));
            expected.set(0x80);                                                  // the status byte
            expected.set((int) (FrontEnd.geometry(0).deviceGpa() >> 12));        // used ring, or device event suppression
            if ((features & RingFeatures.RING_PACKED) != 0) {
                expected.set(0);                                                 // descriptor ring
            }
            await("the device asks for notifications too", () -> expected.equals(pages(log)));

            log.segment().fill((byte) 0);
            front.write(0, 0, new byte[4096]);
            expected.clear((int) (FrontEnd.HIGH >> 12), (int) (FrontEnd.HIGH >> 12) + 16);
            await("and nothing else", () -> expected.equals(pages(log)));
            // And no more once it is told so.
            front.request(FrontendRequest.SET_FEATURES).u64(features | VhostFeatures.PROTOCOL_FEATURES);
            front.done();
            front.address(0, 0, 0).write(front.request(FrontendRequest.SET_VRING_ADDR));
            front.done();
            log.segment().fill((byte) 0);
            front.read(0, 0, 4096);
            assertEquals(new BitSet(), pages(log));
        }
    }

    private static BitSet pages(Mapping log) {
        return BitSet.valueOf(log.segment().toArray(ValueLayout.JAVA_BYTE));
    }

    // ---- what is refused

    @Test
    @Tag("class:vhost-user")
    void shouldRefuseWhatDoesNotFit() {
        serve();
        front.beginWithRing(SPLIT);
        front.request(FrontendRequest.SET_FEATURES).u64(1L << 40);
        assertNotEquals(0, front.acknowledged());
        front.request(FrontendRequest.SET_FEATURES).u64(PACKED | VhostFeatures.PROTOCOL_FEATURES);
        assertNotEquals(0, front.acknowledged(), "while a ring is started");
        new VringState(0, FrontEnd.SIZE).write(front.request(FrontendRequest.SET_VRING_NUM));
        assertNotEquals(0, front.acknowledged(), "while it is started");
        new VringState(0, 9).write(front.request(FrontendRequest.SET_VRING_BASE));
        assertNotEquals(0, front.acknowledged(), "while it is started");
        new VringState(4, FrontEnd.SIZE).write(front.request(FrontendRequest.SET_VRING_NUM));
        assertNotEquals(0, front.acknowledged(), "no such ring");
        new VringState(1, 1 << 20).write(front.request(FrontendRequest.SET_VRING_NUM));
        assertNotEquals(0, front.acknowledged(), "too long");
        new VringFd(1, true).write(front.request(FrontendRequest.SET_VRING_KICK));
        assertNotEquals(0, front.acknowledged(), "without its descriptor");
        new VringFd(1, false).write(front.request(FrontendRequest.SET_VRING_KICK));
        assertNotEquals(0, front.acknowledged(front.kicks[1].number()), "with one that it does not have");
        new VringFd(1, true).write(front.request(FrontendRequest.SET_VRING_CALL));
        assertNotEquals(0, front.acknowledged(front.file.number()), "no eventfd");
        front.request(FrontendRequest.SET_BACKEND_REQ_FD);
        assertNotEquals(0, front.acknowledged(front.file.number()), "no socket");
        front.request(FrontendRequest.SET_LOG_FD);
        assertNotEquals(0, front.acknowledged());
        for (FrontendRequest request : List.of(FrontendRequest.IOTLB_MSG, FrontendRequest.POSTCOPY_ADVISE,
                FrontendRequest.VRING_KICK, FrontendRequest.SEND_RARP, FrontendRequest.SET_DEVICE_STATE_FD)) {
            front.request(request).u64(0);
            assertNotEquals(0, front.acknowledged(), request.toString());
        }
        front.read(0, 0, 512);
    }

    /** Without a way to say so the connection ends; the next front end is served. */
    @Test
    void shouldDropWhoCannotBeTold() {
        serve();
        for (int code : new int[] {0, 999, -1, FrontendRequest.IOTLB_MSG.code()}) {
            front.message.reply(code).u64(0);
            front.message.payload();
            front.send();
            assertTrue(front.isDropped(), "message " + code);
            front.connect(socket());
        }
        front.request(FrontendRequest.SET_VRING_NUM).size(3);
        front.send();
        assertTrue(front.isDropped());
        front.connect(socket());
        front.beginWithRing(SPLIT);
        front.read(0, 0, 512);
    }

    @Test
    @Tag("class:vhost-user")
    void shouldLeaveNoDescriptorAndNoMappingBehind() throws IOException {
        serve();
        long before = 0;
        for (int round = 0; round < 12; round++) {
            front.beginWithRing(SPLIT);
            try (Fd inflight = front.getInflight(4)) {
                front.getBase(0);
                front.setInflight(inflight, 4);
            }
            front.setKick(0);
            front.setKick(0);
            front.setMemory();
            if (round % 3 == 0) {
                front.message.request(FrontendRequest.SET_MEM_TABLE).size(200);
                front.send(front.file.number(), front.kicks[0].number());
                assertTrue(front.isDropped());
            }
            front.disconnect();
            await("it is over", () -> !server.isConnected());
            if (round == 2) {
                before = resources();
            }
            front.connect(socket());
        }
        front.disconnect();
        await("it is over", () -> !server.isConnected());
        assertEquals(before, resources(), 6, "descriptors and mappings of memory files");
    }

    private static long resources() throws IOException {
        int fds = Path.of("/proc/self/fd").toFile().list().length;
        return fds + Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> line.contains("memfd:")).count();
    }
}
