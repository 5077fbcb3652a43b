// SPDX-License-Identifier: Apache-2.0
#include "entropy.h"

#include "boot.h"
#include "power.h"
#include "print.h"
#include "string.h"

enum { BUFFER_BYTES = 4096, DEFAULT_COUNT = 4096 };

// One buffer's worth: how many bytes the device wrote of it.
static u32 ask(struct virtio *v, u8 *buffer, u32 bytes) {
    u32 id, written;
    v->queue.descriptors[0] = (struct descriptor) { (u64) buffer, bytes, DESC_WRITE, 0 };
    virtqueue_add(&v->queue, 0);
    virtio_publish(v);
    while (!virtqueue_take(&v->queue, &id, &written)) virtio_wait(v);
    if (id != 0 || written == 0 || written > bytes) fail("entropy: head %u with %u bytes", (u64) id, (u64) written);
    return written;
}

void entropy_check(const struct options *o) {
    static struct virtio v;
    static u64 seen[256];
    u8 *buffer = allocate(BUFFER_BYTES, BUFFER_BYTES);
    u64 values = 0, count = o->count ? o->count : DEFAULT_COUNT;
    if (!virtio_find(&v, VIRTIO_ENTROPY, 0, o->disk.place)) fail("no virtio-rng device");
    virtio_negotiate(&v, (u64) o->disk.event_idx << VIRTIO_F_EVENT_IDX);
    virtio_start(&v, 8, o->disk.interrupts, o->disk.line);
    for (u64 left = count; left > 0;) {
        u32 bytes = ask(&v, buffer, left < BUFFER_BYTES ? (u32) left : BUFFER_BYTES);
        for (u32 i = 0; i < bytes; i++) values += seen[buffer[i]]++ == 0;
        left -= bytes;
    }
    // Of 4096 random bytes fewer than 200 different ones come once in far more runs than there will be.
    if (count >= DEFAULT_COUNT && values < 200) fail("entropy: %u different values in %u bytes", values, count);
    print("result: ok, %u random bytes, %u different, %u interrupts\n", count, values, virtio_interrupts_taken(&v));
}
