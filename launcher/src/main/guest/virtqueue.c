// SPDX-License-Identifier: Apache-2.0
#include "virtqueue.h"

#include "boot.h"

enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };       // available->flags, used->flags

void virtqueue_init(struct virtqueue *q, u16 size, bool event_idx) {
    q->size = size;
    q->event_idx = event_idx;
    q->next_available = q->last_used = 0;
    q->descriptors = allocate_zeroed(16ull * size, 16);
    q->available = allocate_zeroed(6 + 2ull * size, 2);
    q->used = allocate_zeroed(6 + 8ull * size, 4);
    q->used_event = &q->available->ring[size];
    q->avail_event = (volatile u16 *) &q->used->ring[size];
    virtqueue_want_none(q);
}

void virtqueue_add(struct virtqueue *q, u16 head) {
    q->available->ring[q->next_available++ & (q->size - 1)] = head;
}

bool virtqueue_publish(struct virtqueue *q) {
    u16 old = q->available->idx, new = q->next_available;
    if (old == new) return false;
    compiler_barrier();             // x86 keeps stores in order: descriptors and ring before idx (§2.7.13.3)
    q->available->idx = new;
    full_barrier();                 // idx before the look at what the device wants (§2.7.13.4.1)
    if (q->event_idx) return (u16) (new - *q->avail_event - 1) < (u16) (new - old);
    return !(q->used->flags & NO_NOTIFY);
}

bool virtqueue_take(struct virtqueue *q, u32 *id, u32 *length) {
    if (q->used->idx == q->last_used) return false;
    compiler_barrier();             // loads stay in order too: idx before the element (§2.7.14)
    *id = q->used->ring[q->last_used & (q->size - 1)].id;
    *length = q->used->ring[q->last_used & (q->size - 1)].length;
    q->last_used++;
    return true;
}

bool virtqueue_want_interrupt(struct virtqueue *q) {
    if (q->event_idx) *q->used_event = q->last_used;
    else q->available->flags = 0;
    full_barrier();                 // the wish before the look, or an element in between goes unannounced (§2.7.10)
    return q->used->idx == q->last_used;
}

// With EVENT_IDX the flag must stay 0 (§2.7.7.1) and an index just passed does the same for a whole turn.
void virtqueue_want_none(struct virtqueue *q) {
    if (q->event_idx) *q->used_event = (u16) (q->last_used - 1);
    else q->available->flags = NO_INTERRUPT;
}
