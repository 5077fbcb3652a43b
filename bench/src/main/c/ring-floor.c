// SPDX-License-Identifier: Apache-2.0
/*
 * The floor under the ring benchmark: what SplitRingWork.serve does, in C and without any check.
 *
 *   ring-floor ELEMENTS INDIRECT BATCH    prints nanoseconds per chain, the least of many rounds
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_SIZE 256
#define CHAINS 256
#define ROUNDS 60
#define REPEATS 4

#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct avail { uint16_t flags, idx, ring[QUEUE_SIZE], used_event; };
struct used { uint16_t flags, idx; struct { uint32_t id, len; } ring[QUEUE_SIZE]; uint16_t avail_event; };

static char *ram;
static struct desc *table;
static struct avail *avail;
static struct used *used;
static uint16_t avail_idx, next_avail, used_idx;

static void put(struct desc *d, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    d->addr = addr;
    d->len = len;
    d->flags = flags;
    d->next = next;
}

static void set_up(int elements, int indirect)
{
    int chains = QUEUE_SIZE / (indirect ? 1 : elements);

    ram = aligned_alloc(4096, 64 << 20);
    for (long i = 0; i < 64 << 20; i += 4096)
        ram[i] = 0;
    table = (struct desc *)(ram + 0x10000);
    avail = (struct avail *)(ram + 0x20000);
    used = (struct used *)(ram + 0x30000);
    for (int c = 0; c < chains; c++) {
        struct desc *d = indirect ? (struct desc *)(ram + 0x100000 + 256 * c) : table + c * elements;
        int base = indirect ? 0 : c * elements;

        if (indirect)
            put(table + c, 0x100000 + 256 * c, 16 * elements, F_INDIRECT, 0);
        for (int e = 0; e < elements; e++) {
            uint64_t addr = e == 0 ? 0x200000 + 256ul * c : 0x400000 + 4096ul * (c * elements + e);
            int last = e == elements - 1;

            put(d + e, addr, e == 0 ? 16 : last ? 1 : 4096, (e ? F_WRITE : 0) | (last ? 0 : F_NEXT), base + e + 1);
        }
    }
    for (int i = 0; i < QUEUE_SIZE; i++)
        avail->ring[i] = i % chains * (indirect ? 1 : elements);
}

static uint64_t serve(int total, int batch)
{
    uint64_t sum = 0;

    for (int done = 0; done < total; done += batch) {
        uint16_t seen;

        avail_idx += batch;
        __atomic_store_n(&avail->idx, avail_idx, __ATOMIC_RELEASE);
        seen = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
        while (next_avail != seen) {
            uint16_t head = avail->ring[next_avail++ % QUEUE_SIZE];
            struct desc *base = table, *d = base + head;

            if (d->flags & F_INDIRECT)
                d = base = (struct desc *)(ram + d->addr);
            sum += *(uint64_t *)(ram + d->addr) + *(uint64_t *)(ram + d->addr + 8);
            for (;;) {
                sum += (uint64_t)(ram + d->addr) + d->len;
                if (!(d->flags & F_NEXT))
                    break;
                d = base + d->next;
            }
            used->ring[used_idx % QUEUE_SIZE].id = head;
            used->ring[used_idx++ % QUEUE_SIZE].len = 1;
        }
        __atomic_store_n(&used->idx, used_idx, __ATOMIC_RELEASE);
    }
    return sum;
}

int main(int argc, char **argv)
{
    volatile uint64_t sink;
    double least = 1e18;

    if (argc != 4)
        return 2;
    set_up(atoi(argv[1]), atoi(argv[2]));
    for (int round = 0; round < ROUNDS; round++) {
        struct timespec a, b;

        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < REPEATS; i++)
            sink = serve(CHAINS, atoi(argv[3]));
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ns = ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / REPEATS / CHAINS;
        if (ns < least)
            least = ns;
    }
    (void)sink;
    printf("%.2f\n", least);
    return 0;
}
