// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.balloon.BalloonOptions;
import java.util.List;
import java.util.Map;

/**
 * A virtio-balloon device.
 *
 * @param id      what monitors call it
 * @param options what it offers beside inflating and statistics
 */
public record BalloonConfig(String id, BalloonOptions options) {

    private static final String OPTION = "--balloon";
    private static final List<String> KEYS = List.of("id", "deflate-on-oom", "free-page-reporting", "free-page-hint");

    public static final String DEFAULT_ID = "balloon0";
    public static final BalloonConfig DEFAULTS = new BalloonConfig(DEFAULT_ID, BalloonOptions.DEFAULTS);

    public BalloonConfig {
        if (!DriveRules.isId(id)) {
            throw new ConfigException(OPTION + " id=" + id + ": an id is letters, digits, '-', '.' and '_', a letter first");
        }
    }

    /** Reads what {@code --balloon} is given: QEMU's words, or nothing. */
    public static BalloonConfig parse(String text) {
        Map<String, String> pairs = OptionWords.pairs(OPTION, text, KEYS);
        BalloonOptions options = new BalloonOptions(OptionWords.onOff(OPTION, pairs, "deflate-on-oom"),
                OptionWords.onOff(OPTION, pairs, "free-page-reporting"), OptionWords.onOff(OPTION, pairs, "free-page-hint"));
        return new BalloonConfig(pairs.getOrDefault("id", DEFAULT_ID), options);
    }
}
