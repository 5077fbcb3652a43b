// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.devices.block.BlockRequest.Place;
import dev.miraflores.linux.Mapping;
import java.util.ArrayList;
import java.util.List;

/**
 * The requests of one queue: one for each chain that can be in flight, made once, each with room for the longest chain.
 * <p>Thread: the queue's I/O thread.
 */
final class RequestSlots {

    private final Mapping iovecs;
    private final BlockRequest[] all;
    private final BlockRequest[] free;
    private int freeCount;
    private int lostCount;
    private final BlockIoQueue held = new BlockIoQueue();

    RequestSlots(BlockQueue queue, int count) {
        long slotBytes = (long) BlockIo.IOVEC_BYTES * Math.max(count, BlockRequest.MAX_RANGES);
        iovecs = Mapping.anonymous(slotBytes * count, Mapping.MAP_NORESERVE); // touched only when used
        all = new BlockRequest[count];
        for (int i = 0; i < count; i++) {
            all[i] = new BlockRequest(queue, iovecs.segment().asSlice(slotBytes * i, slotBytes));
        }
        free = all.clone();
        freeCount = count;
    }

    /** A free one. There is one for each chain that the queue lets be in flight. */
    BlockRequest take() {
        return free[--freeCount];
    }

    void giveBack(BlockRequest request) {
        request.place = Place.FREE;
        free[freeCount++] = request;
    }

    /** It failed, and is to be tried anew some time. */
    void hold(BlockRequest request) {
        request.place = Place.HELD;
        held.add(request);
    }

    int heldCount() {
        return held.size();
    }

    /** The one held longest; there has to be one. */
    BlockRequest takeHeld() {
        return (BlockRequest) held.remove();
    }

    /** A link had a bug while it had the request, if it still has it. */
    void lose(BlockRequest request) {
        if (request.place == Place.LINKS) {
            request.place = Place.LOST;
            lostCount++;
        }
    }

    /** A lost one came back. */
    void find(BlockRequest request) {
        lostCount--;
        giveBack(request);
    }

    void loseAll() {
        for (BlockRequest request : all) {
            lose(request);
        }
    }

    int lostCount() {
        return lostCount;
    }

    /** How many the links have, and will complete. */
    int inLinks() {
        return all.length - freeCount - lostCount - held.size();
    }

    /** Those that are not free. */
    List<InFlightRequest> inFlight(int queue, long nowNs) {
        List<InFlightRequest> list = new ArrayList<>();
        for (BlockRequest request : all) {
            if (request.place != Place.FREE) {
                list.add(new InFlightRequest(queue, request.operation(), request.offset(), request.byteCount(),
                    nowNs - request.takenNs, request.place == Place.HELD));
            }
        }
        return list;
    }

    /** Once no link has any more. */
    void close() {
        iovecs.close();
    }
}
