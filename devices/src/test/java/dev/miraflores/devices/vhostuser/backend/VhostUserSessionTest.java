// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolException;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.devices.vhostuser.VhostUserConnection;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.vhostuser.VringFd;
import dev.miraflores.devices.vhostuser.VringState;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A session from its making to its end, and what is left of rings that stand still. */
class VhostUserSessionTest {

    private static final long SPLIT = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX;
    private static final long PACKED = SPLIT | RingFeatures.RING_PACKED;
    private static final int LONG_MS = 60_000;
    /** In the in-flight record of a packed ring: of its first entry. */
    private static final long FIRST_COUNTER_OFFSET = 32 + 8;

    @TempDir
    Path directory;

    private VirtioBlockDevice device;
    private FrontEnd front;

    @BeforeEach
    void open() {
        device = VirtioBlockDevice.open(BlockDeviceConfig.nothing("disk0").build());
        front = new FrontEnd(1);
    }

    @AfterEach
    void end() {
        front.close();
        device.close();
    }

    private String socket() {
        return directory.resolve("s").toString();
    }

    /** A front end that says what is one change in many messages, with a pause between two of them. */
    @Test
    void shouldStartNoRingBeforeTheFrontEndHasSaidAll() throws Exception {
        UnixSocket[] ends = UnixSocket.pair();
        Session session = new Session(device, ends[0], new LimitedLog(getClass(), "test: "), LONG_MS);
        front.connection = new VhostUserConnection(ends[1]);
        front.makeDriver(0);
        int said = sayHowARingIs();
        for (int i = 0; i < said; i++) {
            assertTrue(session.step(LONG_MS));
        }
        Thread slow = Thread.ofPlatform().start(() -> {
            sleep(200);
            front.request(FrontendRequest.GET_QUEUE_NUM);
            front.send();
        });

        assertTrue(session.step(LONG_MS));

        device.thread().call(() -> { });
        assertFalse(front.calls[0].isSignalled(), "a ring that starts is signalled for");
        slow.join();
        session.settle();
        device.thread().call(() -> { });
        assertTrue(front.calls[0].isSignalled());
        assertNull(session.end());
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Without waiting for replies: how many messages. */
    private int sayHowARingIs() {
        front.request(FrontendRequest.SET_FEATURES).u64(SPLIT);
        front.send();
        RegionDescription.writeTable(
            front.request(FrontendRequest.SET_MEM_TABLE), front.regions());
        front.send(front.file.number(), front.file.number());
        new VringState(0, FrontEnd.SIZE).write(front.request(FrontendRequest.SET_VRING_NUM));
        front.send();
        VringAddress address = front.address(0, 0, 0);
        address.write(front.request(FrontendRequest.SET_VRING_ADDR));
        front.send();
        new VringFd(0, true).write(front.request(FrontendRequest.SET_VRING_CALL));
        front.send(front.calls[0].number());
        new VringFd(0, true).write(front.request(FrontendRequest.SET_VRING_KICK));
        front.send(front.kicks[0].number());
        return 6;
    }

    @Test
    void shouldLetGoOfAFrontEndThatItCannotServe() throws ProtocolException {
        AtomicInteger asked = new AtomicInteger();
        try (VhostUserBlockServer server = VhostUserBlockServer.start(device, socket(), (disk, client, log) -> {
            if (asked.incrementAndGet() == 1) {
                throw new IllegalStateException("no more descriptors");
            }
            return new Session(disk, client, log);
        })) {
            front.connect(server.path());
            front.assertDropped();
            front.disconnect();

            front.connect(server.path());
            assertEquals(1, front.get(FrontendRequest.GET_QUEUE_NUM));
            front.disconnect();
        }
    }

    private enum Reset {
        DEVICE, STATUS
    }

    /** DEVICE_NEEDS_RESET ends with the reset, whichever way a front end has to say it. */
    @ParameterizedTest
    @EnumSource(Reset.class)
    void shouldNotNeedAResetAnyMoreAfterOne(Reset how) {
        try (VhostUserBlockServer server = VhostUserBlockServer.start(device, socket())) {
            front.connect(server.path());
            front.beginWithRing(SPLIT);
            front.request(FrontendRequest.SET_STATUS).u64(0xF);
            front.done();
            front.ram.set(ValueLayout.JAVA_SHORT, FrontEnd.geometry(0).driverGpa() + 2, (short) 5000); // more than it holds
            front.kicks[0].signal();
            for (int i = 0; front.get(FrontendRequest.GET_STATUS) != 0x4F; i++) {
                assertTrue(i < FrontEnd.TIMEOUT_MS, "nothing has failed");
                sleep(1);
            }

            if (how == Reset.DEVICE) {
                front.request(FrontendRequest.RESET_DEVICE);
            } else {
                front.request(FrontendRequest.SET_STATUS).u64(0);
            }
            front.done();

            assertEquals(0, front.get(FrontendRequest.GET_STATUS));
            front.disconnect();
        }
    }

    /** Told where a ring stands, the front end may go on elsewhere, and the record must not be believed then. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldEndTheInflightRecordOfARingThatStoodAlready(boolean disabledBefore) {
        try (VhostUserBlockServer server = VhostUserBlockServer.start(device, socket())) {
            front.connect(server.path());
            front.begin(PACKED);
            try (Fd inflight = front.getInflight(1);
                    Mapping record = Mapping.file(inflight.number(), 0, 4096, Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED)) {
                front.setInflight(inflight, 1);
                front.makeDriver(0);
                front.start(0, front.freshBase());
                assertEquals(0, front.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 512));
                if (disabledBefore) {
                    front.enable(0, false);
                }
                assertNotEquals(0, record.segment().get(ValueLayout.JAVA_SHORT, 16), "used_idx");

                front.getBase(0);

                assertEquals(0, record.segment().get(ValueLayout.JAVA_SHORT, 16), "used_idx");
                assertEquals(0, record.segment().get(ValueLayout.JAVA_LONG, FIRST_COUNTER_OFFSET));
                // Once more is nothing more, and neither is it of a record that has gone since.
                front.getBase(0);
                try (Fd another = front.getInflight(1)) {
                    front.setInflight(another, 1);
                    front.getBase(0);
                }
            }
            front.disconnect();
        }
    }
}
