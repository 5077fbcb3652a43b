// SPDX-License-Identifier: Apache-2.0
package dev.example.protect;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.BlockStageProvider;
import dev.miraflores.aio.StageRequest;

/**
 * {@code --drive …,stage=protect,stage.bytes=N}: the guest cannot change the first N bytes of the disk, where its partition
 * table and boot loader are.
 */
public final class ProtectStageProvider implements BlockStageProvider {

    /** For the service loader. */
    public ProtectStageProvider() {
    }

    @Override
    public String name() {
        return "protect";
    }

    @Override
    public BlockStage open(StageRequest request) {
        request.allow("bytes");
        String bytes = request.option("bytes", "1048576");
        try {
            return new ProtectStage(Long.parseLong(bytes));
        } catch (NumberFormatException e) {
            throw request.refusal("bytes=" + bytes + " is not a number");
        }
    }
}
