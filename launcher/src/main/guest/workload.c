// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include "clock.h"
#include "pattern.h"
#include "power.h"
#include "print.h"
#include "string.h"
#include "trap.h"

enum { DEFAULT_BLOCKS = 256, PUBLISH_BATCH = 16, GROWTH = 4 };

// Of one direction.
struct tally { u64 requests, ticks, latency_sum, latency_worst; };

static struct tally written, verified;

static u64 disk_blocks(const struct disk *d) { return d->sectors / BLOCK_SECTORS; }

static void complete(struct disk *d, struct request *r, struct tally *t) {
    u64 latency = rdtsc() - r->started;
    if (r->status != STATUS_OK) {
        fail("request of type %u for block %u: status %u", (u64) r->header.type, r->block, (u64) r->status);
    }
    if (r->header.type == REQUEST_READ) {
        int wrong = pattern_check(r->data, r->block, r->round);
        if (wrong >= 0) {
            fail("block %u, round %u: word %u is %x", r->block, r->round, (u64) wrong, ((u64 *) r->data)[wrong]);
        }
    }
    t->requests++;
    t->latency_sum += latency;
    if (latency > t->latency_worst) t->latency_worst = latency;
    disk_release(d, r);
}

static void submit_block(struct disk *d, struct request *r, enum request_type type, u64 block, u64 round) {
    r->block = block;
    r->round = round;
    if (type == REQUEST_WRITE) pattern_fill(r->data, block, round);
    else pattern_spoil(r->data);
    disk_submit(d, r, type, block * BLOCK_SECTORS, BLOCK_BYTES);
}

// All of the first blocks in random order, as many in flight as there are requests.
static void pass(struct disk *d, enum request_type type, u64 blocks, u64 round) {
    struct tally *t = type == REQUEST_WRITE ? &written : &verified;
    u64 start = rdtsc(), next = 0, done = 0;
    while (done < blocks) {
        struct request *r;
        for (unsigned n = 0; n < PUBLISH_BATCH && next < blocks && (r = disk_take(d)); n++) {
            submit_block(d, r, type, shuffled(next++, blocks), round);
        }
        virtio_publish(&d->virtio);
        bool idle = true;
        while ((r = disk_completed(d))) { complete(d, r, t); done++; idle = false; }
        if (idle && (next == blocks || !d->free)) virtio_wait(&d->virtio);
    }
    t->ticks += rdtsc() - start;
}

static void flush(struct disk *d) {
    struct request *r = disk_take(d);
    enum request_status status = disk_do(d, r, REQUEST_FLUSH, 0, 0);
    if (status != STATUS_OK) fail("flush: status %u", (u64) status);
    disk_release(d, r);
}

// One round: everything written is on the disk, and read back right.
void workload_round(struct disk *d, u64 blocks, u64 round) {
    if (!d->read_only) pass(d, REQUEST_WRITE, blocks, round);
    if (!d->read_only && d->has_flush) flush(d);
    if (!d->read_only) pass(d, REQUEST_READ, blocks, round);
}

static u64 first_round_blocks(const struct disk *d, const struct options *o) {
    u64 blocks = o->blocks ? o->blocks : DEFAULT_BLOCKS;
    if (disk_blocks(d) == 0) fail("the disk has less than one block of %u bytes", (u64) BLOCK_BYTES);
    return blocks < disk_blocks(d) ? blocks : disk_blocks(d);
}

// Rounds of a fixed size, or, with ms, rounds that grow as long as the next one fits into what is left.
static void rounds(struct disk *d, const struct options *o) {
    u64 first = first_round_blocks(d, o), blocks = first, start = rdtsc(), round = 0;
    for (;;) {
        u64 before = rdtsc();
        workload_round(d, blocks, round++);
        u64 now = rdtsc(), limit = from_ms(o->ms);
        if (o->ms == 0) {
            if (round >= o->rounds) return;
            continue;
        }
        if (now - start >= limit) return;
        u64 per_block = (now - before) / blocks + 1, fits = (limit - (now - start)) / per_block;
        if (fits < first) return;
        blocks *= GROWTH;
        if (blocks > fits) blocks = fits;
        if (blocks > disk_blocks(d)) blocks = disk_blocks(d);
    }
}

// --- the requests besides reads and writes -----------------------------------------------------------------------

static void expect(const char *what, enum request_status is, enum request_status should) {
    if (is != should) fail("%s: status %u, not %u", what, (u64) is, (u64) should);
}

