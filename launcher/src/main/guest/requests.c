// SPDX-License-Identifier: Apache-2.0
#include "requests.h"

#include "acpi.h"
#include "apic.h"
#include "clock.h"
#include "power.h"
#include "print.h"
#include "trap.h"

enum { DEFAULT_BYTES = 4096, SERIAL_IRQ = 4 };

// Places to read: x[n + 1] = A * x[n] + C modulo 2^64 (Knuth's MMIX), of which the upper half is taken.
static const u64 LCG_A = 6364136223846793005u, LCG_C = 1442695040888963407u;
static u64 state;

struct pattern_of_reads { u64 units; u32 unit_sectors; };

static inline u64 next_sector(const struct pattern_of_reads *p) {
    state = state * LCG_A + LCG_C;
    return (state >> 32) * p->units >> 32;
}

static void check(const struct request *r) {
    if (r->status != STATUS_OK) fail("read of sector %u: status %u", r->header.sector, (u64) r->status);
}

// Takes all that is done, and sends each request again, elsewhere. How many.
static inline u64 turn(struct disk *d, const struct pattern_of_reads *p, bool again) {
    u32 id, written;
    u64 done = 0;
    for (; virtqueue_take(&d->virtio.queue, &id, &written); done++) {
        struct request *r = &d->requests[d->stride == 1 ? id : id / d->stride];
        check(r);
        if (!again) continue;
        r->status = STATUS_NONE;
        r->header.sector = next_sector(p) * p->unit_sectors;
        disk_queue(d, r);
    }
    return done;
}

static void one_round(struct disk *d, const struct options *o, u64 depth, u64 ms) {
    u32 bytes = o->bytes ? (u32) o->bytes : DEFAULT_BYTES;
    if (depth == 0 || depth > d->depth) fail("depth %u: this queue has room for 1 to %u", depth, (u64) d->depth);
    struct pattern_of_reads p = { .unit_sectors = bytes / SECTOR_BYTES };
    if (p.unit_sectors == 0 || bytes % SECTOR_BYTES || bytes > BLOCK_BYTES) fail("bytes=%u: use 512 to 4096, in sectors", (u64) bytes);
    p.units = d->sectors / p.unit_sectors;
    if (p.units == 0) fail("the disk has less than %u bytes", (u64) bytes);
    if (p.units > 0xFFFFFFFF) p.units = 0xFFFFFFFF;

    u64 interrupts = virtio_interrupts_taken(&d->virtio), notifications = d->virtio.notifications, done = 0;
    u64 start = rdtsc(), limit = from_ms(ms), passed;
    for (u64 i = 0; i < depth; i++) {
        disk_prepare(d, &d->requests[i], REQUEST_READ, next_sector(&p) * p.unit_sectors, bytes);
        disk_queue(d, &d->requests[i]);
    }
    do {
        virtio_publish(&d->virtio);
        u64 taken = turn(d, &p, true);
        done += taken;
        if (taken == 0) virtio_wait(&d->virtio);
        passed = rdtsc() - start;
    } while (passed < limit);
    virtio_publish(&d->virtio);
    u64 us = to_us(passed), drained = 0;
    while (drained < depth) {
        u64 taken = turn(d, &p, false);
        drained += taken;
        if (taken == 0) virtio_wait(&d->virtio);
    }
    // The mean latency is Little's law's: the number in flight never changes.
    print("round: depth %u, %u requests in %u us, %u requests/s, latency mean %u ns, %u interrupts, %u notifications\n", depth,
        done, us, done * 1000000 / (us ? us : 1), done ? us * 1000 * depth / done : 0,
        virtio_interrupts_taken(&d->virtio) - interrupts, d->virtio.notifications - notifications);
}

// The next byte from the serial port, asleep till it comes.
static int next_byte(void) {
    interrupts_off();
    int c;
    while ((c = serial_read()) < 0) sleep_until_interrupt();
    interrupts_on();
    return c;
}

// A number and the character after it; that is all of it when there is no digit.
static int next_number(u64 *n) {
    int c;
    *n = 0;
    while ((c = next_byte()) >= '0' && c <= '9') *n = *n * 10 + (u64) (c - '0');
    return c;
}

void requests(struct disk *d, const struct options *o) {
    state = o->seed;
    if (o->ms) {
        one_round(d, o, o->disk.depth ? o->disk.depth : d->depth, o->ms);
    } else {
        io_apic_route(acpi_isa_input(SERIAL_IRQ), VECTOR_SERIAL, false, false);
        serial_interrupts(true);
        print("ready: a queue of %u, TSC at %u MHz by %s\n", (u64) d->virtio.queue.size, clock_khz() / 1000, clock_source());
        u64 depth, ms;
        while (next_number(&depth) == ' ' && next_number(&ms) == '\n') one_round(d, o, depth, ms);
    }
    print("result: ok\n");
}
