// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

@NeedsIoUring
class SqPollBlockEngineTest extends BlockEngineContract {

    SqPollBlockEngineTest() {
        super(EngineKind.IO_URING, false);
    }

    @Override
    IoThread start(String name) {
        return IoThread.start(name, IoThreadOptions.DEFAULTS.withSqPoll());
    }
}
