// SPDX-License-Identifier: Apache-2.0
// The other processors.
#pragma once

#include "cpu.h"

// Starts each processor the MADT lists, sends it an interrupt, and tells; ends the machine when one does not answer.
void smp_check(void);
