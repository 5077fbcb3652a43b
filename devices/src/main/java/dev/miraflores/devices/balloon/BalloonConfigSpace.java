// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_balloon_config;

/**
 * {@code struct virtio_balloon_config} (virtio 1.3 §5.5.4). Little-endian.
 * <pre>   0  le32  num_pages              pages of 4096 bytes that the device wants
 *    4  le32  actual                 pages that it has; written by the driver
 *    8  le32  free_page_hint_cmd_id  the round of hinting, or 0 (stop), 1 (done)
 *   12  le32  poison_val             what the driver fills free pages with; written by it </pre>
 * <p>Thread: any.
 */
final class BalloonConfigSpace {

    static final int BYTES = 16;

    private volatile int wantedPages;
    private volatile int actualPages;
    private volatile int hintCommand;
    private volatile int poison;

    long read(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            int at = offset + i;
            value = value << 8 | field(at & -Integer.BYTES) >>> 8 * (at & Integer.BYTES - 1) & 0xFF;
        }
        return value;
    }

    private int field(int offset) {
        return switch (offset) {
            case (int) virtio_balloon_config.num_pages -> wantedPages;
            case (int) virtio_balloon_config.actual -> actualPages;
            case (int) virtio_balloon_config.free_page_hint_cmd_id -> hintCommand;
            default -> poison;
        };
    }

    /** What is not the driver's to write stays as it is. Any width will do: drivers have written byte by byte (§5.5.6.2.1). */
    void write(int offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            int at = offset + i;
            int shift = 8 * (at & Integer.BYTES - 1);
            int field = at & -Integer.BYTES;
            int after = field(field) & ~(0xFF << shift) | ((int) (value >>> 8 * i) & 0xFF) << shift;
            if (field == (int) virtio_balloon_config.actual) {
                actualPages = after;
            } else if (field == (int) virtio_balloon_config.poison_val) {
                poison = after;
            }
        }
    }

    void setWantedPages(int pages) {
        wantedPages = pages;
    }

    void setHintCommand(int command) {
        hintCommand = command;
    }

    /** Unsigned. */
    long wantedPages() {
        return wantedPages & 0xFFFF_FFFFL;
    }

    /** Unsigned, and whatever the driver wrote. */
    long actualPages() {
        return actualPages & 0xFFFF_FFFFL;
    }

    int hintCommand() {
        return hintCommand;
    }

    int poison() {
        return poison;
    }

    /** The driver is gone; the next one writes its own. */
    void reset() {
        actualPages = 0;
        poison = 0;
    }
}
