// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.jfr.FlightEvents;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.linux.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * What all queues of a disk share, in all activations.
 * <p>Thread: any.
 */
final class BlockDisk {

    /** For what its driver and its host do to it. */
    final LimitedLog log;
    final BlockDeviceConfig options;
    /** What the driver reads of it, and its write cache. */
    final BlockConfigSpace config;
    /** What VIRTIO_BLK_T_GET_ID answers: 20 bytes, zeroes behind the text (virtio 1.3 §5.2.6). */
    final MemorySegment idBytes;
    private final VirtioBlockDevice device;
    private volatile BlockEvents events = BlockEvents.NONE;

    BlockDisk(VirtioBlockDevice device, BlockDeviceConfig options, BlockConfigSpace config) {
        this.device = device;
        this.options = options;
        this.config = config;
        this.log = new LimitedLog(VirtioBlockDevice.class, "drive " + options.id() + ": ");
        this.idBytes = idBytes(options.serial());
    }

    private static MemorySegment idBytes(String serial) {
        MemorySegment bytes = Arena.ofAuto().allocate(BlockRequest.ID_BYTES);
        byte[] text = serial.getBytes(StandardCharsets.UTF_8);
        MemorySegment.copy(text, 0, bytes, ValueLayout.JAVA_BYTE, 0, Math.min(text.length, BlockRequest.ID_BYTES));
        return bytes;
    }

    void setEvents(BlockEvents listener) {
        events = listener;
    }

    /** What becomes of a request that failed. */
    ErrorPolicy policy(Operation operation) {
        return operation == Operation.READ ? options.readErrors() : options.writeErrors();
    }

    /** Logs it, and tells the machine. */
    void ioError(BlockRequest request, int errno, boolean stopped) {
        log.log(System.Logger.Level.WARNING, describe(request) + " failed: " + Errno.name(errno)
            + (stopped ? "; it waits until the machine goes on" : ""));
        try {
            events.ioError(device, request.operation(), request.offset(), request.byteCount(), errno, stopped);
        } catch (RuntimeException e) {
            log.log(System.Logger.Level.ERROR, "telling of an error failed", e);
        }
    }

    /** Tells JFR of a request that is about to be answered. */
    void slowRequest(int queue, BlockRequest request, int result, long latencyNs) {
        long endNs = request.engineEndNs();
        FlightEvents.slowRequest(options.id(), queue, word(request), request.offset(), request.wholeBytes(), result, latencyNs,
            request.engineNs(), endNs == 0 ? 0 : request.takenNs + latencyNs - endNs);
    }

    private static String word(BlockRequest request) {
        return request.operation().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static String describe(BlockRequest request) {
        String what = word(request);
        return request.operation() == Operation.FLUSH ? what
            : what + " of " + request.byteCount() + " bytes at offset " + request.offset();
    }

    void needsReset(String why) {
        try {
            events.needsReset(device, why);
        } catch (RuntimeException e) {
            log.log(System.Logger.Level.ERROR, "telling of a disk that needs a reset failed", e);
        }
    }

    void resized(long byteSize) {
        try {
            events.resized(device, byteSize);
        } catch (RuntimeException e) {
            log.log(System.Logger.Level.ERROR, "telling of a disk's new size failed", e);
        }
    }
}
