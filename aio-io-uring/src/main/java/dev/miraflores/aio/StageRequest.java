// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.Map;
import java.util.TreeSet;

/**
 * What a stage is asked for.
 *
 * @param stage    its name
 * @param driveId  the disk's id
 * @param byteSize bytes on the disk, a multiple of 512
 * @param readOnly whether the guest cannot write
 * @param options  what the drive says for this stage: for {@code stage.KEY=VALUE}, KEY and VALUE
 */
public record StageRequest(String stage, String driveId, long byteSize, boolean readOnly, Map<String, String> options) {

    public StageRequest {
        options = Map.copyOf(options);
    }

    /** The value for {@code key}, or {@code otherwise} where the drive has none. */
    public String option(String key, String otherwise) {
        return options.getOrDefault(key, otherwise);
    }

    /**
     * Refuses keys that the stage does not have, which are mistakes.
     *
     * @throws DriveException where there is another key than {@code keys}
     */
    public void allow(String... keys) {
        TreeSet<String> unknown = new TreeSet<>(options.keySet());
        for (String key : keys) {
            unknown.remove(key);
        }
        if (!unknown.isEmpty()) {
            throw refusal("no option " + unknown.first()
                + (keys.length == 0 ? "; it takes none" : "; there are " + String.join(", ", keys)));
        }
    }

    /** A refusal to throw, which says for which drive and which stage. */
    public DriveException refusal(String why) {
        return new DriveException("drive " + driveId + ": stage " + stage + ": " + why);
    }
}
