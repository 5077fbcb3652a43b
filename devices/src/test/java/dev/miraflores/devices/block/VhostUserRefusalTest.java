// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.frontend.TestBackend;
import dev.miraflores.devices.vhostuser.frontend.TestBackend.Behaviour;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.MemoryBacking;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The front end of vhost-user before back ends that break the protocol: one line, or DEVICE_NEEDS_RESET, and nothing left. */
class VhostUserRefusalTest {

    private static final int QUEUE_SIZE = 64;
    private static final long REPLY_NS = 2_000_000_000L;
    private static final long LONG_NS = 20_000_000_000L;

    @TempDir
    Path directory;
    private final MemorySegment disk = Arena.ofAuto().allocate(1 << 20, 8);
    private final EventFd surplus = EventFd.create();

    private VhostUserConfig config() {
        return VhostUserConfig.of("d", directory.resolve("s").toString()).withQueueSize(QUEUE_SIZE)
                .withTimes(REPLY_NS, REPLY_NS, 20_000_000L);
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + LONG_NS;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() - end < 0, "not in time");
            Thread.onSpinWait();
        }
    }

    private static int descriptors() {
        return new File("/proc/self/fd").list().length;
    }

    /** The start fails with a line that says {@code what}, and leaves nothing open. */
    private void refused(String what, Consumer<TestBackend> backend) {
        TestBackend hostile = new TestBackend(config().socketPath(), disk);
        try {
            backend.accept(hostile);
            hostile.start();
            String message = assertThrows(DriveException.class, () -> VhostUserBlockDevice.open(config())).getMessage();
            assertTrue(message.startsWith("drive d: vhost-user=" + config().socketPath() + ": "), message);
            assertTrue(message.contains(what), message);
            assertFalse(message.contains("\n"), message);
        } finally {
            hostile.close();
        }
    }

    private void refused(String what, FrontendRequest request, Behaviour behaviour) {
        refused(what, backend -> backend.behaviours.put(request, behaviour));
    }

    @Test
    void shouldSayWhyABackEndCannotBeUsed() {
        int before = descriptors();
        refused("legacy", backend -> backend.features &= ~RingFeatures.VERSION_1);
        refused("configuration", backend -> backend.protocolFeatures &= ~ProtocolFeature.CONFIG.mask());
        refused("no protocol features", FrontendRequest.GET_FEATURES,
                (b, request) -> b.replyU64(request, b.features & ~VhostFeatures.PROTOCOL_FEATURES));
        refused("no queue", backend -> backend.queueNum = 0);
        refused("closed", FrontendRequest.GET_FEATURES, (b, request) -> b.hangUp());
        assertEquals(before, descriptors());

        TestBackend few = new TestBackend(config().socketPath(), disk).start();
        String message = assertThrows(DriveException.class,
                () -> VhostUserBlockDevice.open(config().withQueues(5, 1))).getMessage();
        assertTrue(message.contains("queues=5, but it serves 4 at most"), message);
        few.close();
        message = assertThrows(DriveException.class, () -> VhostUserBlockDevice.open(config())).getMessage();
        assertTrue(message.contains("ENOENT"), message);
    }

    @Test
    void shouldRefuseMalformedAnswers() {
        int before = descriptors();
        refused("4 bytes", FrontendRequest.GET_FEATURES, (b, request) -> b.reply(request.reply(request.code()).size(4)));
        refused("is message 2", FrontendRequest.GET_FEATURES, (b, request) -> b.reply(request.reply(2).u64(1)));
        refused("flags 0x1", FrontendRequest.GET_FEATURES,
                (b, request) -> b.reply(request.request(FrontendRequest.GET_FEATURES).u64(1)));
        refused("1 descriptors", FrontendRequest.GET_FEATURES,
                (b, request) -> b.reply(request.reply(request.code()).u64(b.features), surplus.number()));
        refused("refused SET_OWNER", FrontendRequest.SET_OWNER, (b, request) -> b.replyU64(request, 1));
        refused("no configuration", FrontendRequest.GET_CONFIG, (b, request) -> b.reply(request.reply(request.code())));
        refused("bytes of configuration", FrontendRequest.GET_CONFIG, (b, request) -> {
            request.payload().set(ValueLayout.JAVA_INT_UNALIGNED, 4, -1);
            b.reply(request.reply(request.code()).size(48));
        });
        refused("bytes of configuration", FrontendRequest.GET_CONFIG,
                (b, request) -> b.reply(request.reply(request.code()).size(47)));
        assertEquals(before, descriptors());
    }

    /** What comes only when the driver is at work costs it the device, until it has reset it. */
    private void needsReset(String what, Consumer<TestBackend> misbehave, Consumer<TestBackend> then) {
        int before = descriptors();
        TestBackend backend = new TestBackend(config().socketPath(), disk);
        misbehave.accept(backend);
        backend.start();
        VhostUserBlockDevice device = VhostUserBlockDevice.open(config());
        String[] why = new String[1];
        device.setNeedsResetListener(line -> why[0] = line);
        BlockDriver driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD);
        driver.start();
        then.accept(backend);
        await(() -> why[0] != null);
        assertEquals(1, driver.needsReset.get());
        assertTrue(why[0].contains(what), why[0]);

        backend.behaviours.clear();
        device.reset();
        driver.start();
        assertEquals(0, driver.request(BlockDriver.IN, 0, BlockDriver.DATA, 512));
        assertEquals(1, driver.needsReset.get());
        device.reset();
        device.close();
        backend.close();
        driver.close();
        assertEquals(before, descriptors(), what);
    }

    private void needsReset(String what, FrontendRequest request, Behaviour behaviour) {
        needsReset(what, backend -> backend.behaviours.put(request, behaviour), backend -> { });
    }

    @Test
    void shouldNeedResetWhereTheBackEndRefusesTheRings() {
        needsReset("refused SET_MEM_TABLE", FrontendRequest.SET_MEM_TABLE, (b, request) -> b.replyU64(request, 7));
        needsReset("refused SET_VRING_ADDR", FrontendRequest.SET_VRING_ADDR, (b, request) -> b.replyU64(request, -1));
        needsReset("GET_INFLIGHT_FD has 8 bytes", FrontendRequest.GET_INFLIGHT_FD, (b, request) -> b.replyU64(request, 1));
        needsReset("2 descriptors", FrontendRequest.GET_INFLIGHT_FD,
                (b, request) -> b.reply(request.reply(request.code()).size(24), surplus.number(), surplus.number()));
        needsReset("is message 1", FrontendRequest.SET_VRING_KICK, (b, request) -> b.reply(request.reply(1).u64(0)));
    }

    /** A back end that makes no area is one without. */
    @Test
    void shouldDoWithoutAnInflightAreaThatIsNotMade() {
        TestBackend backend = new TestBackend(config().socketPath(), disk);
        backend.behaviours.put(FrontendRequest.GET_INFLIGHT_FD,
                (b, request) -> b.reply(request.reply(request.code()).size(24)));
        backend.start();
        try (VhostUserBlockDevice device = VhostUserBlockDevice.open(config());
                BlockDriver driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD)) {
            driver.start();
            assertEquals(0, driver.request(BlockDriver.IN, 0, BlockDriver.DATA, 512));
            assertEquals(0, backend.count(FrontendRequest.SET_INFLIGHT_FD));
            device.reset();
        }
        backend.close();
    }

    @Test
    void shouldNeedResetWhereTheBackEndSpeaksUnasked() {
        needsReset("nobody had asked", backend -> { }, backend -> {
            await(() -> backend.count(FrontendRequest.SET_VRING_ENABLE) == 1);
            backend.sendUnasked();
        });
    }

    @Test
    void shouldNeedResetWhereTheBackEndReportsAnError() {
        needsReset("error of queue 0", backend -> { }, backend -> {
            await(() -> backend.count(FrontendRequest.SET_VRING_ENABLE) == 1);
            backend.signalError(0);
        });
    }

    /** Memory that cannot be shared is a mistake of whoever made the machine; the process goes on all the same. */
    @Test
    void shouldNeedResetWithoutSharedMemory() {
        TestBackend backend = new TestBackend(config().socketPath(), disk).start();
        VhostUserBlockDevice device = VhostUserBlockDevice.open(config());
        BlockDriver driver = new BlockDriver(device, QUEUE_SIZE);
        assertFalse(VhostUserBlockDevice.canServe(driver.memory));
        driver.start();
        await(() -> driver.needsReset.get() == 1);
        device.close();
        driver.close();
        backend.close();
    }
}
