// SPDX-License-Identifier: Apache-2.0
#include "boot.h"

#include "power.h"
#include "protocols.h"
#include "string.h"

// struct boot_params (Linux x86 boot protocol, "zero page").
enum {
    ACPI_RSDP_ADDR = 0x070, E820_ENTRIES = 0x1E8, CMD_LINE_PTR = 0x228, E820_TABLE = 0x2D0,
    E820_ENTRY_BYTES = 20,
};
// struct hvm_start_info (Xen, start_info.h).
enum {
    PVH_MAGIC = 0x336EC578, PVH_VERSION = 4, PVH_CMDLINE = 24, PVH_RSDP = 32, PVH_MEMMAP = 40, PVH_MEMMAP_ENTRIES = 48,
    PVH_ENTRY_BYTES = 24,
};
// Multiboot information (specification 0.6.96 §3.3).
enum { MB_FLAGS = 0, MB_MEM_UPPER = 8, MB_CMDLINE = 16, MB_HAS_MEMORY = 1, MB_HAS_CMDLINE = 4 };

enum { RAM = 1, IMAGE_START = 0x100000 };

extern char image_end[];

struct boot boot;
static u64 next_free;

static u32 field32(u64 a) { return *(const u32 *) a; }
static u64 field64(u64 a) { return *(const u64 *) a; }

static void copy_command_line(u64 from) {
    if (from == 0) return;
    for (size_t i = 0; i < sizeof boot.command_line - 1; i++) {
        char c = ((const char *) from)[i];
        boot.command_line[i] = c;
        if (c == 0) break;
    }
}

// A memory map of either protocol: address and size, 64 bits each, then the type.
static void read_map(u64 table, u64 entries, u64 entry_bytes) {
    for (u64 e = table; entries-- > 0; e += entry_bytes) {
        u64 start = field64(e), end = start + field64(e + 8);
        if (field32(e + 16) == RAM && start <= IMAGE_START && IMAGE_START < end) boot.memory_end = end;
    }
}

static void read_linux(u64 params) {
    boot.protocol = "linux";
    boot.rsdp = field64(params + ACPI_RSDP_ADDR);
    copy_command_line(field32(params + CMD_LINE_PTR));
    read_map(params + E820_TABLE, *(const u8 *) (params + E820_ENTRIES), E820_ENTRY_BYTES);
}

static void read_pvh(u64 info) {
    boot.protocol = "pvh";
    if (field32(info) != PVH_MAGIC) return;
    boot.rsdp = field64(info + PVH_RSDP);
    copy_command_line(field64(info + PVH_CMDLINE));
    if (field32(info + PVH_VERSION) >= 1) {
        read_map(field64(info + PVH_MEMMAP), field32(info + PVH_MEMMAP_ENTRIES), PVH_ENTRY_BYTES);
    }
}

static void read_multiboot(u64 info) {
    u32 flags = field32(info + MB_FLAGS);
    boot.protocol = "multiboot";
    if (flags & MB_HAS_CMDLINE) copy_command_line(field32(info + MB_CMDLINE));
    if (flags & MB_HAS_MEMORY) boot.memory_end = IMAGE_START + field32(info + MB_MEM_UPPER) * 1024ull;
}

void boot_init(u32 protocol, u64 info) {
    switch (protocol) {
    case PROTOCOL_LINUX: read_linux(info); break;
    case PROTOCOL_PVH: read_pvh(info); break;
    default: read_multiboot(info);
    }
    next_free = (u64) image_end;
}

void *allocate(u64 bytes, u64 alignment) {
    u64 start = (next_free + alignment - 1) & -alignment;
    if (start + bytes > boot.memory_end) fail("out of memory: the loader's map has RAM to %x", boot.memory_end);
    next_free = start + bytes;
    return (void *) start;
}

void *allocate_zeroed(u64 bytes, u64 alignment) { return memset(allocate(bytes, alignment), 0, bytes); }