static void check_others(struct disk *d) {
    struct request *r = disk_take(d);
    char id[ID_BYTES + 1] = { 0 };
    memset(r->data, 0xFF, ID_BYTES);
    expect("get-id", disk_do(d, r, REQUEST_GET_ID, 0, ID_BYTES), STATUS_OK);
    memcpy(id, r->data, ID_BYTES);
    expect("read past the end", disk_do(d, r, REQUEST_READ, d->sectors, BLOCK_BYTES), STATUS_IO_ERROR);
    expect("read across the end", disk_do(d, r, REQUEST_READ, d->sectors - 1, BLOCK_BYTES), STATUS_IO_ERROR);
    expect("read at the last sector there can be", disk_do(d, r, REQUEST_READ, ~0ull, SECTOR_BYTES), STATUS_IO_ERROR);
    expect("request of no known type", disk_do(d, r, 0x7F, 0, SECTOR_BYTES), STATUS_UNSUPPORTED);
    if (d->read_only) expect("write to a read-only disk", disk_do(d, r, REQUEST_WRITE, 0, SECTOR_BYTES), STATUS_IO_ERROR);
    disk_release(d, r);
    print("id \"%s\"; wrong requests refused as they should be\n", id);
}

// --- telling -----------------------------------------------------------------------------------------------------

static void tell_disk(const struct disk *d) {
    static const char *const interrupts[] = { "MSI-X", "line interrupts", "polling" };
    static const char *const chains[] = { "direct and indirect chains", "direct chains", "indirect chains" };
    const struct virtio *v = &d->virtio;
    if (v->mmio) print("disk: virtio-mmio at %x", v->common);
    else print("disk: virtio-pci at 00:%x%x.%u", (u64) v->pci.slot >> 4, (u64) v->pci.slot & 15, (u64) v->pci.function);
    print(", %u MiB%s, queue of %u, %u in flight, %s, %s%s%s\n", d->sectors >> 11, d->read_only ? " read-only" : "",
        (u64) v->queue.size, (u64) d->depth, interrupts[v->interrupts], chains[d->chains],
        v->queue.event_idx ? ", event index" : "", v->queue.packed ? ", packed" : "");
}

static void tell_tally(const char *what, const struct tally *t) {
    if (t->requests == 0) return;
    u64 us = to_us(t->ticks);
    print("%s %u blocks of %u bytes in %u us: %u requests/s, latency mean %u us, worst %u us\n", what, t->requests,
        (u64) BLOCK_BYTES, us, t->requests * 1000000 / (us ? us : 1), to_us(t->latency_sum / t->requests), to_us(t->latency_worst));
}

static void tell_result(const struct disk *d) {
    tell_tally("wrote and flushed", &written);
    tell_tally("read and verified", &verified);
    print("%u interrupts, %u notifications; TSC at %u MHz by %s\n", virtio_interrupts_taken(&d->virtio),
        d->virtio.notifications, clock_khz() / 1000, clock_source());
    print("result: ok, %u blocks verified\n", verified.requests);
}

// --- the workloads -----------------------------------------------------------------------------------------------

void workload_demo(struct disk *d, const struct options *o) {
    tell_disk(d);
    pattern_init((u32) o->seed);
    rounds(d, o);
    check_others(d);
    tell_result(d);
}

void workload_hold(struct disk *d, const struct options *o) {
    u64 blocks = first_round_blocks(d, o), config_seen = 0;
    tell_disk(d);
    pattern_init((u32) o->seed);
    print("holding: 'q' ends\n");
    u64 last = rdtsc(), told = 0;
    for (u64 round = 0; serial_read() != 'q'; round++) {
        workload_round(d, blocks, round);
        if (interrupts_taken[VECTOR_CONFIG] != config_seen) {
            config_seen = interrupts_taken[VECTOR_CONFIG];
            print("the disk now has %u sectors\n", virtio_config64(&d->virtio, 0));
        }
        u64 now = rdtsc();
        if (now - last < from_ms(o->every * 1000)) continue;
        u64 requests = written.requests + verified.requests;
        print("%u requests, %u/s\n", requests, (requests - told) * 1000000 / (to_us(now - last) + 1));
        told = requests;
        last = now;
    }
    tell_result(d);
}

void workload_journal(struct disk *d, const struct options *o) {
    tell_disk(d);
    pattern_init((u32) o->seed);
    struct request *r = disk_take(d);
    u64 count = o->count ? o->count : disk_blocks(d);
    for (u64 block = 0; block < count && block < disk_blocks(d); block++) {
        pattern_fill(r->data, block, 0);
        expect("write", disk_do(d, r, REQUEST_WRITE, block * BLOCK_SECTORS, BLOCK_BYTES), STATUS_OK);
        flush(d);
        print("safe %u\n", block);
    }
    disk_release(d, r);
    print("result: ok\n");
}
