// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.LogLines;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.frontend.TestBackend;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The front end of vhost-user before a back end that says where a ring stands, and finishes later what it took from it. */
@Timeout(60)
class VhostUserLateTest {

    private static final int QUEUE_SIZE = 64;
    private static final int REQUESTS = 5;
    private static final long LONG_NS = 20_000_000_000L;
    /** In which a front end that does not wait is done. */
    private static final long WHILE_MS = 200;

    @TempDir
    Path directory;
    private final MemorySegment disk = Arena.ofAuto().allocate(1 << 20, 8);
    private final List<String> ends = new CopyOnWriteArrayList<>();
    private TestBackend backend;
    private VhostUserBlockDevice device;
    private BlockDriver driver;

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

    private void run(long features, long finishNs) {
        String path = directory.resolve("s").toString();
        backend = new TestBackend(path, disk);
        backend.features |= features;
        // Split rings without a record are those in which something can be lost; packed ones are not offered without.
        if (features == 0) {
            backend.protocolFeatures &= ~ProtocolFeature.INFLIGHT_SHMFD.mask();
        }
        backend.start();
        device = VhostUserBlockDevice.open(VhostUserConfig.of("d", path).withQueueSize(QUEUE_SIZE)
                .withTimes(LONG_NS, LONG_NS, 50_000_000L).withFinishNs(finishNs));
        device.setNeedsResetListener(ends::add);
        driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD);
        driver.start();
    }

    /** Some that are done at once, so that the ring is at no round place, and then some that are late. */
    private void makeLate(int before) {
        for (int i = 0; i < before; i++) {
            assertEquals(0, driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
        }
        backend.beLate();
        for (int i = 0; i < REQUESTS; i++) {
            driver.describe(i, BlockDriver.OUT, 8 * i, BlockDriver.DATA, 4096);
            driver.add();
            driver.notifyDevice();
        }
        await("it has done all", () -> driver.status(REQUESTS - 1) == 0);
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + LONG_NS;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() - end < 0, "not in time: " + what);
            Thread.onSpinWait();
        }
    }

    private int usedNow() {
        int used = 0;
        while (driver.queue.pollUsed() >= 0) {
            used++;
        }
        return used;
    }

    /** Has the device stop while the back end is late: what the driver has got back when it says that it has. */
    private int usedAfter(Runnable stop) throws InterruptedException {
        AtomicBoolean done = new AtomicBoolean();
        int[] used = new int[1];
        Thread stopper = Thread.ofPlatform().start(() -> {
            stop.run();
            used[0] = usedNow();
            done.set(true);
        });
        await("it is told to stop", () -> backend.count(FrontendRequest.GET_VRING_BASE) == 1);
        Thread.sleep(WHILE_MS);
        backend.late = false;
        backend.finish();
        stopper.join();
        assertTrue(done.get());
        return used[0];
    }

    /** Split, and packed at its start, in its middle and around its end, each with buffers of three descriptors. */
    @ParameterizedTest
    @CsvSource({"0, false", "70, false", "0, true", "9, true", "19, true", "40, true"})
    void shouldNotHaveStoppedBeforeWhatIsInFlightIsFinished(int before, boolean packed) throws InterruptedException {
        run(packed ? RingFeatures.RING_PACKED : 0, LONG_NS);
        makeLate(before);
        assertEquals(REQUESTS, usedAfter(device::pause));

        backend.hangUp();
        device.resume();
        assertEquals(0, driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
        assertEquals(List.of(), ends, "nothing was lost with the back end");
    }

    @Test
    void shouldNotBeResetBeforeWhatIsInFlightIsFinished() throws InterruptedException {
        run(0, LONG_NS);
        makeLate(3);
        assertEquals(REQUESTS, usedAfter(device::reset));
        driver.start();
        assertEquals(0, driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
    }

    @Test
    void shouldSayOnceThatItWaitsNoLonger() {
        run(0, WHILE_MS * 1_000_000);
        makeLate(3);
        try (LogLines log = new LogLines(VhostUserBlockDevice.class.getName())) {
            long start = System.nanoTime();
            device.pause();
            assertTrue(System.nanoTime() - start >= WHILE_MS * 1_000_000);
            assertEquals(List.of("drive d: the back end at " + directory.resolve("s") + " says that its rings have stopped, but has"
                    + " not finished what it had taken from them in " + WHILE_MS + " ms; going on without"), log.lines());
        }
        assertEquals(0, usedNow());

        device.resume();
        backend.late = false;
        backend.finish();
        for (int i = 0; i < REQUESTS; i++) {
            driver.awaitUsed();
        }
        assertEquals(0, driver.request(BlockDriver.OUT, 0, BlockDriver.DATA, 4096));
        assertEquals(List.of(), ends);
    }

    /** Not found out by a guest that waits for ever. */
    @Test
    void shouldNeedAResetWhereABackEndGoesThatWasNoLongerWaitedFor() {
        run(0, WHILE_MS * 1_000_000);
        makeLate(3);
        device.pause();
        backend.hangUp();
        await("needs reset", () -> !ends.isEmpty());
        assertTrue(ends.getFirst().startsWith(REQUESTS + " requests went with the back end"), ends.toString());
    }

    /** Without waiting until the time is up. */
    @Test
    void shouldSeeThatTheBackEndGoesWhileItIsWaitedFor() {
        run(0, LONG_NS);
        makeLate(3);
        Thread pause = Thread.ofPlatform().start(device::pause);
        await("it is told to stop", () -> backend.count(FrontendRequest.GET_VRING_BASE) == 1);
        backend.hangUp();
        await("needs reset", () -> !ends.isEmpty());
        assertTrue(ends.getFirst().startsWith(REQUESTS + " requests went with the back end"), ends.toString());
        await("the pause", () -> !pause.isAlive());
    }
}
