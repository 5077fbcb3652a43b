// SPDX-License-Identifier: Apache-2.0
// Every port, and every register in memory, at every width.
#include "acpi.h"
#include "attack.h"
#include "print.h"
#include "virtio_registers.h"

enum { PORTS = 0x10000, PORTS_A_TURN = 256, WIDTHS = 3, CONFIG_ADDRESS = 0xCF8, CONFIG_ENABLE = 0x80000000 };

// Ports through which a guest ends its machine, or harms itself or the disk that is not attacked: what is written to them
// would be carried out, as it should be.
static const struct { u16 first, last; } SPARED[] = {
    { 0x20, 0x21 }, { 0xA0, 0xA1 }, { 0x4D0, 0x4D1 },       // interrupt controllers: they would bring exceptions' vectors
    { 0x64, 0x64 }, { 0x92, 0x92 }, { 0xF4, 0xF7 }, { 0xCF9, 0xCF9 },   // reset, exit
    { 0x3F8, 0x3F8 },                                       // what would be read of the console
    { 0x604, 0x605 },                                       // PM1 control: off
    { 0x648, 0x64B },                                       // ejection
};

static bool is_spared(u32 port, u32 bytes) {
    for (u32 i = 0; i < sizeof SPARED / sizeof *SPARED; i++) {
        if (port <= SPARED[i].last && port + bytes > SPARED[i].first) return true;
    }
    return false;
}

static void write_port(u16 port, u32 bytes, u32 value) {
    if (bytes == 1) out8(port, (u8) value);
    else if (bytes == 2) out16(port, (u16) value);
    else out32(port, value);
}

static void read_port(u16 port, u32 bytes) {
    if (bytes == 1) in8(port);
    else if (bytes == 2) in16(port);
    else in32(port);
}

// Of PCI configuration only what belongs to the attacked device is written.
static void select_target(u32 offset) {
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | (u32) target.v.pci.slot << 11 | (offset & 0xFC));
}

static void storm_port(struct attacker *a, u16 port) {
    for (u32 w = 0; w < WIDTHS; w++) {
        u32 bytes = 1u << w;
        read_port(port, bytes);
        if (is_spared(port, bytes)) continue;
        if (port + bytes > CONFIG_ADDRESS && port < CONFIG_ADDRESS + 8u) {
            if (target.v.mmio) continue;
            select_target(next_random(a));
            if (port < CONFIG_ADDRESS + 4u) continue;
        }
        write_port(port, bytes, next_random(a));
    }
}

// The string forms, of which one instruction may be thousands of accesses.
static void storm_string(void) {
    u64 count = 4096, at = scratch() + DATA;
    __asm__ volatile("rep outsb" : "+c"(count), "+S"(at) : "d"((u16) 0x80) : "memory");
    count = 1024, at = scratch() + DATA;
    __asm__ volatile("rep insl" : "+c"(count), "+D"(at) : "d"((u16) 0x608) : "memory");
}

void attack_ports(struct attacker *a) {
    for (u32 i = 0; i < PORTS_A_TURN; i++) {
        // The PC's own ports one after the other; of the many above them, which only a BAR could claim, some.
        if (i % 8) storm_port(a, (u16) (a->cursor++ % PORTS_SWEEP));
        else storm_port(a, (u16) (PORTS_SWEEP + below(a, PORTS - PORTS_SWEEP)));
    }
    storm_string();
    serial_init();
    target_restore();
}

// --- memory

enum { PAGE = 0x1000, ACCESSES_A_TURN = 256, RESTORED_EACH = 32 };

static u64 window(u32 index, bool *may_write) {
    u64 slot = acpi.ecam + ((u64) target.v.pci.slot << 15);
    *may_write = true;
    if (target.v.mmio) return target.v.common;
    switch (index) {
    case 0: case 1: case 2: case 3: return target.bars[0] + PAGE * index;
    case 4: return target.bars[1];
    case 5: return target.bars[1] + 0x800;
    case 6: return slot;
    case 7: return slot + PAGE - REGISTERS_END;
    case 8: return acpi.ecam + (31ull << 15);           // an empty slot
    case 9: return 0xFED00000;                          // nothing
    case 10: *may_write = false; return acpi.ecam;      // the host bridge
    default: *may_write = false; return 0xFEC00000;     // the I/O APIC
    }
}

static u64 any_value(struct attacker *a) {
    static const u64 values[] = { 0, 1, 0xFF, 0xFFFF, 0xFFFFFFFF, (u64) -1, 0x80000000, 15, 0xC8000000 };
    return below(a, 2) ? ONE_OF(a, values) : (u64) next_random(a) << 32 | next_random(a);
}

// Message addresses stay those of no processor: a message of any kind would be delivered, as it should be.
static bool is_message_address(u64 at, u32 bytes) {
    u64 table = target.bars[1];
    if (target.v.mmio || at + bytes <= table || at >= table + 0x800) return false;
    return (at & 15) < 8 || (at & 15) + bytes > 16;
}

static void storm_register(struct attacker *a, u64 at, u32 bytes, bool may_write) {
    read_any(at, bytes);
    if (may_write && !is_message_address(at, bytes)) write_any(at, bytes, any_value(a));
}

void attack_registers(struct attacker *a) {
    for (u32 i = 0; i < ACCESSES_A_TURN; i++, a->cursor++) {
        bool may_write;
        u32 bytes = 1u << (a->cursor & 3), place = a->cursor >> 2;
        u64 base = window(place / REGISTERS_END % REGISTERS_WINDOWS, &may_write);
        storm_register(a, base + place % REGISTERS_END, bytes, may_write);
        // The end of the page, and over it.
        if (i % 16 == 0) storm_register(a, base + PAGE - 1 - below(a, 16), bytes, may_write);
        if (i % RESTORED_EACH == 0) target_restore();
    }
    target_restore();
    target_reset();
}
