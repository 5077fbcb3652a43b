// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.vhostuser.BackendRequest;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.frontend.TestBackend;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The front end of vhost-user before back ends that keep the protocol, that come and go, and that are slow. */
class VhostUserDiskTest {

    private static final int QUEUE_SIZE = 64;
    private static final int DISK_BYTES = 1 << 20;
    private static final long SOON_NS = 300_000_000L;
    private static final long LONG_NS = 20_000_000_000L;

    @TempDir
    Path directory;
    private final MemorySegment disk = Arena.ofAuto().allocate(DISK_BYTES, 8);
    private final List<String> ends = new CopyOnWriteArrayList<>();
    private String path;
    private TestBackend backend;
    private VhostUserBlockDevice device;
    private BlockDriver driver;

    @BeforeEach
    void makeBackend() {
        path = directory.resolve("s").toString();
        backend = new TestBackend(path, disk);
    }

    @AfterEach
    void close() {
        if (device != null) {
            device.close();
        }
        backend.close();
        if (driver != null) {
            driver.close();
        }
    }

    private VhostUserConfig config() {
        return VhostUserConfig.of("d", path).withQueueSize(QUEUE_SIZE).withTimes(LONG_NS, LONG_NS, 50_000_000L);
    }

    private void open(VhostUserConfig config) {
        backend.start();
        device = VhostUserBlockDevice.open(config);
        device.setNeedsResetListener(ends::add);
    }

