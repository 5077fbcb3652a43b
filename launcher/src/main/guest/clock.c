// SPDX-License-Identifier: Apache-2.0
#include "clock.h"

#include "acpi.h"

enum {
    PM_TIMER_HZ = 3579545, PM_TIMER_MASK = 0xFFFFFF,    // 24 bits at least (ACPI §4.8.3.3)
    PIT_HZ = 1193182, PIT_CHANNEL_2 = 0x42, PIT_COMMAND = 0x43, PIT_GATE = 0x61,
    MEASURE_MS = 3,
    ASSUMED_KHZ = 1000000,
};

static u64 khz = ASSUMED_KHZ, start_tsc;
static u32 start_timer;
static const char *source = "nothing, taken for 1 GHz";

static u32 pm_timer(void) { return in32(acpi.pm_timer) & PM_TIMER_MASK; }

void clock_init(void) {
    if (acpi.pm_timer == 0) return;
    start_timer = pm_timer();
    start_tsc = rdtsc();
}

static void measure_by_pm_timer(void) {
    u32 passed, wanted = PM_TIMER_HZ / 1000 * MEASURE_MS;
    for (u32 looks = 0; (passed = (pm_timer() - start_timer) & PM_TIMER_MASK) < wanted; looks++) {
        if (looks == 1000000) return;   // it stands still
    }
    khz = (rdtsc() - start_tsc) * (PM_TIMER_HZ / 1000) / passed;
    source = "the ACPI PM timer";
}

// Counts channel 2 down once, its gate open and the speaker off; OUT2 (bit 5 of port 61h) tells the end.
static void measure_by_pit(void) {
    u32 count = PIT_HZ / 1000 * MEASURE_MS;
    out8(PIT_GATE, (in8(PIT_GATE) & 0xFC) | 0x01);
    out8(PIT_COMMAND, 0xB0);            // channel 2, both bytes, mode 0
    out8(PIT_CHANNEL_2, (u8) count);
    out8(PIT_CHANNEL_2, (u8) (count >> 8));
    start_tsc = rdtsc();
    if (in8(PIT_GATE) & 0x20) return;   // high from the start: there is no PIT
    for (u32 looks = 0; !(in8(PIT_GATE) & 0x20); looks++) {
        if (looks == 1000000) return;
    }
    khz = (rdtsc() - start_tsc) / MEASURE_MS;
    source = "the PIT";
}

// What KVM tells: of a tick, in nanoseconds, shift it and multiply by mul / 2^32 (Documentation/virt/kvm/x86/msr.rst).
static void ask_kvm(void) {
    static volatile struct { u32 version, pad; u64 tsc, ns; u32 mul; int8_t shift; u8 flags, end[2]; } page
        __attribute__((aligned(64)));
    enum { KVM_FEATURES = 0x40000001, KVM_CLOCK = 1 << 3, MSR_KVM_SYSTEM_TIME = 0x4B564D01, ENABLE = 1 };
    u32 a, b, c, d;
    cpuid(KVM_FEATURES - 1, &a, &b, &c, &d);
    if (b != 0x4B4D564B || c != 0x564B4D56) return;     // "KVMKVMKVM"
    cpuid(KVM_FEATURES, &a, &b, &c, &d);
    if (!(a & KVM_CLOCK)) return;
    wrmsr(MSR_KVM_SYSTEM_TIME, (u64) &page | ENABLE);
    u32 mul = page.mul;
    int shift = page.shift;
    wrmsr(MSR_KVM_SYSTEM_TIME, 0);
    if (mul == 0 || shift < -16 || shift > 16) return;
    u64 per_ms = (1000000ull << 32) / mul;
    khz = shift < 0 ? per_ms << -shift : per_ms >> shift;
    source = "KVM";
}

void clock_ready(void) {
    if (acpi.pm_timer) measure_by_pm_timer();
    else measure_by_pit();
    if (khz == ASSUMED_KHZ) ask_kvm();
    if (khz == 0) khz = 1;
}

const char *clock_source(void) { return source; }
u64 clock_khz(void) { return khz; }
u64 to_us(u64 ticks) { return ticks * 1000 / khz; }
u64 from_ms(u64 ms) { return ms * khz; }
