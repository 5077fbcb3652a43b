// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

/**
 * The header that most tables share (ACPI 6.3 §5.2.6), and the sum that makes a table's bytes add up to zero.
 * <pre>   0   4   signature
 *    4   4   length, header included
 *    8   1   revision
 *    9   1   checksum
 *   10   6   OEM id
 *   16   8   OEM table id
 *   24   4   OEM revision
 *   28   4   creator id
 *   32   4   creator revision </pre>
 */
final class Table {
    static final int HEADER_BYTES = 36;
    static final String OEM_ID = "MIRAFL";
    private static final int LENGTH_OFFSET = 4;
    private static final int CHECKSUM_OFFSET = 9;
    private static final String OEM_TABLE_ID = "MIRAFLOR";
    private static final String CREATOR_ID = "MIRA";

    private Table() {
    }

    /** A sink that holds the header; length and checksum are filled in by {@link #finish}. */
    static ByteSink begin(String signature, int revision) {
        ByteSink sink = new ByteSink();
        sink.putAscii(signature).put32(0).put8(revision).put8(0);
        sink.putAscii(OEM_ID).putAscii(OEM_TABLE_ID).put32(1);
        return sink.putAscii(CREATOR_ID).put32(1);
    }

    static byte[] finish(ByteSink sink) {
        byte[] table = sink.toByteArray();
        for (int i = 0; i < 4; i++) {
            table[LENGTH_OFFSET + i] = (byte) (table.length >>> 8 * i);
        }
        table[CHECKSUM_OFFSET] = checksum(table, 0, table.length);
        return table;
    }

    /** What to add to these bytes for a sum of zero modulo 256. */
    static byte checksum(byte[] bytes, int offset, int count) {
        int sum = 0;
        for (int i = offset; i < offset + count; i++) {
            sum += bytes[i];
        }
        return (byte) -sum;
    }
}
