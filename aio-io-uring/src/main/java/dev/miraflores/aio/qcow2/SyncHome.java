// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.LinkOptions;

/** Links without an I/O thread: all is done at once, by whoever asks. */
record SyncHome() implements Qcow2Image.Home {

    @Override
    public BlockLink open(BlockFile target, LinkOptions options) {
        return new SyncLink(target, target.cache().flushes());
    }

    @Override
    public BlockLink open(Backing target, LinkOptions options) {
        return target.attach(this, options);
    }

    @Override
    public void call(Runnable action) {
        action.run();
    }

    @Override
    public void execute(Runnable action) {
        action.run();
    }

    @Override
    public boolean isSameAs(Qcow2Image.Home other) {
        return other instanceof SyncHome;
    }

    @Override
    public String name() {
        return Thread.currentThread().getName();
    }
}
