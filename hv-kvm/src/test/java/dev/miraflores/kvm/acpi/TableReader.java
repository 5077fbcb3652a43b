// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** Follows the tables from the RSDP on, as a guest does, and refuses what a guest would. */
final class TableReader {
    private final ByteBuffer block;
    private final long gpa;
    private final Map<String, ByteBuffer> tables = new LinkedHashMap<>();

    TableReader(AcpiTables image) {
        block = ByteBuffer.wrap(image.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        gpa = image.gpa();
        ByteBuffer rsdp = slice(gpa, 36);
        check("RSD PTR ".equals(ascii(rsdp, 0, 8)), "signature");
        check(sum(slice(gpa, 20)) == 0 && sum(rsdp) == 0, "sum of RSDP");
        check(rsdp.get(15) == 2 && rsdp.getInt(20) == 36, "revision of RSDP");
        ByteBuffer xsdt = table(rsdp.getLong(24));
        check("XSDT".equals(ascii(xsdt, 0, 4)), "XSDT");
        for (int at = 36; at < xsdt.capacity(); at += 8) {
            add(table(xsdt.getLong(at)));
        }
        ByteBuffer fadt = tables.get("FACP");
        check(fadt.getLong(140) == (fadt.getInt(40) & 0xFFFF_FFFFL), "the two addresses of the DSDT");
        add(table(fadt.getLong(140)));
        long facsGpa = fadt.getInt(36) & 0xFFFF_FFFFL;
        check((facsGpa & 63) == 0, "alignment of FACS");
        tables.put("FACS", slice(facsGpa, 64));
    }

    ByteBuffer get(String signature) {
        return tables.get(signature);
    }

    Map<String, ByteBuffer> all() {
        return tables;
    }

    private void add(ByteBuffer table) {
        tables.put(ascii(table, 0, 4), table);
    }

    private ByteBuffer table(long tableGpa) {
        ByteBuffer table = slice(tableGpa, slice(tableGpa, 36).getInt(4));
        check(sum(table) == 0, "sum of " + ascii(table, 0, 4));
        return table;
    }

    private ByteBuffer slice(long sliceGpa, int count) {
        return block.slice((int) (sliceGpa - gpa), count).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int sum(ByteBuffer bytes) {
        int sum = 0;
        for (int i = 0; i < bytes.capacity(); i++) {
            sum += bytes.get(i);
        }
        return sum & 0xFF;
    }

    static String ascii(ByteBuffer bytes, int offset, int count) {
        byte[] text = new byte[count];
        bytes.get(offset, text);
        return new String(text, StandardCharsets.US_ASCII);
    }

    private static void check(boolean good, String what) {
        if (!good) {
            throw new AssertionError(what + " is wrong");
        }
    }
}
