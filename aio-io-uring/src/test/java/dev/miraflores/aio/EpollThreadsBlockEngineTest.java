// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

class EpollThreadsBlockEngineTest extends BlockEngineContract {

    EpollThreadsBlockEngineTest() {
        super(EngineKind.THREADS, true);
    }
}
