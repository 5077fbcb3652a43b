// SPDX-License-Identifier: Apache-2.0
#include "reboot.h"

#include "acpi.h"
#include "apic.h"
#include "boot.h"
#include "clock.h"
#include "pattern.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "smp.h"
#include "string.h"
#include "workload.h"

enum {
    PAGE_BYTES = 4096, SLOTS = 32, ABSENT = 0xFFFF, VIRTIO = 0x1AF4, IO_APIC_INPUTS = 24,
    COM1 = 0x3F8, PIC_1 = 0x21, PIC_2 = 0xA1, EDGE_LEVEL_1 = 0x4D0, I8042_DATA = 0x60, I8042 = 0x64, FAST_A20 = 0x92, CF9 = 0xCF9,
    POST = 0x80, PIT_COUNT = 0x40, PIT_COMMAND = 0x43, SPEAKER = 0x61, CMOS_INDEX = 0x70, CMOS_DATA = 0x71, RTC_A = 0x0A, RTC_B = 0x0B,
    // Memory of the clock's that has a battery: the one thing that outlives a reset, and so counts them.
    CMOS_STARTS = 0x40,
    PM1_ENABLE = 0x602, GPE0_ENABLE = 0x624,    // as our machine has them
    LAPIC = 0xFEE00000, LAPIC_TASK_PRIORITY = 0x80, LAPIC_SPURIOUS = 0xF0, LAPIC_TIMER = 0x320, LAPIC_COUNT = 0x380, LAPIC_LINT_0 = 0x350,
    MSR_APIC_BASE = 0x1B, MSR_SYSENTER_EIP = 0x176, MSR_PAT = 0x277, MSR_MTRR_BASE = 0x200, MSR_MTRR_TYPE = 0x2FF,
    BAR_0 = 0x10, COMMAND = 0x04, CACHE_LINE = 0x0C, INTERRUPT_LINE = 0x3C, CAPABILITY_MSIX = 0x11,
    WORDS = 48,
};
static const u32 MSR_STAR = 0xC0000081, MSR_LSTAR = 0xC0000082;

extern u8 image_end[];

static u64 found[WORDS];
static unsigned words;
// What the loader has to bring back: one word of the image's data, one of what it is to zero.
static volatile u32 data_word = 0x600DDA7A, zero_word;

static void note(u64 word) { if (words < WORDS) found[words++] = word; }

static u8 cmos(u8 index) { out8(CMOS_INDEX, index); return in8(CMOS_DATA); }
static void set_cmos(u8 index, u8 value) { out8(CMOS_INDEX, index); out8(CMOS_DATA, value); }

void reboot_look(void) {
    static const u16 ports[] = { COM1 + 1, COM1 + 3, COM1 + 4, COM1 + 6, COM1 + 7, PIC_1, PIC_2, EDGE_LEVEL_1, I8042, FAST_A20, CF9, POST,
        SPEAKER };
    words = 0;
    for (unsigned i = 0; i < sizeof ports / sizeof *ports; i++) note(ports[i] == SPEAKER ? in8(SPEAKER) & 0x03 : in8(ports[i]));
    note(cmos(RTC_A) & 0x7F);
    note(cmos(RTC_B));
    note(in16(PM1_ENABLE));
    note(in32(GPE0_ENABLE));
    note(data_word);
    note(zero_word);
    note(rdmsr(MSR_APIC_BASE));
    note(rdmsr(MSR_SYSENTER_EIP));
    note(rdmsr(MSR_PAT));
    note(rdmsr(MSR_STAR));
    note(rdmsr(MSR_LSTAR));
    note(rdmsr(MSR_MTRR_BASE));
    note(rdmsr(MSR_MTRR_TYPE));
    static const u16 registers[] = { LAPIC_TASK_PRIORITY, LAPIC_SPURIOUS, LAPIC_TIMER, LAPIC_COUNT, LAPIC_LINT_0 };
    for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++) note(read32((u64) LAPIC + registers[i]));
}

static u32 io_apic(u32 index) {
    write32(acpi.io_apic, index);
    return read32(acpi.io_apic + 0x10);
}

static u32 hash(u32 so_far, u32 word) { return (so_far ^ word) * 16777619u; }

// What the driver before has set of a virtio device and its first queue (virtio 1.3 §4.1.4.3).
static u32 hash_virtio(u32 so_far, const struct pci_function *f) {
    u64 common = pci_bar(f, 0);
    for (u32 at = 0x10; at <= 0x1C; at += 2) so_far = hash(so_far, at == 0x12 ? 0 : at == 0x14 ? read8(common + at) : read16(common + at));
    for (u32 at = 0x20; at < 0x38; at += 4) so_far = hash(so_far, read32(common + at));
    return hash(hash(so_far, read32(common)), hash(read32(common + 0x08), read32(common + 0x0C)));
}

