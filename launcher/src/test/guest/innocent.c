// SPDX-License-Identifier: Apache-2.0
#include "innocent.h"

#include "clock.h"
#include "power.h"

enum { DEPTH = 8, TURNS = 8, MMIO_WINDOW_BYTES = 0x1000, LAST_WORD = BLOCK_BYTES / 8 - 1 };

static struct disk disk;

void innocent_open(const struct disk_options *o) {
    struct disk_options of = *o;
    struct virtio second;
    of.depth = DEPTH;
    if (of.place.window) {
        of.place.window += MMIO_WINDOW_BYTES;
        of.line++;
    } else {
        if (!virtio_find(&second, VIRTIO_BLOCK, 1, of.place)) fail("no second disk");
        of.place.slot = second.pci.slot;
    }
    if (!disk_open(&disk, &of)) fail("no second disk");
}

static u64 stamp(const struct request *r) { return r->block * 0x9E3779B97F4A7C15 + (r->round >> 1); }

// A request writes its block in one round and reads it in the next.
static void next(struct request *r) {
    u64 *words = (u64 *) r->data;
    bool write = r->round % 2 == 0;
    r->block = r->index + DEPTH * ((r->round >> 1) % TURNS);
    words[0] = words[LAST_WORD] = write ? stamp(r) : 0;
    disk_submit(&disk, r, write ? REQUEST_WRITE : REQUEST_READ, r->block * BLOCK_SECTORS, BLOCK_BYTES);
}

static void look_at(const struct request *r) {
    const u64 *words = (const u64 *) r->data;
    u64 expected = stamp(r);
    if (r->status != STATUS_OK) fail("the innocent disk answered %u", (u64) r->status);
    if (words[0] != expected || words[LAST_WORD] != expected) {
        fail("the innocent disk's block %u holds %x, not %x", r->block, words[0], expected);
    }
}

u64 innocent_work(u64 ms) {
    u64 done = 0, ticks = from_ms(ms);
    for (u64 start = rdtsc(); disk.in_flight > 0 || rdtsc() - start < ticks;) {
        struct request *r;
        while (rdtsc() - start < ticks && (r = disk_take(&disk))) next(r);
        virtio_publish(&disk.virtio);
        while ((r = disk_completed(&disk))) {
            look_at(r);
            r->round++;
            disk_release(&disk, r);
            done++;
        }
        if (disk.in_flight > 0) virtio_wait(&disk.virtio);
    }
    return done;
}
