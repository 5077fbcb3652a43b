// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

@NeedsLinuxAio
class NativeBlockEngineTest extends BlockEngineContract {

    NativeBlockEngineTest() {
        super(EngineKind.NATIVE, false);
    }
}