    private void run(VhostUserConfig config) {
        open(config);
        driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD);
        driver.start();
    }

    private void awaitRunning() {
        await("the rings", () -> backend.count(FrontendRequest.SET_VRING_ENABLE) == device.queueCount());
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + LONG_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not in time: " + what);
            }
            Thread.onSpinWait();
        }
    }

    private static byte[] pattern(int seed) {
        byte[] bytes = new byte[4096];
        Arrays.fill(bytes, (byte) seed);
        return bytes;
    }

    private void write(int slot, long sector, int seed) {
        long gpa = BlockDriver.DATA + 4096L * slot;
        driver.put(gpa, pattern(seed));
        driver.describe(slot, BlockDriver.OUT, sector, gpa, 4096);
        driver.add();
        driver.notifyDevice();
    }

    private void assertOnDisk(long sector, int seed) {
        assertArrayEquals(pattern(seed), disk.asSlice(sector * 512, 4096).toArray(ValueLayout.JAVA_BYTE));
    }

    private void awaitUsed(int count) {
        for (int i = 0; i < count; i++) {
            driver.awaitUsed();
        }
    }

    // What it is.

    @Test
    void shouldBeWhatTheBackEndSays() {
        backend.features |= 1L << 5 | 1L << 33 | 1L << 24;
        open(config().withQueues(0, 3));

        assertEquals(3, device.queueCount());
        assertEquals(QUEUE_SIZE, device.maxQueueSize(2));
        assertTrue(device.isReadOnly());
        // ACCESS_PLATFORM and NOTIFY_ON_EMPTY are none that can be passed on.
        assertEquals(0, device.features() & (1L << 33 | 1L << 24 | VhostFeatures.ALL));
        assertEquals(DISK_BYTES / 512, device.readConfig(0, 8));
        assertEquals(DISK_BYTES, device.byteSize());
        assertEquals(126, device.readConfig(12, 4));
        assertEquals(3, device.readConfig(34, 2), "num_queues is the front end's");
        assertEquals(36, device.configByteSize());
    }

    @Test
    void shouldHaveNoMoreQueuesThanTheBackEndServes() {
        backend.queueNum = 2;
        open(config().withQueues(0, 3));
        assertEquals(2, device.queueCount());
    }

    /** Without INFLIGHT_SHMFD a packed ring could not go on after its back end. */
    @Test
    void shouldOfferPackedRingsOnlyWithInflightArea() {
        backend.features |= RingFeatures.RING_PACKED;
        backend.protocolFeatures &= ~ProtocolFeature.INFLIGHT_SHMFD.mask();
        open(config());
        assertEquals(0, device.features() & RingFeatures.RING_PACKED);
    }

    // What it does.

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldPassRequestsToTheBackEnd(boolean packed) {
        backend.features |= packed ? RingFeatures.RING_PACKED : 0;
        run(config());
        assertEquals(packed, (device.features() & RingFeatures.RING_PACKED) != 0);

        for (int i = 0; i < 300; i++) {
            driver.put(BlockDriver.DATA, pattern(i));
            assertEquals(0, driver.request(BlockDriver.OUT, 8 * (i % 200), BlockDriver.DATA, 4096));
        }
        assertOnDisk(8 * 99, 299 & 0xff);
        assertEquals(0, driver.request(BlockDriver.IN, 8 * 99, BlockDriver.DATA + 4096, 4096));
        assertArrayEquals(pattern(299 & 0xff), driver.bytes(BlockDriver.DATA + 4096, 4096));
        assertEquals(VhostFeatures.PROTOCOL_FEATURES, backend.acceptedFeatures & VhostFeatures.ALL);
        // By BlockDriver's interrupt no event goes by itself: the control thread has passed them on.
        await("interrupts", () -> driver.interrupts.get() > 0);
    }

    @Test
    void shouldServeAllQueues() {
        run(config().withQueues(4, 1));
        for (int queue = 0; queue < 4; queue++) {
            driver.use(queue);
            driver.put(BlockDriver.DATA, pattern(queue + 1));
            assertEquals(0, driver.request(BlockDriver.OUT, 8 * queue, BlockDriver.DATA, 4096));
            assertOnDisk(8 * queue, queue + 1);
        }
    }

    /** virtio 1.3 §5.2.5.2: the driver sets the cache's mode, and what it writes next depends on it. */
    @Test
    void shouldTellTheBackEndWhatTheDriverWritesToConfiguration() {
        run(config());
        awaitRunning();
        device.writeConfig(32, 1, 0);
        assertEquals(0, backend.config[32]);
        assertEquals(0, device.readConfig(32, 1));
        device.writeConfig(0, 8, 1);
        device.writeConfig(32, 2, 1);
        assertEquals(0, device.readConfig(32, 1));
        assertEquals(1, backend.count(FrontendRequest.SET_CONFIG));

        device.reset();
        assertEquals(1, device.readConfig(32, 1));
        assertEquals(1, backend.config[32]);
    }

    @Test
    void shouldTellTheDriverOfAnotherConfiguration() throws Exception {
        run(config());
        await("the channel", () -> backend.channel() != null);
        MemorySegment.ofArray(backend.config).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, 4096);
        try (Message message = new Message()) {
            backend.channel().send(message.request(BackendRequest.CONFIG_CHANGE_MSG).needReply(), 1000);
            assertTrue(backend.channel().receive(message, 10_000));
            assertEquals(0, message.u64());

            await("the change", () -> driver.configChanges.get() == 1);
            assertEquals(4096, device.readConfig(0, 8));
            assertEquals(1, device.readConfig(34, 2));

            backend.channel().send(message.request(BackendRequest.IOTLB_MSG).needReply(), 1000);
            assertTrue(backend.channel().receive(message, 10_000));
            assertNotEquals(0, message.u64(), "nothing else is granted");
        }
    }

    @Test
    void shouldStopRingsOnResetAndStartThemAgain() {
        run(config().withQueues(2, 1));
        write(0, 0, 1);
        awaitUsed(1);
        device.reset();
        assertEquals(2, backend.count(FrontendRequest.GET_VRING_BASE));
        assertEquals(1, backend.count(FrontendRequest.RESET_DEVICE));
        assertFalse(device.isHung());

        driver.start();
        write(0, 8, 2);
        awaitUsed(1);
        assertOnDisk(8, 2);
        assertEquals(0, backend.bases[0]);
        assertEquals(2, backend.count(FrontendRequest.GET_INFLIGHT_FD), "a driver's start has an area of its own");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldGoOnWhereItWasPaused(boolean packed) {
        backend.features |= packed ? RingFeatures.RING_PACKED : 0;
        run(config());
        for (int i = 0; i < 100; i++) {
            assertEquals(0, driver.request(BlockDriver.IN, 0, BlockDriver.DATA, 512));
        }
        device.pause();
        write(0, 0, 7);
        assertEquals(-1, driver.queue.pollUsed());
        device.resume();
        awaitUsed(1);
        assertOnDisk(0, 7);
        if (!packed) {
            assertEquals(100, backend.bases[0]);
        }
        assertEquals(1, backend.count(FrontendRequest.SET_MEM_TABLE));
    }

    // With STATUS.

    @Test
    void shouldTellTheStatusToABackEndThatFollowsIt() {
        backend.protocolFeatures |= ProtocolFeature.STATUS.mask();
        run(config());
        write(0, 0, 1);
        awaitUsed(1);
        await("DRIVER_OK", () -> backend.status == 0xf);
        device.reset();
        assertEquals(0, backend.status);
        assertEquals(0, backend.count(FrontendRequest.RESET_DEVICE));
    }

    @Test
    void shouldNeedResetWhereFeaturesAreNotTaken() {
        backend.protocolFeatures |= ProtocolFeature.STATUS.mask();
        backend.behaviours.put(FrontendRequest.GET_STATUS, (b, request) -> b.replyU64(request, 3));
        run(config());
        await("needs reset", () -> driver.needsReset.get() == 1 && !ends.isEmpty());
        assertTrue(ends.getFirst().contains("features"), ends.toString());
    }

    // Back ends that come and go.

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldLoseNothingWhenTheBackEndIsKilled(boolean packed) {
        backend.features |= packed ? RingFeatures.RING_PACKED : 0;
        run(config());
        if (!packed) {
            write(0, 0, 1);
            awaitUsed(1);
        }
        awaitRunning();
        backend.hold();
        for (int i = 1; i <= 5; i++) {
            write(i, 8 * i, i);
        }
        long first = backend.inflightInode;
        assertNotEquals(0, first);

        backend.close();
        write(6, 48, 6);
        device.writeConfig(32, 1, 0);
        TestBackend next = new TestBackend(path, disk);
        next.features = backend.features;
        backend = next.start();

        awaitUsed(6);
        for (int i = packed ? 1 : 0; i <= 6; i++) {
            assertOnDisk(8 * i, i == 0 ? 1 : i);
        }
        assertEquals(packed ? 0x80008000 : 1, backend.bases[0]);
        assertEquals(first, backend.inflightInode, "the area that its predecessor left");
        assertEquals(0, backend.count(FrontendRequest.GET_INFLIGHT_FD));
        assertEquals(0, backend.config[32], "what the driver had written to configuration");
        assertEquals(0, driver.needsReset.get());
    }

    /** Without a record of what is in flight only a ring with nothing in flight can go on. */
    @Test
    void shouldGoOnWithoutInflightAreaWhereNothingWasInFlight() {
        backend.protocolFeatures &= ~ProtocolFeature.INFLIGHT_SHMFD.mask();
        run(config());
        write(0, 0, 1);
        awaitUsed(1);
        backend.hangUp();
        await("another client", () -> backend.clients == 2);
        write(0, 8, 2);
        awaitUsed(1);
        assertOnDisk(8, 2);
        assertEquals(0, driver.needsReset.get());
    }

    @Test
    void shouldNeedResetWhereRequestsWentWithTheBackEnd() {
        backend.protocolFeatures &= ~ProtocolFeature.INFLIGHT_SHMFD.mask();
        backend.hold();
        run(config());
        write(0, 0, 1);
        write(1, 8, 2);
        awaitRunning();
        await("it has taken both", () -> !driverKicked());
        backend.hangUp();
        await("needs reset", () -> driver.needsReset.get() == 1 && !ends.isEmpty());
        assertTrue(ends.getFirst().startsWith("2 requests"), ends.toString());

        backend.holds = false;
        device.reset();
        driver.start();
        write(0, 16, 3);
        awaitUsed(1);
        assertOnDisk(16, 3);
    }

    private boolean driverKicked() {
        return driver.kick.isSignalled();
    }

    /** The driver may start while there is no back end: its requests wait. */
    @Test
    void shouldStartWithTheNextBackEnd() {
        open(config());
        backend.close();
        driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD);
        driver.start();
        write(0, 0, 9);
        device.pause();
        device.resume();
        backend = new TestBackend(path, disk).start();
        awaitUsed(1);
        assertOnDisk(0, 9);
    }

    @Test
    void shouldNotTakeAnotherDeviceForTheOneBefore() {
        run(config().withQueues(4, 1));
        backend.close();
        TestBackend other = new TestBackend(path, disk);
        other.queueNum = 2;
        backend = other.start();
        write(0, 0, 9);
        await("two attempts", () -> other.clients >= 2);
        assertEquals(0, other.count(FrontendRequest.SET_VRING_KICK));
        assertEquals(0, driver.needsReset.get());
        other.close();
        backend = new TestBackend(path, disk).start();
        awaitUsed(1);
        assertOnDisk(0, 9);
    }

    /** A back end that dies of its first message each time is not asked as fast as it dies. */
    @Test
    void shouldAskLessAndLessOftenABackEndThatDiesOfBeingAsked() {
        run(config().withTimes(LONG_NS, LONG_NS, SOON_NS));
        awaitRunning();
        backend.behaviours.put(FrontendRequest.SET_MEM_TABLE, (b, request) -> b.hangUp());
        int before = backend.clients;
        backend.hangUp();
        long end = System.nanoTime() + 5 * SOON_NS;
        await("a while", () -> System.nanoTime() - end > 0);
        // 10, 20, 40 … 300 ms: five attempts before the pauses are as long as they get.
        int attempts = backend.clients - before;
        assertTrue(attempts >= 2 && attempts <= 12, attempts + " attempts");
        backend.behaviours.clear();
        write(0, 0, 5);
        awaitUsed(1);
        assertOnDisk(0, 5);
    }

    // Back ends that are slow.

    @Test
    void shouldNotWaitForEverForAnAnswer() {
        backend.behaviours.put(FrontendRequest.GET_PROTOCOL_FEATURES, (b, request) -> { });
        backend.start();
        String message = assertThrows(DriveException.class,
                () -> VhostUserBlockDevice.open(config().withTimes(SOON_NS, SOON_NS, SOON_NS))).getMessage();
        assertTrue(message.contains("GET_PROTOCOL_FEATURES") && message.contains(path), message);
        assertFalse(message.contains("\n"));
    }

    /** A reset that the back end does not complete is not over, and the vCPU does not wait for it for ever. */
    @Test
    void shouldHangUntilTheBackEndHasStopped() {
        boolean[] may = new boolean[1];
        int[] index = {-1};
        backend.behaviours.put(FrontendRequest.GET_VRING_BASE, (b, request) -> {
            if (may[0]) {
                b.obey(FrontendRequest.GET_VRING_BASE, request);
            } else {
                index[0] = 0;
            }
        });
        run(config().withTimes(LONG_NS, SOON_NS, SOON_NS));
        write(0, 0, 1);
        awaitUsed(1);
        device.reset();
        assertTrue(device.isHung());
        assertEquals(0, index[0]);

        backend.hangUp();
        await("the end of it", () -> !device.isHung());
        may[0] = true;
        driver.start();
        write(0, 8, 2);
        awaitUsed(1);
        device.reset();
        assertFalse(device.isHung());
    }

    @Test
    void shouldGoOnWhereAPauseTakesTooLong() {
        backend.behaviours.put(FrontendRequest.GET_VRING_BASE, (b, request) -> {
            long end = System.nanoTime() + 3 * SOON_NS;
            await("a while", () -> System.nanoTime() - end > 0);
            b.obey(FrontendRequest.GET_VRING_BASE, request);
        });
        run(config().withTimes(LONG_NS, SOON_NS, SOON_NS));
        write(0, 0, 1);
        awaitUsed(1);
        assertThrows(DrainException.class, device::pause);
        write(0, 8, 2);
        awaitUsed(1);
        assertOnDisk(8, 2);
    }

    /** A device can be closed whatever its back end does. */
    @Test
    void shouldCloseWhileTheBackEndIsSilent() {
        backend.behaviours.put(FrontendRequest.SET_MEM_TABLE, (b, request) -> { });
        run(config());
        await("the wait", () -> backend.count(FrontendRequest.SET_MEM_TABLE) == 1);
        long start = System.nanoTime();
        device.close();
        assertTrue(System.nanoTime() - start < LONG_NS / 2);
    }
}
