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

void clock_ready(void) {
    if (acpi.pm_timer) measure_by_pm_timer();
    else measure_by_pit();
    if (khz == 0) khz = 1;
}

const char *clock_source(void) { return source; }
u64 clock_khz(void) { return khz; }
u64 to_us(u64 ticks) { return ticks * 1000 / khz; }
u64 from_ms(u64 ms) { return ms * khz; }
