// SPDX-License-Identifier: Apache-2.0
#include "apic.h"

#include "acpi.h"
#include "vectors.h"

enum { MSR_APIC_BASE = 0x1B, APIC_ENABLE = 1 << 11, APIC_X2 = 1 << 10, CPUID_1_C_X2APIC = 1 << 21 };

// Registers by their offset in the memory window; an MSR number in x2APIC mode is 0x800 + offset / 16 (SDM 3A §11.12.1).
enum {
    WINDOW = 0xFEE00000,
    ID = 0x020, END_OF_INTERRUPT = 0x0B0, SPURIOUS = 0x0F0, COMMAND = 0x300, COMMAND_HIGH = 0x310, TIMER = 0x320,
    TIMER_COUNT = 0x380, TIMER_DIVIDE = 0x3E0,
    SOFTWARE_ENABLE = 0x100, PERIODIC = 1 << 17, DIVIDE_BY_1 = 0x0B,
    DELIVER_FIXED = 0x000, DELIVER_INIT = 0x500, DELIVER_STARTUP = 0x600, ASSERT = 1 << 14, PENDING = 1 << 12,
};

// I/O APIC (82093AA §3): an index register and a window; two registers per input.
enum { IO_WINDOW = 0x10, IO_REDIRECTION = 0x10, IO_ACTIVE_LOW = 1 << 13, IO_LEVEL = 1 << 15, IO_DEFAULT = 0xFEC00000 };

static bool x2_mode;

static u32 get(u32 offset) { return x2_mode ? (u32) rdmsr(0x800 + offset / 16) : read32((u64) WINDOW + offset); }

static void set(u32 offset, u32 value) {
    if (x2_mode) wrmsr(0x800 + offset / 16, value);
    else write32((u64) WINDOW + offset, value);
}

void apic_init(bool x2) {
    u32 a, b, c, d;
    cpuid(1, &a, &b, &c, &d);
    x2_mode = x2 && c & CPUID_1_C_X2APIC;
    // Both 8259s masked: nothing may come by them.
    out8(0x21, 0xFF);
    out8(0xA1, 0xFF);
    apic_init_other();
}

void apic_init_other(void) {
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_ENABLE | (x2_mode ? APIC_X2 : 0));
    set(SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
}

void apic_end_of_interrupt(void) { set(END_OF_INTERRUPT, 0); }

u32 apic_id(void) { return x2_mode ? get(ID) : get(ID) >> 24; }

bool apic_is_x2(void) { return x2_mode; }

u64 msi_address(void) { return 0xFEE00000 | (u64) (apic_id() & 0xFF) << 12; }

u32 msi_data(u8 vector) { return vector; }

void io_apic_route(u32 input, u8 vector, bool level, bool active_low) {
    u64 base = acpi.io_apic ? acpi.io_apic : IO_DEFAULT;
    write32(base, IO_REDIRECTION + 2 * input + 1);
    write32(base + IO_WINDOW, apic_id() << 24);
    write32(base, IO_REDIRECTION + 2 * input);
    write32(base + IO_WINDOW, vector | (level ? IO_LEVEL : 0) | (active_low ? IO_ACTIVE_LOW : 0));
}

void apic_start_timer(void) {
    set(TIMER_DIVIDE, DIVIDE_BY_1);
    set(TIMER, PERIODIC | VECTOR_TIMER);
    set(TIMER_COUNT, 0xFFFFFFFF);       // 4.3 s at the 1 GHz that KVM and QEMU give it
}

static void command(u32 to, u32 value) {
    if (x2_mode) { wrmsr(0x800 + COMMAND / 16, (u64) to << 32 | value); return; }
    set(COMMAND_HIGH, to << 24);
    set(COMMAND, value);
    while (get(COMMAND) & PENDING) pause();
}

void apic_send_init(u32 to) { command(to, DELIVER_INIT | ASSERT); }
void apic_send_startup(u32 to, u64 page) { command(to, DELIVER_STARTUP | ASSERT | (u32) (page >> 12)); }
void apic_send(u32 to, u8 vector) { command(to, DELIVER_FIXED | ASSERT | vector); }
