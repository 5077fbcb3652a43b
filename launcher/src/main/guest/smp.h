// SPDX-License-Identifier: Apache-2.0
// The other processors.
#pragma once

#include "cpu.h"

// Starts one, which does this work, if any, and then sleeps; with interrupts off. The work has the stack of a page.
void smp_start(u32 cpu, void (*work)(void));
// Starts each processor the MADT lists, sends it an interrupt, and tells; ends the machine when one does not answer.
void smp_check(void);
