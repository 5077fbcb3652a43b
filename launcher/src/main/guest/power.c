// SPDX-License-Identifier: Apache-2.0
#include "power.h"

#include "acpi.h"
#include "print.h"
#include "string.h"
#include "trap.h"

enum {
    DEBUG_EXIT_PORT = 0xF4,
    CF9_PORT = 0xCF9, CF9_RESET = 0x06,         // a full reset of the CPU
    PORT_92 = 0x92, PORT_92_RESET = 0x03,       // the fast reset, and A20
    I8042_PORT = 0x64, I8042_RESET = 0xFE,      // pulse the reset line
    SLEEP_ENABLE = 1 << 13,                     // PM1 control; SLP_TYP is at bit 10 (ACPI §4.8.3.2.1)
    SLEEP_CONTROL_ENABLE = 1 << 5,              // sleep control register; SLP_TYP is at bit 2 (§4.8.3.7)
};

void debug_exit(u8 value) { out8(DEBUG_EXIT_PORT, value); }

// What we asked for may be carried out by another thread of the monitor: give it a while.
static void linger(void) {
    for (u64 start = rdtsc(); rdtsc() - start < 1000000000ull;) pause();
}

_Noreturn void power_fail(void) {
    interrupts_off();
    debug_exit(1);
    linger();
    triple_fault();
}

_Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print("result: FAILED: ");
    print_list(format, arguments);
    print("\n");
    va_end(arguments);
    power_fail();
}

_Noreturn void power_off(void) {
    interrupts_off();
    if (acpi.has_s5) {
        u8 control = (u8) (SLEEP_CONTROL_ENABLE | acpi.s5_type << 2);
        if (acpi.sleep_control) out8(acpi.sleep_control, control);
        else if (acpi.sleep_control_address) write8(acpi.sleep_control_address, control);
        else if (acpi.pm1a_control) out16(acpi.pm1a_control, (u16) (SLEEP_ENABLE | acpi.s5_type << 10));
        linger();
    }
    print("guest: ACPI does not power this machine off\n");
    debug_exit(0);
    reset(0);
}

_Noreturn void reset(const char *by) {
    interrupts_off();
    if ((!by || same_text(by, "acpi")) && acpi.reset_port) { out8(acpi.reset_port, acpi.reset_value); linger(); }
    if (!by || same_text(by, "cf9")) { out8(CF9_PORT, CF9_RESET); linger(); }
    if (by && same_text(by, "port92")) { out8(PORT_92, PORT_92_RESET); linger(); }
    if (!by || same_text(by, "i8042")) { out8(I8042_PORT, I8042_RESET); linger(); }
    print("guest: still here after a reset\n");
    power_fail();
}
