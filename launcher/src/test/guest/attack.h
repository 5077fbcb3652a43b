// SPDX-License-Identifier: Apache-2.0
// A processor that attacks a device, and what all attacks work with.
#pragma once

#include "virtio.h"

struct attacker {
    u64 random;             // never 0
    volatile u32 cursor;    // of sweeps: where the next turn goes on
    volatile u64 turns;
    volatile u32 phase;     // the last one it has seen
};

// The device that is attacked, and where its registers are; set again when it was plugged anew.
struct target {
    struct virtio v;
    enum virtio_type type;
    u64 bars[2];            // registers, MSI-X table; PCI only
    u8 msix;                // its capability; 0: none
    u16 queue_size;         // the largest it takes
    bool alone;             // one processor attacks it, and it stays: a reset that it was told of ends
};

extern struct target target;

// Guest memory's last 2 MiB, which nothing else of this program uses: rings and buffers of the attacks, so that a device that does
// as it is told harms nobody.
enum { SCRATCH_BYTES = 2 << 20, RING = 0, AVAILABLE = 0x4000, USED = 0x5000, HEADERS = 0x8000, STATUSES = 0x9000, DATA = 0x10000 };
u64 scratch(void);

u32 next_random(struct attacker *a);
u32 below(struct attacker *a, u32 bound);
u64 one_of(struct attacker *a, const u64 *values, u32 count);
#define ONE_OF(a, values) one_of(a, values, sizeof values / sizeof *values)

// An access of 1, 2, 4 or 8 bytes.
void write_any(u64 address, u32 bytes, u64 value);
u64 read_any(u64 address, u32 bytes);

// --- target.c

// Finds the first device of the type, or that in a slot; ends the machine when there is none.
void target_find(enum virtio_type type, struct virtio_place place);
u8 target_status(void);
void target_set_status(u8 status);
void target_notify(u16 queue);
// Writes 0 to the status and waits for it to be read; not being alone, does not wait.
void target_reset(void);
// From reset to DRIVER_OK with queue 0 at these addresses.
void target_start(u64 features, u16 size, u64 descriptors, u64 driver, u64 device);
// The same with queue 1, if there is one, at the same addresses, each taken for another part.
void target_start_both(u64 features, u16 size, u64 descriptors, u64 driver, u64 device);
// Makes the rings of the scratch memory those of a queue that has not begun.
void empty_rings(void);
// The same with a sound split queue of 64 in the scratch memory.
void target_start_soundly(void);
// Reads of 4096 bytes (of entropy: any bytes) on a sound queue, 16 at most; and how many of them were used.
void target_submit(u16 count);
u16 target_used(void);
// Puts BARs and commands back where they were, and MSI-X off.
void target_restore(void);

// How far the cursor goes until all ports, or all registers, had their turn.
enum { PORTS_SWEEP = 0x1000, REGISTERS_WINDOWS = 12, REGISTERS_END = 0x140, REGISTERS_SWEEP = REGISTERS_WINDOWS * REGISTERS_END * 4 };

// --- the attacks: one turn each, of some milliseconds

void attack_doorbells(struct attacker *a);
void attack_queues(struct attacker *a);
void attack_rings(struct attacker *a);
void attack_resets(struct attacker *a);
void attack_break(struct attacker *a);
void attack_ports(struct attacker *a);
void attack_registers(struct attacker *a);
void attack_interrupts(struct attacker *a);
void attack_unplug(struct attacker *a);
void attack_all(struct attacker *a);
