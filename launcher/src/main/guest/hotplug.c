// SPDX-License-Identifier: Apache-2.0
#include "hotplug.h"

#include "pattern.h"
#include "power.h"
#include "print.h"
#include "string.h"
#include "workload.h"

// As the DSDT of our machine has them: a bit per slot, the first two taken by reading.
enum { PORT_UP = 0x640, PORT_DOWN = 0x644, PORT_EJECT = 0x648, SLOTS = 32, ABSENT = 0xFFFF, VENDOR_ID = 0 };

static struct disk disk;
static u8 slot;                 // of the disk, 0 when there is none
static u64 rounds, deaf;

static bool is_empty(u8 where) {
    struct pci_function f = { .slot = where };
    return pci_read16(&f, VENDOR_ID) == ABSENT;
}

static void plugged(u8 where, const struct options *o) {
    if (slot) { print("slot %u is filled, and left alone\n", (u64) where); return; }
    struct disk_options of = o->disk;
    of.place.slot = where;
    memset(&disk, 0, sizeof disk);
    if (!disk_open(&disk, &of)) fail("no virtio-blk device in slot %u", (u64) where);
    slot = where;
    rounds = 0;
    print("plugged slot %u, %u sectors\n", (u64) slot, disk.sectors);
}

// Lets go of the disk with as many writes in flight as it takes, and nothing said to it before.
static void eject_rudely(const struct options *o) {
    struct request *r;
    for (u64 block = 0; block < o->blocks && (r = disk_take(&disk)); block++) {
        pattern_fill(r->data, block, rounds);
        disk_submit(&disk, r, REQUEST_WRITE, block * BLOCK_SECTORS, BLOCK_BYTES);
    }
    virtio_publish(&disk.virtio);
}

static void wanted_back(u8 where, const struct options *o) {
    bool in_use = false;
    if (is_empty(where)) {
        if (slot == where) slot = 0;
        print("slot %u is empty\n", (u64) where);
    } else if (deaf > 0) {
        deaf--;
        print("slot %u stays\n", (u64) where);
        return;
    } else if (slot == where) {
        in_use = true;
        if (o->rude) eject_rudely(o);
        else virtio_reset(&disk.virtio);
        slot = 0;
    }
    out32(PORT_EJECT, 1u << where);
    if (!is_empty(where)) fail("slot %u was ejected, and is not empty", (u64) where);
    // Not before that was seen: whoever reads this may fill the slot again.
    if (in_use) print("ejected slot %u after %u rounds\n", (u64) where, rounds);
}

void hotplug(const struct options *o) {
    struct options all = *o;
    if (all.blocks == 0) all.blocks = 4;
    deaf = o->deaf;
    pattern_init((u32) o->seed);
    print("waiting for disks: 'q' ends\n");
    while (serial_read() != 'q') {
        u32 up = in32(PORT_UP), down = in32(PORT_DOWN);
        for (u8 i = 1; i < SLOTS; i++) {
            if (up >> i & 1) plugged(i, &all);
            if (down >> i & 1) wanted_back(i, &all);
        }
        if (slot && (all.rounds == 0 || rounds < all.rounds)) {
            workload_round(&disk, all.blocks, rounds++);
            if (rounds == all.rounds) print("verified slot %u\n", (u64) slot);
        }
        pause();
    }
    print("result: ok\n");
}
