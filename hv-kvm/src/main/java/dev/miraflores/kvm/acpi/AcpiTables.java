// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import dev.miraflores.kvm.boot.BootException;

/**
 * All tables of a machine as one block of bytes, laid out for one place in guest memory: the RSDP first, where a guest
 * that scans the BIOS area finds it, then what it leads to.
 * <pre>
 *   RSDP → XSDT → FADT → FACS, DSDT
 *               → MADT
 *               → MCFG        when there is PCI </pre>
 *
 * @param gpa where {@code bytes} must be placed; also the RSDP's address
 * @param bytes the block
 */
public record AcpiTables(long gpa, byte[] bytes) {
    /** Where guests look for the RSDP first besides the EBDA (ACPI 6.3 §5.2.5.1). */
    public static final long DEFAULT_GPA = 0xE_0000;
    /** Up to the end of the BIOS area, 1 MiB. */
    public static final int DEFAULT_BYTE_LIMIT = 0x2_0000;

    private static final int RSDP_BYTES = 36;
    private static final int RSDP_V1_BYTES = 20;
    private static final int RSDP_CHECKSUM_OFFSET = 8;
    private static final int RSDP_EXTENDED_CHECKSUM_OFFSET = 32;
    private static final int FACS_BYTES = 64;
    private static final int FACS_VERSION = 2;

    /** The tables for {@link #DEFAULT_GPA}. */
    public static AcpiTables build(AcpiConfig config) {
        return build(config, DEFAULT_GPA, DEFAULT_BYTE_LIMIT);
    }

    /**
     * The tables for a place of the caller's choice.
     *
     * @param gpa where they will be, aligned to 64 bytes, below 4 GiB
     * @param byteLimit how many bytes there are for them
     * @throws BootException when they need more
     */
    public static AcpiTables build(AcpiConfig config, long gpa, int byteLimit) {
        if ((gpa & FACS_BYTES - 1) != 0 || gpa < 0 || gpa + byteLimit > 1L << 32) {
            throw new IllegalArgumentException("ACPI tables cannot be at 0x" + Long.toHexString(gpa));
        }
        byte[] dsdt = Dsdt.build(config);
        byte[] madt = Madt.build(config);
        long facsGpa = gpa + FACS_BYTES;                            // the RSDP takes the 64 bytes before it
        long dsdtGpa = facsGpa + FACS_BYTES;
        byte[] fadt = Fadt.build(config, facsGpa, dsdtGpa);
        byte[] mcfg = config.pciHost() == null ? new byte[0] : mcfg(config.pciHost());
        long fadtGpa = align(dsdtGpa + dsdt.length);
        long madtGpa = align(fadtGpa + fadt.length);
        long mcfgGpa = align(madtGpa + madt.length);
        long xsdtGpa = align(mcfgGpa + mcfg.length);
        byte[] xsdt = mcfg.length == 0 ? xsdt(fadtGpa, madtGpa) : xsdt(fadtGpa, madtGpa, mcfgGpa);
        long byteSize = xsdtGpa + xsdt.length - gpa;
        if (byteSize > byteLimit) {
            throw new BootException("ACPI tables for " + config.apicIds().size() + " vCPUs need " + byteSize
                    + " bytes and " + byteLimit + " are free for them: use fewer vCPUs");
        }
        byte[] block = new byte[(int) byteSize];
        place(block, 0, rsdp(xsdtGpa));
        place(block, facsGpa - gpa, facs());
        place(block, dsdtGpa - gpa, dsdt);
        place(block, fadtGpa - gpa, fadt);
        place(block, madtGpa - gpa, madt);
        place(block, mcfgGpa - gpa, mcfg);
        place(block, xsdtGpa - gpa, xsdt);
        return new AcpiTables(gpa, block);
    }

    /** Root System Description Pointer, revision 2 (§5.2.5.3): two sums, over the first 20 bytes and over all. */
    private static byte[] rsdp(long xsdtGpa) {
        ByteSink sink = new ByteSink();
        sink.putAscii("RSD PTR ").put8(0).putAscii(Table.OEM_ID).put8(2);
        sink.put32(0);                                              // no RSDT: the XSDT holds all there is
        sink.put32(RSDP_BYTES).put64(xsdtGpa).put8(0).putZeros(3);
        byte[] rsdp = sink.toByteArray();
        rsdp[RSDP_CHECKSUM_OFFSET] = Table.checksum(rsdp, 0, RSDP_V1_BYTES);
        rsdp[RSDP_EXTENDED_CHECKSUM_OFFSET] = Table.checksum(rsdp, 0, RSDP_BYTES);
        return rsdp;
    }

    /** Extended System Description Table (§5.2.8): the addresses of the others. */
    private static byte[] xsdt(long... tableGpas) {
        ByteSink t = Table.begin("XSDT", 1);
        for (long tableGpa : tableGpas) {
            t.put64(tableGpa);
        }
        return Table.finish(t);
    }

    /** Firmware ACPI Control Structure (§5.2.10): no header of the common kind, no checksum, aligned to 64 bytes. */
    private static byte[] facs() {
        ByteSink sink = new ByteSink();
        sink.putAscii("FACS").put32(FACS_BYTES).putZeros(24).put8(FACS_VERSION).putZeros(31);
        return sink.toByteArray();
    }

    /** Memory-mapped configuration space of segment 0 (PCI Firmware 3.2 §4.1.2). */
    private static byte[] mcfg(AcpiConfig.PciHost host) {
        ByteSink t = Table.begin("MCFG", 1).putZeros(8);
        t.put64(host.ecamGpa()).put16(0).put8(0).put8(host.buses() - 1).put32(0);
        return Table.finish(t);
    }

    private static void place(byte[] block, long offset, byte[] table) {
        System.arraycopy(table, 0, block, (int) offset, table.length);
    }

    private static long align(long gpa) {
        return gpa + 15 & -16;
    }
}
