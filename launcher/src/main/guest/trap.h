// SPDX-License-Identifier: Apache-2.0
// Exceptions and interrupts.
#pragma once

#include "cpu.h"
#include "vectors.h"

struct frame {
    u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

// How often each vector was taken, by vector. Written by handlers with interrupts off.
extern volatile u64 interrupts_taken[256];

// Builds the descriptor table and loads it on this processor.
void trap_init(void);
// Loads the same table on another processor.
void trap_load(void);
// What a vector does besides being counted; runs with interrupts off, before the end of interrupt.
void on_interrupt(u8 vector, void (*handler)(void));
// Ends the machine as a crash: an exception without a descriptor table.
_Noreturn void triple_fault(void);
