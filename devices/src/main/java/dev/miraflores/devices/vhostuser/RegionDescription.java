// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.MAX_TABLE_REGIONS;
import static dev.miraflores.devices.vhostuser.MessageLayout.U32;
import static dev.miraflores.devices.vhostuser.MessageLayout.U64;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A region of guest memory: what it is called by the guest and by the front end, and where its descriptor has it.
 * <pre>  region    0   u64  guest address          SET_MEM_TABLE      0   u32  number of regions
 *             8   u64  size                                      4   u32  padding
 *             16  u64  user address                              8        regions
 *             24  u64  mmap offset            ADD_/REM_MEM_REG   0   u64  padding
 *                                                                8        region </pre>
 */
public record RegionDescription(long guestAddress, long byteSize, long userAddress, long mmapOffset) {

    public static final int BYTES = 32;

    private static final int FIRST_OFFSET = 8;

    /** Bytes of ADD_MEM_REG's and REM_MEM_REG's payload. */
    public static final int SINGLE_BYTES = FIRST_OFFSET + BYTES;

    private static RegionDescription read(MemorySegment from, int offset) {
        return new RegionDescription(from.get(U64, offset), from.get(U64, offset + 8L),
            from.get(U64, offset + 16L), from.get(U64, offset + 24L));
    }

    private void write(MemorySegment to, int offset) {
        to.set(U64, offset, guestAddress);
        to.set(U64, offset + 8L, byteSize);
        to.set(U64, offset + 16L, userAddress);
        to.set(U64, offset + 24L, mmapOffset);
    }

    /** The region of ADD_MEM_REG or REM_MEM_REG. */
    public static RegionDescription readSingle(Message message) {
        return read(message.payload(), FIRST_OFFSET);
    }

    public Message writeSingle(Message message) {
        message.payload().set(U64, 0, 0);
        write(message.payload(), FIRST_OFFSET);
        return message.size(SINGLE_BYTES);
    }

    /**
     * The regions of SET_MEM_TABLE.
     *
     * @throws ProtocolException where there are too many, or not as many as the size says
     */
    public static List<RegionDescription> readTable(Message message) throws ProtocolException {
        int count = message.size() < FIRST_OFFSET ? -1 : message.payload().get(U32, 0);
        // Some front ends send the whole array whatever the number.
        if (count < 0 || count > MAX_TABLE_REGIONS || message.size() < tableBytes(count)) {
            throw new ProtocolException("SET_MEM_TABLE of " + message.size() + " bytes with "
                + Integer.toUnsignedString(count) + " regions: up to " + MAX_TABLE_REGIONS + " are possible");
        }
        List<RegionDescription> regions = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            regions.add(read(message.payload(), tableBytes(i)));
        }
        return regions;
    }

    public static Message writeTable(Message message, List<RegionDescription> regions) {
        message.payload().set(U32, 0, regions.size());
        message.payload().set(U32, 4, 0);
        for (int i = 0; i < regions.size(); i++) {
            regions.get(i).write(message.payload(), tableBytes(i));
        }
        return message.size(tableBytes(regions.size()));
    }

    private static int tableBytes(int regions) {
        return FIRST_OFFSET + regions * BYTES;
    }
}
