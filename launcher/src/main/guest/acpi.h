// SPDX-License-Identifier: Apache-2.0
// What we need of ACPI (6.5): the fixed registers, S5, the processors and the I/O APIC.
#pragma once

#include "cpu.h"

enum { MAX_CPUS = 256 };

struct acpi {
    bool found;
    bool hardware_reduced;
    u16 pm1a_control, pm_timer;         // ports; 0: none
    u16 sleep_control, reset_port;      // ports; 0: none, or not a port
    u64 sleep_control_address;          // in memory; 0: none
    u8 reset_value;
    bool has_s5;
    u8 s5_type;                         // SLP_TYP of \_S5
    u64 ecam;                           // of segment 0; 0: none
    u64 io_apic;
    u32 cpus;                           // enabled ones, this one included
    u32 apic_ids[MAX_CPUS];
};

extern struct acpi acpi;

// Reads the tables; rsdp 0 looks for them where a BIOS leaves them.
void acpi_init(u64 rsdp);
// The I/O APIC input of an ISA interrupt, by the MADT's overrides.
u32 acpi_isa_input(u8 irq);
