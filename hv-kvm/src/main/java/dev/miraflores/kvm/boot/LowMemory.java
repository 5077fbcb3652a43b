// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * What the loaders put below 1 MiB. Kernels are done with it once they run; until then it must not be overwritten, so
 * each loader claims what it uses.
 * <pre>
 *   0x00000  real mode's interrupt vectors, for Multiboot
 *   0x00400  BIOS data area: COM1's port, kilobytes of base memory, the EBDA's segment
 *   0x00500  GDT, IDT
 *   0x00580  what the interrupt vectors lead to
 *   0x06000  PVH start info, memory map, module list
 *   0x07000  boot_params ("zero page")
 *   0x08000  a page of stack
 *   0x09000  page tables: PML4, PDPT, four page directories
 *   0x10000  Multiboot information, memory map, module list
 *   0x20000  the kernel's command line, then those of modules
 *   0x9FC00  EBDA
 *   0xE0000  ACPI tables </pre>
 */
final class LowMemory {
    static final long START_INFO_GPA = 0x6000;
    static final long BOOT_PARAMS_GPA = 0x7000;
    static final long STACK_GPA = 0x8000;
    static final long PAGE_TABLES_GPA = 0x9000;
    static final long MULTIBOOT_INFO_GPA = 0x1_0000;
    static final long COMMAND_LINE_GPA = 0x2_0000;
    static final long EBDA_GPA = 0x9_FC00;
    static final long BIOS_GPA = 0xE_0000;
    static final long HIGH_GPA = 0x10_0000;
    static final int PAGE_BYTES = 4096;

    private static final int COM1_PORT_OFFSET = 0x400;
    private static final int EBDA_SEGMENT_OFFSET = 0x40E;
    private static final int BASE_KIBIBYTES_OFFSET = 0x413;
    private static final int COM1_PORT = 0x3F8;

    /** Present, accessed, executable and readable, base 0, limit 4 GiB; D=1 for 32 bits, L=1 for 64 (SDM vol. 3 §3.4.5). */
    private static final long CODE_32 = 0x00CF_9B00_0000_FFFFL;
    private static final long CODE_64 = 0x00AF_9B00_0000_FFFFL;
    private static final long DATA = 0x00CF_9300_0000_FFFFL;
    /** Busy, base 0, limit 0x67. */
    private static final long TSS = 0x0000_8B00_0000_0067L;

    private static final int VECTORS = 256;
    private static final int SERVICE_GPA = 0x580;
    /** stc; retf 2: back to the caller with its flags, but carry set. */
    private static final byte[] REFUSE_SERVICE = {(byte) 0xF9, (byte) 0xCA, 2, 0};
    private static final int INTERRUPT_GPA = 0x590;
    /** iret. */
    private static final byte[] IGNORE_INTERRUPT = {(byte) 0xCF};

    private LowMemory() {
    }

    /** The first page: the few BIOS data that kernels look at, and the GDT. */
    static byte[] firstPage(boolean longMode) {
        Fields page = new Fields(new byte[PAGE_BYTES]);
        page.put16(COM1_PORT_OFFSET, COM1_PORT);
        page.put16(EBDA_SEGMENT_OFFSET, (int) (EBDA_GPA >>> 4));
        page.put16(BASE_KIBIBYTES_OFFSET, (int) (EBDA_GPA >>> 10));
        page.put64(BootState.GDT_GPA + BootState.CODE_SELECTOR, longMode ? CODE_64 : CODE_32);
        page.put64(BootState.GDT_GPA + BootState.DATA_SELECTOR, DATA);
        page.put64(BootState.GDT_GPA + BootState.TSS_SELECTOR, TSS);    // its upper half, in 64-bit mode, is zero
        return page.array();
    }

    /**
     * Adds interrupt vectors to a first page. There is no BIOS, but kernels that boot loaders start go back to real mode
     * and ask one, Xen among them: they find each service refused, by the carry flag.
     */
    static void addInterruptVectors(byte[] firstPage) {
        Fields page = new Fields(firstPage);
        for (int vector = 0; vector < VECTORS; vector++) {
            // Where a PC's two interrupt controllers are at first: 8..15, 0x70..0x77.
            boolean hardware = vector >>> 3 == 1 || vector >>> 3 == 0xE;
            page.put32(vector * 4L, hardware ? INTERRUPT_GPA : SERVICE_GPA);    // segment 0
        }
        page.putBytes(SERVICE_GPA, REFUSE_SERVICE);
        page.putBytes(INTERRUPT_GPA, IGNORE_INTERRUPT);
    }
}
