// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Makes stages of one kind, for the drives that name it: {@code --drive …,stage=NAME,stage.KEY=VALUE}. Found by
 * {@link java.util.ServiceLoader} once the first drive names any, never before.
 * <p>Thread: any, one call after the other.
 */
public interface BlockStageProvider {

    /** What a drive calls it by: lower case, without spaces, commas or equal signs. */
    String name();

    /**
     * A stage for a disk that is about to start.
     *
     * @throws DriveException where the request cannot be met; the message is one line, which names the drive
     */
    BlockStage open(StageRequest request);
}
