// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.bindings.boot.boot_abi;
import dev.miraflores.bindings.boot.boot_abi.boot_e820_entry;
import dev.miraflores.bindings.boot.boot_abi.boot_params;
import dev.miraflores.bindings.boot.boot_abi.setup_header;
import java.lang.foreign.MemorySegment;

/**
 * boot_params, what a Linux kernel is handed in rsi (Linux x86 boot protocol, "The zero page"), and the rest of the
 * 64-bit entry's state: descriptor and page tables, a stack, the command line.
 */
final class ZeroPage {
    /** A boot loader without a number of its own. */
    private static final int LOADER_UNDEFINED = 0xFF;
    private static final int VIDEO_MODE_NORMAL = 0xFFFF;

    private final Fields page = new Fields(new byte[(int) boot_params.sizeof]);

    /** The setup header as the kernel's file has it, from its first field on. */
    void header(byte[] setupHeader) {
        page.putBytes(boot_params.hdr, setupHeader);
    }

    /** A setup header for a file that has none. */
    void defaultHeader() {
        put16(setup_header.boot_flag, BzImage.BOOT_FLAG);
        put32(setup_header.header, BzImage.HEADER_MAGIC);
        put16(setup_header.version, BzImage.VERSION_64_BIT_ENTRY);
        put8(setup_header.loadflags, boot_abi.LOADED_HIGH);
        put32(setup_header.cmdline_size, Loading.LINUX_COMMAND_LINE_BYTES);
    }

    /** Stores what the 64-bit entry wants besides kernel and initrd; goes first, so that these keep clear of it. */
    void storeSurroundings(Loading loading, long maxCommandLineBytes) {
        loading.storeFirstPage(LowMemory.firstPage(true));
        loading.claim("boot_params", LowMemory.BOOT_PARAMS_GPA, page.byteSize());
        loading.store("the page tables", LowMemory.PAGE_TABLES_GPA, PageTables.build(LowMemory.PAGE_TABLES_GPA));
        loading.claim("the boot stack", LowMemory.STACK_GPA, LowMemory.PAGE_BYTES);
        loading.storeCommandLine(loading.request.commandLine(), maxCommandLineBytes);
    }

    /** Fills in what the loader says to the kernel, and stores the page. */
    BootState store(Loading loading, long entryGpa, long initrdGpa) {
        long initrdBytes = loading.initrdBytes();
        put8(setup_header.type_of_loader, LOADER_UNDEFINED);
        put16(setup_header.vid_mode, VIDEO_MODE_NORMAL);
        put32(setup_header.cmd_line_ptr, LowMemory.COMMAND_LINE_GPA);
        put32(setup_header.ramdisk_image, initrdGpa);
        put32(setup_header.ramdisk_size, initrdBytes);
        page.put32(boot_params.ext_ramdisk_image, initrdGpa >>> 32);
        page.put32(boot_params.ext_ramdisk_size, initrdBytes >>> 32);
        page.put64(boot_params.acpi_rsdp_addr, loading.request.rsdpGpa());
        memoryMap(loading.map);
        loading.write(LowMemory.BOOT_PARAMS_GPA, MemorySegment.ofArray(page.array()));
        return new BootState.LongMode(entryGpa, LowMemory.STACK_GPA + LowMemory.PAGE_BYTES,
                LowMemory.BOOT_PARAMS_GPA, LowMemory.PAGE_TABLES_GPA);
    }

    private void memoryMap(MemoryMap map) {
        int count = Math.min(map.size(), boot_abi.E820_MAX_ENTRIES_ZEROPAGE);
        for (int i = 0; i < count; i++) {
            MemoryMap.Entry entry = map.get(i);
            long at = boot_params.e820_table + i * boot_e820_entry.sizeof;
            page.put64(at + boot_e820_entry.addr, entry.gpa());
            page.put64(at + boot_e820_entry.size, entry.byteSize());
            page.put32(at + boot_e820_entry.type, entry.type());
        }
        page.put8(boot_params.e820_entries, count);
    }

    private void put8(long headerOffset, int value) {
        page.put8(boot_params.hdr + headerOffset, value);
    }

    private void put16(long headerOffset, int value) {
        page.put16(boot_params.hdr + headerOffset, value);
    }

    private void put32(long headerOffset, long value) {
        page.put32(boot_params.hdr + headerOffset, value);
    }
}
