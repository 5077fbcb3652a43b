// SPDX-License-Identifier: Apache-2.0
// Time by the TSC, whose rate is measured against the ACPI PM timer or the PIT, or told by KVM.
#pragma once

#include "cpu.h"

// Starts the measurement; the work till clock_ready() counts as its time.
void clock_init(void);
// Ends it, after at least 3 ms.
void clock_ready(void);
// What the rate was measured against.
const char *clock_source(void);
u64 clock_khz(void);
u64 to_us(u64 ticks);
u64 from_ms(u64 ms);
