// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/** Links on an I/O thread. */
record ThreadHome(IoThread thread) implements Qcow2Image.Home {

    @Override
    public BlockLink open(BlockFile target, LinkOptions options) {
        return thread.open(target, options);
    }

    @Override
    public BlockLink open(Backing target, LinkOptions options) {
        return target.attach(this, options);
    }

    @Override
    public void call(Runnable action) {
        thread.call(action);
    }

    @Override
    public void execute(Runnable action) {
        thread.execute(action);
    }

    @Override
    public boolean isSameAs(Qcow2Image.Home other) {
        return other instanceof ThreadHome home && home.thread == thread;
    }

    @Override
    public String name() {
        return thread.name();
    }
}
