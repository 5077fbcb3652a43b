// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

class EpollIoThreadTest extends IoThreadContract {

    @Override
    IoThread start(String name, IoThreadOptions options) {
        return IoThread.start(name, options.withEpoll());
    }
}
