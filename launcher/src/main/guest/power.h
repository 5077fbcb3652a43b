// SPDX-License-Identifier: Apache-2.0
// The ways a machine ends.
#pragma once

#include "cpu.h"

// Through ACPI's S5; where there is none, debug_exit, then the keyboard controller.
_Noreturn void power_off(void);
// By "acpi" (the FADT's reset register), "cf9" or "i8042"; null tries all in this order. Ends in a triple fault.
_Noreturn void reset(const char *by);
// QEMU's isa-debug-exit: the monitor's exit status is 2 * value + 1. Returns when there is no such device.
void debug_exit(u8 value);
// The end after a failure that was told already: debug_exit(1), or a triple fault: never an exit that looks well.
_Noreturn void power_fail(void);
// Tells "result: FAILED" and why, and ends so. As print() otherwise.
_Noreturn void fail(const char *format, ...);
