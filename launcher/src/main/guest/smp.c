// SPDX-License-Identifier: Apache-2.0
#include "smp.h"

#include "acpi.h"
#include "apic.h"
#include "boot.h"
#include "clock.h"
#include "power.h"
#include "print.h"
#include "string.h"
#include "trap.h"

enum { AP_PAGE = 0x10000, AP_STACK_BYTES = 4096, PATIENCE_MS = 5000 };

extern const char ap_start[], ap_start_end[];

u64 ap_stack;                                   // of the processor being started; entry.S reads it
static volatile u32 started, answered;          // written by one processor at a time
static volatile u32 started_id;
static void (*volatile work_of_next)(void);

static void on_ipi(void) { answered++; }

// Called by entry.S on each other processor.
_Noreturn void ap_main(void) {
    trap_load();
    apic_init_other();
    void (*work)(void) = work_of_next;
    started_id = apic_id();
    started++;
    if (work) work();
    for (;;) sleep_until_interrupt();
}

static void wait_for(const volatile u32 *counter, u32 value, u32 cpu, const char *what) {
    for (u64 start = rdtsc(); *counter != value; pause()) {
        if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("processor %u did not %s", (u64) cpu, what);
    }
}

void smp_start(u32 cpu, void (*work)(void)) {
    u32 before = started;
    memcpy((void *) AP_PAGE, ap_start, (size_t) (ap_start_end - ap_start));
    work_of_next = work;
    ap_stack = (u64) allocate(AP_STACK_BYTES, 16) + AP_STACK_BYTES;
    apic_send_init(cpu);
    apic_send_startup(cpu, AP_PAGE);
    wait_for(&started, before + 1, cpu, "start");
    if (started_id != cpu) fail("processor %u says that it is %u", (u64) cpu, (u64) started_id);
}

static void check(u32 cpu) {
    smp_start(cpu, 0);
    u32 before = answered;
    apic_send(cpu, VECTOR_IPI);
    wait_for(&answered, before + 1, cpu, "take an interrupt");
    print("processor %u started and took an interrupt\n", (u64) cpu);
}

void smp_check(void) {
    u32 self = apic_id(), others = 0;
    if (acpi.cpus == 0) fail("no MADT: the processors are not known");
    on_interrupt(VECTOR_IPI, on_ipi);
    for (u32 i = 0; i < acpi.cpus; i++) {
        if (acpi.apic_ids[i] == self) continue;
        check(acpi.apic_ids[i]);
        others++;
    }
    print("result: ok, %u processors\n", (u64) others + 1);
}
