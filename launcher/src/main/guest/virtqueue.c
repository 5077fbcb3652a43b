// SPDX-License-Identifier: Apache-2.0
#include "virtqueue.h"

#include "boot.h"

enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };       // available->flags, used->flags
enum { EVENT_ENABLE, EVENT_DISABLE, EVENT_DESCRIPTOR, WRAP = 1 << 15 };     // packed_event (§2.8.14)

static void init_packed(struct virtqueue *q) {
    q->ring = allocate_zeroed(16ull * q->size, 16);
    q->driver_event = allocate_zeroed(sizeof *q->driver_event, 4);
    q->device_event = allocate_zeroed(sizeof *q->device_event, 4);
    // Both wrap counters start at 1 (§2.8.1).
    q->available_bits = PACKED_AVAILABLE;
    q->used_bits = PACKED_AVAILABLE | PACKED_USED;
    q->unpublished = 0;
}

static void init_split(struct virtqueue *q) {
    q->descriptors = allocate_zeroed(16ull * q->size, 16);
    q->available = allocate_zeroed(6 + 2ull * q->size, 2);
    q->used = allocate_zeroed(6 + 8ull * q->size, 4);
    q->used_event = &q->available->ring[q->size];
    q->avail_event = (volatile u16 *) &q->used->ring[q->size];
}

void virtqueue_init(struct virtqueue *q, u16 size, bool event_idx, bool packed) {
    q->size = size;
    q->event_idx = event_idx;
    q->packed = packed;
    q->next_available = q->last_used = 0;
    if (packed) init_packed(q);
    else init_split(q);
    virtqueue_want_none(q);
}

u64 virtqueue_descriptor_area(const struct virtqueue *q) { return q->packed ? (u64) q->ring : (u64) q->descriptors; }
u64 virtqueue_driver_area(const struct virtqueue *q) { return q->packed ? (u64) q->driver_event : (u64) q->available; }
u64 virtqueue_device_area(const struct virtqueue *q) { return q->packed ? (u64) q->device_event : (u64) q->used; }

static bool publish_packed(struct virtqueue *q) {
    u16 added = q->unpublished;
    if (added == 0) return false;
    q->unpublished = 0;
    full_barrier();                 // the elements before the look at what the device wants (§2.8.21.3.1)
    u16 flags = q->device_event->flags;
    if (flags != EVENT_DESCRIPTOR) return flags == EVENT_ENABLE;
    u16 wanted = q->device_event->offset_wrap;
    bool same_turn = (wanted & WRAP ? PACKED_AVAILABLE : PACKED_USED) == q->available_bits;
    u16 event = (u16) ((wanted & ~WRAP) - (same_turn ? 0 : q->size));
    return (u16) (q->next_available - event - 1) < added;
}

bool virtqueue_publish(struct virtqueue *q) {
    if (q->packed) return publish_packed(q);
    u16 old = q->available->idx, new = q->next_available;
    if (old == new) return false;
    compiler_barrier();             // x86 keeps stores in order: descriptors and ring before idx (§2.7.13.3)
    q->available->idx = new;
    full_barrier();                 // idx before the look at what the device wants (§2.7.13.4.1)
    if (q->event_idx) return (u16) (new - *q->avail_event - 1) < (u16) (new - old);
    return !(q->used->flags & NO_NOTIFY);
}

bool virtqueue_want_interrupt(struct virtqueue *q) {
    if (q->packed) {
        q->driver_event->offset_wrap = q->last_used | (q->used_bits ? WRAP : 0);
        compiler_barrier();
        q->driver_event->flags = q->event_idx ? EVENT_DESCRIPTOR : EVENT_ENABLE;
    } else if (q->event_idx) *q->used_event = q->last_used;
    else q->available->flags = 0;
    full_barrier();                 // the wish before the look, or an element in between goes unannounced (§2.7.10)
    return virtqueue_is_empty(q);
}

// On a split ring with EVENT_IDX the flag must stay 0 (§2.7.7.1) and an index just passed does the same for a whole turn.
void virtqueue_want_none(struct virtqueue *q) {
    if (q->packed) q->driver_event->flags = EVENT_DISABLE;
    else if (q->event_idx) *q->used_event = (u16) (q->last_used - 1);
    else q->available->flags = NO_INTERRUPT;
}
