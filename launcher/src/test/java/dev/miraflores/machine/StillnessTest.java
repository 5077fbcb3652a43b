// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pauses that somebody asks for, that disks want, and that a disk does not allow. */
class StillnessTest {

    private static final DriveError ERROR = new DriveError("bad", Operation.WRITE, 0, 512, Errno.EIO, true);

    private final List<String> told = new ArrayList<>();
    private final List<TestDisk> disks = new ArrayList<>();
    private final TestParts parts = new TestParts();
    private final Stillness stillness = new Stillness(parts);

    private final class TestParts implements Stillness.Parts {
        private boolean paused;
        /** Run once, just before the vCPUs go on. */
        private Runnable beforeResume = () -> { };

        @Override
        public boolean pause() {
            paused = true;
            return true;
        }

        @Override
        public void requestPause() {
            paused = true;
        }

        @Override
        public void resume() {
            Runnable first = beforeResume;
            beforeResume = () -> { };
            first.run();
            paused = false;
        }

        @Override
        public boolean isPaused() {
            return paused;
        }

        @Override
        public List<Stillness.Device> devices() {
            return List.copyOf(disks);
        }

        @Override
        public void paused(String why) {
            told.add("paused " + why);
        }

        @Override
        public void resumed() {
            told.add("resumed");
        }
    }

    private static final class TestDisk implements Stillness.Device {
        private boolean paused;
        private boolean hangs;
        /** Run while it is waited for. */
        private Runnable meanwhile = () -> { };

        @Override
        public void pause() {
            meanwhile.run();
            if (hangs) {
                throw new IllegalStateException("on purpose: a disk that hangs");
            }
            paused = true;
        }

        @Override
        public void resume() {
            paused = false;
        }

        @Override
        public boolean isIn() {
            return true;
        }
    }

    private TestDisk disk() {
        disks.add(new TestDisk());
        return disks.getLast();
    }

    @Test
    void shouldGoOnWhereADiskHangs() {
        TestDisk good = disk();
        disk().hangs = true;
        assertThrows(IllegalStateException.class, stillness::pause);
        assertFalse(parts.paused);
        assertFalse(good.paused);
        assertEquals(List.of(), told);
    }

    /** The one who asked hears that it cannot be, but the guest does not run on with a request that is held. */
    @Test
    void shouldStayPausedWhereADiskHangsAndAnotherWantsThePause() {
        TestDisk hung = disk();
        hung.hangs = true;
        hung.meanwhile = stillness::requestPause;
        assertThrows(IllegalStateException.class, stillness::pause);
        assertTrue(parts.paused);

        stillness.pauseFor(ERROR);
        assertTrue(parts.paused);
        assertEquals(List.of("paused " + ERROR), told);
        hung.meanwhile = () -> { };
        assertThrows(IllegalStateException.class, stillness::pause, "something moves still");
        assertTrue(parts.paused);

        hung.hangs = false;
        assertTrue(stillness.pause());
        assertTrue(hung.paused);
        assertEquals(1, told.size(), "they know already");
        stillness.resume();
        assertFalse(parts.paused);
        assertFalse(hung.paused);
        assertEquals(List.of("paused " + ERROR, "resumed"), told);
    }

    /** The request fails at the last moment, when the pause that failed is being taken back. */
    @Test
    void shouldPauseAnewWhereADiskWantsItAtTheLastMoment() {
        disk().hangs = true;
        parts.beforeResume = stillness::requestPause;
        assertThrows(IllegalStateException.class, stillness::pause);
        assertTrue(parts.paused);
        stillness.pauseFor(ERROR);
        assertEquals(List.of("paused " + ERROR), told);
    }

    @Test
    void shouldPauseAnewWhereARequestFailsBeforeTheVcpusGoOn() {
        disk();
        assertTrue(stillness.pause());
        parts.beforeResume = stillness::requestPause;
        stillness.resume();
        assertTrue(parts.paused);
        stillness.pauseFor(ERROR);
        assertEquals(List.of("paused by request", "resumed", "paused " + ERROR), told);
    }

    @Test
    void shouldNotPauseForAnErrorThatWasResumed() {
        disk();
        stillness.requestPause();
        stillness.resume();
        stillness.pauseFor(ERROR);
        assertFalse(parts.paused);
        assertEquals(List.of("resumed"), told);
    }
}
