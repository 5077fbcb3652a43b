// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

@NeedsLinuxAio
class EpollNativeBlockEngineTest extends BlockEngineContract {

    EpollNativeBlockEngineTest() {
        super(EngineKind.NATIVE, true);
    }
}
