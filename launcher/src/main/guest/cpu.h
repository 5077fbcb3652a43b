// SPDX-License-Identifier: Apache-2.0
// The instructions that C has no word for, and the types the rest is written in.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

static inline u8 in8(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 in16(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 in32(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void out16(u16 port, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void out32(u16 port, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }

// Device memory. Assembly, because the form of the instruction matters: a hypervisor decodes it.
static inline u8 read8(u64 a) { u8 v; __asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(a) : "memory"); return v; }
static inline u16 read16(u64 a) { u16 v; __asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline u32 read32(u64 a) { u32 v; __asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline void write8(u64 a, u8 v) { __asm__ volatile("movb %0, (%1)" :: "q"(v), "r"(a) : "memory"); }
static inline void write16(u64 a, u16 v) { __asm__ volatile("movw %0, (%1)" :: "r"(v), "r"(a) : "memory"); }
static inline void write32(u64 a, u32 v) { __asm__ volatile("movl %0, (%1)" :: "r"(v), "r"(a) : "memory"); }

static inline u64 rdmsr(u32 msr) {
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64) high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 v) {
    __asm__ volatile("wrmsr" :: "c"(msr), "a"((u32) v), "d"((u32) (v >> 32)) : "memory");
}

static inline void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d) {
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static inline u64 rdtsc(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64) high << 32 | low;
}

static inline void compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }

// A store before it is seen before a load after it is done: the one order x86 does not keep by itself. A locked
// instruction and not mfence, which some instruction emulators lack.
static inline void full_barrier(void) { __asm__ volatile("lock; addl $0, (%%rsp)" ::: "memory", "cc"); }

static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("sti" ::: "memory"); }

// Sleeps till the next interrupt. sti takes effect after the instruction that follows it, so none is lost between a
// check made with interrupts off and the hlt.
static inline void sleep_until_interrupt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
