// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.frontend.TestBackend;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.MemoryBacking;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * A back end that misbehaves at any of its answers, in any way, and may do so again when it is connected to again: the device
 * is refused with one line, or it can be started, reset and closed in bounded time, and nothing is left open.
 */
class VhostUserHostileProperties {

    private static final int QUEUE_SIZE = 16;
    private static final long REPLY_NS = 30_000_000L;
    private static final long BOUND_NS = 20_000_000_000L;

    private static final Logger LOGGER = Logger.getLogger(VhostUserBlockDevice.class.getName());

    private final EventFd surplus = EventFd.create();
    private final AtomicReference<Throwable> mistake = new AtomicReference<>();
    private final Handler watch = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            if (entry.getThrown() != null) {
                mistake.set(entry.getThrown());
            }
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    };
    private final MemorySegment disk = Arena.ofAuto().allocate(1 << 20, 8);

    @Property(tries = 120)
    void aHostileBackEndCostsTheDeviceAtMost(@ForAll long seed) throws IOException {
        Random random = new Random(seed);
        Path directory = Files.createTempDirectory("vu");
        LOGGER.addHandler(watch);
        int before = new File("/proc/self/fd").list().length;
        long start = System.nanoTime();
        VhostUserConfig config = VhostUserConfig.of("d", directory.resolve("s").toString())
                .withQueueSize(QUEUE_SIZE).withTimes(REPLY_NS, REPLY_NS, 2 * REPLY_NS);
        try (TestBackend backend = new TestBackend(config.socketPath(), disk)) {
            FrontendRequest[] all = FrontendRequest.values();
            for (int i = 0; i < 2; i++) {
                FrontendRequest victim = all[random.nextInt(all.length)];
                int honest = random.nextInt(3);
                AtomicInteger asked = new AtomicInteger();
                long how = random.nextLong();
                backend.behaviours.put(victim, (b, request) -> {
                    if (asked.getAndIncrement() < honest) {
                        b.obey(victim, request);
                    } else {
                        misbehave(b, victim, request, new Random(how));
                    }
                });
            }
            backend.start();
            use(config, random);
        }
        LOGGER.removeHandler(watch);
        assertNull(mistake.get());
        assertTrue(System.nanoTime() - start < BOUND_NS);
        assertEquals(before, new File("/proc/self/fd").list().length);
        Files.deleteIfExists(directory);
    }

    private void use(VhostUserConfig config, Random random) {
        VhostUserBlockDevice device;
        try {
            device = VhostUserBlockDevice.open(config);
        } catch (DriveException e) {
            assertFalse(e.getMessage().contains("\n"));
            return;
        }
        BlockDriver driver = new BlockDriver(device, QUEUE_SIZE, MemoryBacking.MEMFD);
        try {
            for (int i = 0; i < 2 && !device.isHung(); i++) {
                driver.start();
                driver.describe(0, BlockDriver.IN, 0, BlockDriver.DATA, 512);
                driver.add();
                driver.notifyDevice();
                device.writeConfig(32, 1, random.nextInt(2));
                if (random.nextBoolean()) {
                    pause(device);
                }
                // Where the back end does not stop its rings the driver has to wait for that, as long as the back end lives.
                device.reset();
            }
        } finally {
            device.close();
            driver.close();
        }
    }

    private static void pause(VhostUserBlockDevice device) {
        try {
            device.pause();
        } catch (DrainException e) {
            return;
        }
        device.resume();
    }

    private void misbehave(TestBackend backend, FrontendRequest asked, Message request, Random random)
            throws ProtocolException {
        switch (random.nextInt(6)) {
            case 0 -> backend.hangUp();
            case 1 -> { }
            case 2 -> backend.reply(request.reply(request.code()).size(random.nextInt(64)));
            case 3 -> backend.reply(request.reply(random.nextInt(50)).u64(random.nextLong()));
            case 4 -> {
                for (int at = 0; at < 64; at += 8) {
                    request.payload().set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
                }
                backend.reply(request.reply(request.code()).size(8 * random.nextInt(8)));
            }
            default -> {
                int[] fds = new int[1 + random.nextInt(8)];
                Arrays.fill(fds, surplus.number());
                backend.reply(request.reply(asked.code()).u64(0), fds);
            }
        }
    }
}
