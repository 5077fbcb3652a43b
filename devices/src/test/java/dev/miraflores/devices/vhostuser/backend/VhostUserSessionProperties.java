// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.LogDescription;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostFeatures;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Front ends that send legal and illegal messages in any order, go away at any moment, and take their memory along: the next
 * one is served, and nothing of those before is left.
 */
class VhostUserSessionProperties {

    private static final int STEPS = 22;
    private static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX;
    private static final int SLACK = 8;

    private static Path directory;
    private static VirtioBlockDevice device;
    private static VhostUserBlockServer server;

    @BeforeContainer
    static void serve() throws IOException {
        directory = Files.createTempDirectory("vu");
        device = VirtioBlockDevice.open(BlockDeviceConfig.nothing("disk0").queues(2).build());
        server = VhostUserBlockServer.start(device, directory.resolve("s").toString());
    }

    @AfterContainer
    static void end() throws IOException {
        server.close();
        device.close();
        Files.delete(directory);
    }

    @Property(tries = 120)
    @Tag("class:vhost-user")
    void shouldServeTheNextOne(
            @ForAll @Size(max = 40) List<@IntRange(max = STEPS - 1) Integer> steps, @ForAll long seed) throws IOException {
        long before = resources();
        Random random = new Random(seed);
        try (FrontEnd front = new FrontEnd(2).connect(server.path())) {
            try {
                begin(front, random.nextInt(4));
                for (int step : steps) {
                    take(front, step, random);
                }
            } catch (ProtocolException dropped) {
                // It was told so, or it was not answered.
            }
        }
        try (FrontEnd next = new FrontEnd(2).connect(server.path())) {
            next.beginWithRing(FEATURES);
            assertEquals(0, next.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 4096));
            next.getBase(0);
        }
        while (server.isConnected()) {
            Thread.onSpinWait();
        }
        assertTrue(resources() <= before + SLACK, "descriptors and mappings are left behind");
    }

    private static long resources() throws IOException {
        int fds = Path.of("/proc/self/fd").toFile().list().length;
        return fds + Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> line.contains("memfd:")).count();
    }

    /** As far as it gets. */
    private static void begin(FrontEnd front, int far) {
        if (far > 0) {
            front.begin(FEATURES);
        }
        if (far > 1) {
            front.makeDriver(0);
            front.start(0, 0);
        }
        if (far > 2) {
            front.makeDriver(1);
            front.start(1, 0);
        }
    }

    private static void take(FrontEnd front, int step, Random random) throws ProtocolException {
        int ring = random.nextInt(16) == 0 ? random.nextInt() : random.nextInt(2);
        int known = ring & 1;
        switch (step) {
            case 0 -> send(front, FrontendRequest.SET_OWNER);
            case 1 -> {
                front.request(FrontendRequest.SET_FEATURES).u64(random.nextBoolean() ? FEATURES | VhostFeatures.ALL : random.nextLong());
                exchange(front, random);
            }
            case 2 -> {
                front.request(FrontendRequest.SET_PROTOCOL_FEATURES).u64(random.nextInt(4) == 0 ? random.nextLong() : Commands.PROTOCOL_FEATURES);
                exchange(front, random);
            }
            case 3 -> {
                RegionDescription.writeTable(front.request(FrontendRequest.SET_MEM_TABLE), front.regions());
                exchange(front, random, random.nextBoolean() ? fds(front, 2) : fds(front, random.nextInt(9)));
            }
            case 4 -> {
                region(random).writeSingle(front.request(FrontendRequest.ADD_MEM_REG));
                exchange(front, random, fds(front, random.nextInt(3)));
            }
            case 5 -> {
                front.regions().get(random.nextInt(2)).writeSingle(front.request(FrontendRequest.REM_MEM_REG));
                exchange(front, random);
            }
            case 6 -> {
                new VringState(ring, random.nextBoolean() ? FrontEnd.SIZE : random.nextInt()).write(front.request(FrontendRequest.SET_VRING_NUM));
                exchange(front, random);
            }
            case 7 -> {
                new VringState(ring, random.nextInt()).write(front.request(FrontendRequest.SET_VRING_BASE));
                exchange(front, random);
            }
            case 8 -> {
                VringAddress at = front.address(known, random.nextInt(2), random.nextLong());
                VringAddress moved = new VringAddress(ring, at.flags(), at.descriptor() + random.nextInt(2) * random.nextInt(),
                    at.used(), at.available(), at.log());
                moved.write(front.request(FrontendRequest.SET_VRING_ADDR));
                exchange(front, random);
            }
            case 9 -> fd(front, FrontendRequest.SET_VRING_KICK, known, random, front.kicks[known].number());
            case 10 -> fd(front, FrontendRequest.SET_VRING_CALL, known, random, front.calls[known].number());
            case 11 -> fd(front, FrontendRequest.SET_VRING_ERR, known, random, front.errors[known].number());
            case 12 -> {
                new VringState(ring, random.nextInt(3)).write(front.request(FrontendRequest.SET_VRING_ENABLE));
                exchange(front, random);
            }
            case 13 -> {
                new VringState(ring, 0).write(front.request(FrontendRequest.GET_VRING_BASE));
                ask(front);
            }
            case 14 -> {
                new LogDescription(random.nextBoolean() ? 1 << 18 : random.nextLong(), 0).write(front.request(FrontendRequest.SET_LOG_BASE));
                front.connection.send(front.message, FrontEnd.TIMEOUT_MS, front.file.number());
                reply(front);
            }
            case 15 -> {
                front.request(random.nextBoolean() ? FrontendRequest.RESET_DEVICE : FrontendRequest.RESET_OWNER);
                exchange(front, random);
            }
            case 16 -> {
                front.request(FrontendRequest.SET_STATUS).u64(random.nextInt(3) * 5L);
                exchange(front, random);
            }
            case 17 -> {
                if (FileIo.fstat(front.file.number()).byteSize() == 2 * FrontEnd.REGION_BYTES) { // it is this process's memory, too
                    random.ints(32).forEach(i -> front.ram.set(ValueLayout.JAVA_INT, (long) (i & 0xFFFF) << 2, i));
                }
            }
            case 18 -> front.kicks[known].signal();
            case 19 -> FileIo.ftruncate(front.file.number(), random.nextInt(3) * FrontEnd.REGION_BYTES / 2);
            case 20 -> {
                front.request(FrontendRequest.SET_BACKEND_REQ_FD);
                UnixSocket[] ends = UnixSocket.pair();
                try (UnixSocket far = ends[0]; UnixSocket near = ends[1]) {
                    exchange(front, random, random.nextInt(4) == 0 ? front.file.number() : far.number());
                    near.shutdown();
                }
            }
            default -> {
                FrontendRequest any = FrontendRequest.values()[random.nextInt(FrontendRequest.values().length)];
                front.request(any).size(random.nextInt(64));
                send(front, any);
                throw new ProtocolException("nobody knows what it answers");
            }
        }
    }

    private static void fd(FrontEnd front, FrontendRequest request, int ring, Random random, int number) throws ProtocolException {
        new VringFd(random.nextInt(16) == 0 ? 77 : ring, random.nextInt(8) != 0).write(front.request(request));
        int other = random.nextInt(8) == 0 ? front.file.number() : number;
        exchange(front, random, random.nextInt(8) == 0 ? new int[0] : new int[] {other});
    }

    private static RegionDescription region(Random random) {
        long[] numbers = {0, 4096, FrontEnd.REGION_BYTES, FrontEnd.HIGH, FrontEnd.USER, 1L << 40, -4096, -1, Long.MAX_VALUE};
        return new RegionDescription(numbers[random.nextInt(9)], numbers[random.nextInt(9)], numbers[random.nextInt(9)],
            numbers[random.nextInt(9)]);
    }

    private static int[] fds(FrontEnd front, int count) {
        int[] fds = new int[count];
        Arrays.fill(fds, front.file.number());
        return fds;
    }

    /** With the wish for a reply or without. */
    private static void exchange(FrontEnd front, Random random, int... fds) throws ProtocolException {
        if (random.nextInt(8) != 0) {
            front.message.needReply();
        }
        front.connection.send(front.message, FrontEnd.TIMEOUT_MS, fds);
        // A reply comes at once where there is one; what follows does not depend on it.
        if (front.message.needsReply() && Poll.poll(front.connection.number(), Poll.POLLIN, 20) != 0) {
            reply(front);
        }
    }

    private static void send(FrontEnd front, FrontendRequest request) throws ProtocolException {
        front.connection.send(front.message.request(request), FrontEnd.TIMEOUT_MS);
    }

    private static void ask(FrontEnd front) throws ProtocolException {
        front.connection.send(front.message, FrontEnd.TIMEOUT_MS);
        reply(front);
    }

    private static void reply(FrontEnd front) throws ProtocolException {
        if (!front.connection.receive(front.message, FrontEnd.TIMEOUT_MS)) {
            throw new ProtocolException("dropped");
        }
    }
}