static void look_at_buses(void) {
    u32 inputs = 2166136261u, config = 2166136261u, virtio = 2166136261u;
    for (u32 i = 0; i < 2 * IO_APIC_INPUTS; i++) inputs = hash(inputs, io_apic(0x10 + i));
    for (u8 slot = 0; slot < SLOTS; slot++) {
        struct pci_function f = { .slot = slot };
        if (pci_read16(&f, 0) == ABSENT) continue;
        for (u32 at = 0; at < 256; at += 4) config = hash(config, pci_read32(&f, at));
        if (pci_read16(&f, 0) == VIRTIO) virtio = hash_virtio(virtio, &f);
    }
    note(inputs);
    note(config);
    note(virtio);
}

// From here on up to the end there is nothing of the image's or the loader's.
static u64 first_page(void) { return ((u64) image_end + (4u << 20)) & ~(u64) (PAGE_BYTES - 1); }
static u64 end_page(void) { return boot.memory_end - (1u << 20); }

// Which pages are looked at: all, or one of many where it is to be quick.
static u64 step = PAGE_BYTES;

static void check_memory(void) {
    u64 dirty = 0, where = 0;
    for (u64 page = first_page(); page < end_page(); page += step)
        if (*(volatile u64 *) page || *(volatile u64 *) (page + PAGE_BYTES - 8)) { dirty++; where = page; }
    if (dirty) fail("%u pages of memory are not zero, %l is one", dirty, where);
}

static void spoil_bus(void) {
    for (u8 slot = 1; slot < SLOTS; slot++) {
        struct pci_function f = { .slot = slot };
        if (pci_read16(&f, 0) == ABSENT) continue;
        pci_write16(&f, COMMAND, 0);
        pci_write32(&f, BAR_0, 0xD0000000u + ((u32) slot << 20));
        pci_write32(&f, CACHE_LINE, 0x10);
        pci_write32(&f, INTERRUPT_LINE, 0x5A);
        u8 msix = pci_capability(&f, CAPABILITY_MSIX, 0);
        if (msix) pci_write16(&f, msix + 2u, 0xC000);
        pci_write16(&f, COMMAND, 0x0402);
    }
}

static void spoil(void) {
    for (u64 page = first_page(); page < end_page(); page += step) {
        *(volatile u64 *) page = 0xDEADBEEF00000000u | page;
        *(volatile u64 *) (page + PAGE_BYTES - 8) = page;
    }
    data_word = 1;
    zero_word = 1;
    wrmsr(MSR_PAT, 0x0606060606060606);
    wrmsr(MSR_SYSENTER_EIP, 0x1234);
    wrmsr(MSR_STAR, 0x0010000800000000);
    wrmsr(MSR_LSTAR, 0x5678);
    wrmsr(MSR_MTRR_BASE, 0x40000006);
    interrupts_off();
    io_apic_route(5, 0x55, true, false);
    apic_start_timer();
    out8(EDGE_LEVEL_1, 0x20);
    out8(PIC_1, 0x5A);
    out8(PIC_2, 0xA5);
    out8(PIT_COMMAND, 0x34);
    out8(PIT_COUNT, 0x00);
    out8(PIT_COUNT, 0x10);
    out8(SPEAKER, 0x03);
    set_cmos(RTC_A, 0x2F);
    set_cmos(RTC_B, 0x72);                  // all of its interrupts
    out16(PM1_ENABLE, 0x0121);
    out32(GPE0_ENABLE, 0xFFFFFFFF);
    out8(I8042, 0xAA);                      // an answer that is not fetched
    out8(I8042, 0xD1);                      // a byte that is waited for
    out8(POST, 0x77);
    if (acpi.found) spoil_bus();
}

// As many writes as the disk takes, not waited for.
static void leave_writes(const struct options *o) {
    static struct disk disk;
    struct pci_function any;
    if (!pci_find(0x1AF4, 0x1042, 0, &any) || !disk_open(&disk, &o->disk)) return;
    pattern_init((u32) o->seed);
    workload_round(&disk, 4, 0);
    struct request *r;
    for (u64 block = 0; (r = disk_take(&disk)); block++) {
        pattern_fill(r->data, block, 0);
        disk_submit(&disk, r, REQUEST_WRITE, block * BLOCK_SECTORS, BLOCK_BYTES);
    }
    virtio_publish(&disk.virtio);
}

void reboot(const struct options *o) {
    u64 start = cmos(CMOS_STARTS) | (u64) cmos(CMOS_STARTS + 1) << 8;
    look_at_buses();
    print("start %u:", start);
    for (unsigned i = 0; i < words; i++) print(" %x", found[i]);
    print("\n");
    if (o->quick) step = 256 * PAGE_BYTES;
    check_memory();
    if (!o->quick) {
        clock_ready();
        if (acpi.cpus > 1) smp_check();
        leave_writes(o);
    }
    start++;
    if (start >= o->count) {
        print("result: ok, %u starts\n", start);
        return;
    }
    set_cmos(CMOS_STARTS, (u8) start);
    set_cmos(CMOS_STARTS + 1, (u8) (start >> 8));
    spoil();
    // The last, as nothing can be said any more.
    out8(COM1 + 7, 0x5A);
    out8(COM1 + 1, 0x0F);
    out8(COM1 + 4, 0x1F);
    out8(COM1 + 3, 0x83);
    reset(o->via[0] ? o->via : 0);
}
