// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

@NeedsIoUring
class SqPollIoThreadTest extends IoThreadContract {

    @Override
    IoThread start(String name, IoThreadOptions options) {
        return IoThread.start(name, options.withSqPoll());
    }
}
