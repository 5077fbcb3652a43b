// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** Completions by io_getevents(2), as where the kernel's ring is not one that we know. */
@NeedsLinuxAio
class CallingNativeBlockEngineTest extends BlockEngineContract {

    CallingNativeBlockEngineTest() {
        super(EngineKind.NATIVE, false);
    }

    @Override
    BlockEngine openEngine(LinkOptions options) {
        BlockEngine bare = new NativeBlockEngine(thread, file, options, false);
        return file.directAlignment() == null ? bare
            : new AlignedLink(bare, file.directAlignment(), options.memory(), file.writeGate(), thread::execute);
    }
}
