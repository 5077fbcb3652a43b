// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

class ThreadsBlockEngineTest extends BlockEngineContract {

    ThreadsBlockEngineTest() {
        super(EngineKind.THREADS, false);
    }
}
