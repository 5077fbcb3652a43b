// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

@NeedsIoUring
class SqPollIoThreadTest extends IoThreadContract {

    @Override
    IoThread start(String name, IoThreadOptions options) {
        return IoThread.start(name, options.withSqPoll());
    }

    /** The kernel's thread takes a processor, which a small and busy host has to be waited for. */
    @Override
    int effort() {
        return 10;
    }
}
