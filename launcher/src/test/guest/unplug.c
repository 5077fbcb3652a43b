// SPDX-License-Identifier: Apache-2.0
// A device that is ejected with requests in flight, whose registers are used after it is gone, and that comes back.
#include "attack.h"

enum { PORT_UP = 0x640, PORT_DOWN = 0x644, PORT_EJECT = 0x648, ABSENT = 0xFFFF, BARS = 0xD0000000 };

static bool is_gone(void) { return pci_read16(&target.v.pci, 0) == ABSENT; }

// It has no addresses yet. It may be gone again by any of these accesses, so nothing is looked for and nothing expected:
// its registers are where they were on the first of its kind.
static void plugged(u8 slot) {
    u32 at = BARS + ((u32) slot << 20);
    u64 notify = target.v.notify - target.bars[0], configuration = target.v.configuration - target.bars[0];
    target.v.pci.slot = slot;
    target.bars[0] = target.v.common = at;
    target.bars[1] = at + 0x80000;
    target.v.notify = at + notify;
    target.v.configuration = at + configuration;
    target_restore();
}

static void ring(struct attacker *a, u32 times) {
    while (times-- > 0) {
        target_notify((u16) below(a, 2));
        if (below(a, 8) == 0) target_set_status((u8) next_random(a));
    }
}

void attack_unplug(struct attacker *a) {
    if (is_gone()) {
        ring(a, 16);
        u32 up = in32(PORT_UP);
        for (u8 slot = 1; slot < 32; slot++) if (up >> slot & 1) plugged(slot);
        return;
    }
    target_restore();
    target_start_soundly();
    target_submit(16);
    if (in32(PORT_DOWN) == 0 && below(a, 16)) { target_reset(); return; }
    ring(a, below(a, 8));
    out32(PORT_EJECT, 1u << target.v.pci.slot);
    ring(a, 64);
}
