// SPDX-License-Identifier: Apache-2.0
// Local and I/O APIC.
#pragma once

#include "cpu.h"

// Turns this processor's local APIC on, in x2APIC mode if the CPU has it and x2 allows it.
void apic_init(bool x2);
// The same mode for another processor; call on that one.
void apic_init_other(void);
void apic_end_of_interrupt(void);
u32 apic_id(void);
bool apic_is_x2(void);

// Message that brings vector to this processor: address and data of MSI.
u64 msi_address(void);
u32 msi_data(u8 vector);

// Brings an I/O APIC input to vector on this processor.
void io_apic_route(u32 input, u8 vector, bool level, bool active_low);

// A periodic interrupt some seconds apart, on VECTOR_TIMER.
void apic_start_timer(void);

void apic_send_init(u32 to);
void apic_send_startup(u32 to, u64 page);
void apic_send(u32 to, u8 vector);
