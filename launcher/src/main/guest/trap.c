// SPDX-License-Identifier: Apache-2.0
#include "trap.h"

#include "apic.h"
#include "power.h"
#include "print.h"

struct gate { u16 offset_low, selector; u8 ist, type; u16 offset_middle; u32 offset_high, reserved; };
struct __attribute__((packed)) table_pointer { u16 limit; u64 base; };

enum { CODE64 = 0x08, INTERRUPT_GATE = 0x8E };

extern const char exception_stubs[], interrupt_stubs[];

volatile u64 interrupts_taken[256];
static void (*handlers[LAST_VECTOR - FIRST_VECTOR + 1])(void);
static struct gate idt[LAST_VECTOR + 1];

static void set_gate(unsigned vector, const char *stub) {
    u64 a = (u64) stub;
    idt[vector] = (struct gate) { (u16) a, CODE64, 0, INTERRUPT_GATE, (u16) (a >> 16), (u32) (a >> 32), 0 };
}

void trap_init(void) {
    for (unsigned v = 0; v < EXCEPTIONS; v++) set_gate(v, exception_stubs + v * STUB_BYTES);
    for (unsigned v = FIRST_VECTOR; v <= LAST_VECTOR; v++) set_gate(v, interrupt_stubs + (v - FIRST_VECTOR) * STUB_BYTES);
    trap_load();
}

void trap_load(void) {
    struct table_pointer p = { sizeof idt - 1, (u64) idt };
    __asm__ volatile("lidt %0" :: "m"(p));
}

void on_interrupt(u8 vector, void (*handler)(void)) { handlers[vector - FIRST_VECTOR] = handler; }

_Noreturn void triple_fault(void) {
    struct table_pointer none = { 0, 0 };
    __asm__ volatile("cli; lidt %0; ud2" :: "m"(none));
    for (;;) __asm__ volatile("hlt");
}

static _Noreturn void crash(const struct frame *f) {
    u64 cr2, cr3;
    __asm__("mov %%cr2, %0; mov %%cr3, %1" : "=r"(cr2), "=r"(cr3));
    print("guest: exception %u, error %x, at %x:%x\n", f->vector, f->error, f->cs, f->rip);
    print("  rax %lx rbx %lx rcx %lx rdx %lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    print("  rsi %lx rdi %lx rbp %lx rsp %lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
    print("  r8  %lx r9  %lx r10 %lx r11 %lx\n", f->r8, f->r9, f->r10, f->r11);
    print("  r12 %lx r13 %lx r14 %lx r15 %lx\n", f->r12, f->r13, f->r14, f->r15);
    print("  flags %lx cr2 %lx cr3 %lx\n", f->rflags, cr2, cr3);
    power_fail();
}

// Called by the stubs.
void trap(const struct frame *f) {
    if (f->vector < EXCEPTIONS) crash(f);
    interrupts_taken[f->vector]++;
    if (f->vector == VECTOR_SPURIOUS) return;
    void (*handler)(void) = handlers[f->vector - FIRST_VECTOR];
    if (handler) handler();
    apic_end_of_interrupt();
}
