// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.dirty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class DirtyStageTest {

    private static final int GRANULE = 4096;

    private final DirtyStage stage = new DirtyStage(1 << 20, GRANULE);
    private BlockIo held;
    private final BlockLink link = stage.attach(null, new BlockLink() {
        @Override
        public void submit(BlockIo io) {
            held = io;
        }

        @Override
        public void close() {
        }
    }, null);
    private int result = 1;
    private final BlockIo io = new BlockIo(Arena.ofAuto().allocate(64, 8)) {
        @Override
        protected void onComplete(int outcome) {
            result = outcome;
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    };

    private void begin(Operation operation, long offset, long bytes) {
        if (operation.isRange()) {
            io.beginRange(operation, offset, bytes, true);
        } else {
            io.begin(operation, offset);
            if (bytes != 0) {
                io.addBuffer(0x1000, bytes);
            }
        }
        link.submit(io);
    }

    @Test
    void shouldMarkWritesZeroesAndDiscards() {
        begin(Operation.WRITE, GRANULE, 512);
        held.complete(0);
        begin(Operation.WRITE_ZEROES, 3 * GRANULE - 512, 1024);
        held.complete(0);
        begin(Operation.DISCARD, 5 * GRANULE, GRANULE);
        held.complete(0);
        begin(Operation.READ, 8 * GRANULE, GRANULE);
        held.complete(0);
        begin(Operation.FLUSH, 0, 0);
        held.complete(0);
        assertEquals(4L * GRANULE, stage.bitmap().dirtyBytes());
        assertTrue(stage.bitmap().isDirty(GRANULE, 1) && stage.bitmap().isDirty(2 * GRANULE, 1));
        assertTrue(stage.bitmap().isDirty(3 * GRANULE, 1) && stage.bitmap().isDirty(5 * GRANULE, 1));
        assertEquals(0, result);
    }

    @Test
    void shouldMarkBeforeAndAfter() {
        begin(Operation.WRITE, 0, 512);
        assertTrue(stage.bitmap().isDirty(0, 1), "under way");
        stage.bitmap().take();
        held.complete(-5);
        assertTrue(stage.bitmap().isDirty(0, 1), "failed, and maybe written in part");
        assertEquals(-5, result);
    }

    @Test
    void shouldMarkWhatIsUnderWayWhenEnabled() {
        stage.disable();
        begin(Operation.WRITE, 0, 512);
        assertTrue(stage.bitmap().isClean());
        stage.enable();
        held.complete(0);
        assertFalse(stage.bitmap().isClean());
        stage.disable();
        begin(Operation.WRITE, GRANULE, 512);
        held.complete(0);
        assertEquals(GRANULE, stage.bitmap().dirtyBytes());
    }

    @Test
    void shouldMarkWhatAResizeChanged() {
        stage.onResize((1 << 20) - 512);
        assertEquals(GRANULE, stage.bitmap().dirtyBytes());
        stage.bitmap().clearAll();
        stage.onResize((1 << 20) + 512);
        assertEquals(512, stage.bitmap().dirtyBytes());
    }
}
