// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Poll;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The eventfds that a front end hands over: which are signalled when, and what it can do to who signals them. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VhostUserSignalTest {

    private static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX;
    /** The most that an eventfd holds: one more waits, or is EAGAIN. */
    private static final long FULL = -2L;

    @TempDir
    Path directory;

    private VirtioBlockDevice device;
    private VhostUserBlockServer server;
    private FrontEnd front;

    @BeforeEach
    void serve() {
        device = VirtioBlockDevice.open(BlockDeviceConfig.nothing("disk0").build());
        server = VhostUserBlockServer.start(device, socket());
        front = new FrontEnd(1);
        front.connect(socket());
    }

    private String socket() {
        return directory.resolve("s").toString();
    }

    @AfterEach
    void end() {
        front.close();
        server.close();
        device.close();
    }

    private static void awaitSignal(EventFd event) {
        assertTrue((Poll.poll(event.number(), Poll.POLLIN, FrontEnd.TIMEOUT_MS) & Poll.POLLIN) != 0, "not signalled");
    }

    /** What it shares with the back end: from now on whoever writes has to wait, until somebody reads. */
    private static void fillAndBlock(EventFd event) {
        event.drain();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment full = arena.allocateFrom(ValueLayout.JAVA_LONG, FULL);
            assertEquals(8, FileIo.write(event.number(), full));
        }
        assertFalse(event.hasRoom());
        FileIo.setStatusFlags(event.number(), FileIo.statusFlags(event.number()) & ~Fd.O_NONBLOCK);
    }

    /** What was signalled to the one before may have been lost with it. */
    @Test
    void shouldSignalTheCallThatTakesAnothersPlace() {
        front.beginWithRing(FEATURES);
        assertEquals(0, front.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 512));
        front.calls[0].close();
        front.calls[0] = EventFd.create();

        front.setCall(0); // nothing is in flight, and nothing will be

        awaitSignal(front.calls[0]);
    }

    /** Nobody owes anything to the driver of a ring that has not started. */
    @Test
    void shouldNotSignalTheCallOfARingThatHasNotStarted() {
        front.begin(FEATURES);
        front.setCall(0);
        front.get(FrontendRequest.GET_FEATURES);
        device.thread().call(() -> { });

        assertFalse(front.calls[0].isSignalled());
    }

    /** It costs the front end its connection; the drive, its thread and the next front end go on. */
    @Test
    @Tag("class:vhost-user")
    void shouldDropWhoHasNotificationsWait() {
        front.beginWithRing(FEATURES);
        assertEquals(0, front.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 512));
        fillAndBlock(front.calls[0]);
        front.drivers[0].enableNotifications();
        front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);

        front.assertDropped();

        nextIsServed();
    }

    /** The session's thread is in the middle of something that waits for the I/O thread. */
    @Test
    @Tag("class:vhost-user")
    void shouldDropWhoHasNotificationsWaitWhileItStopsARing() {
        front.beginWithRing(FEATURES);
        assertEquals(0, front.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 512));
        fillAndBlock(front.calls[0]);
        for (int i = 0; i < 8; i++) {
            front.drivers[0].enableNotifications();
            front.submit(0, i, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        }
        front.request(FrontendRequest.RESET_DEVICE).needReply();
        front.send();
        front.disconnect();

        nextIsServed();
    }

    @Test
    @Tag("class:vhost-user")
    void shouldDropWhoHasErrorsWait() {
        fillAndBlock(front.errors[0]);
        front.begin(FEATURES);
        front.makeDriver(0);
        front.setError(0);
        FileIo.setStatusFlags(front.errors[0].number(), FileIo.statusFlags(front.errors[0].number()) & ~Fd.O_NONBLOCK);
        front.setNum(0);
        front.setBase(0, 0);
        front.address(0, 0, 0).write(front.request(FrontendRequest.SET_VRING_ADDR));
        front.message.payload().set(ValueLayout.JAVA_LONG_UNALIGNED, 8, 1); // in no memory: it does not run, which is an error
        front.done();
        front.enable(0, true);
        front.setKick(0);

        front.assertDropped();

        nextIsServed();
    }

    /** Also where the process is told to end just then. */
    @Test
    @Tag("class:vhost-user")
    void shouldEndWhileASignalWaits() throws InterruptedException {
        front.beginWithRing(FEATURES);
        assertEquals(0, front.request(0, FrontEnd.IN, 0, FrontEnd.DATA, 512));
        fillAndBlock(front.calls[0]);
        front.setCall(0); // makes it a non-blocking one again
        FileIo.setStatusFlags(front.calls[0].number(), FileIo.statusFlags(front.calls[0].number()) & ~Fd.O_NONBLOCK);
        front.drivers[0].enableNotifications();
        front.submit(0, 0, FrontEnd.IN, 0, FrontEnd.DATA, 512);
        Thread closer = Thread.ofPlatform().start(server::close);

        closer.join(TimeUnit.SECONDS.toMillis(60));

        assertFalse(closer.isAlive());
    }

    private void nextIsServed() {
        try (FrontEnd next = new FrontEnd(1)) {
            next.connect(socket());
            next.beginWithRing(FEATURES);
            assertArrayEquals(new byte[512], next.read(0, 0, 512));
        }
    }
}
