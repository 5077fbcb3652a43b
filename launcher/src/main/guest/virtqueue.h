// SPDX-License-Identifier: Apache-2.0
// A virtqueue, driver side: split (virtio 1.3 §2.7) or packed (§2.8). On a packed one each chain is an indirect table, so
// that it takes one element of the ring.
#pragma once

#include "cpu.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct descriptor { u64 address; u32 length; u16 flags, next; };

struct available { u16 flags, idx, ring[]; };                               // ring[size], then used_event
struct used { u16 flags, idx; struct { u32 id, length; } ring[]; };         // ring[size], then avail_event

// An element of a packed ring (§2.8.13), and what either side wants to be told (§2.8.14).
struct packed_descriptor { u64 address; u32 length; u16 id, flags; };
struct packed_event { u16 offset_wrap, flags; };
enum { PACKED_AVAILABLE = 1 << 7, PACKED_USED = 1 << 15 };

struct virtqueue {
    u16 size;
    bool event_idx, packed;
    // Split: free-running, next_available not yet told to the device while it differs from available->idx. Packed: places.
    u16 next_available, last_used;
    struct descriptor *descriptors;
    volatile struct available *available;
    volatile struct used *used;
    volatile u16 *used_event, *avail_event;
    // Packed only.
    volatile struct packed_descriptor *ring;
    volatile struct packed_event *driver_event, *device_event;
    u16 available_bits, used_bits;  // what marks an element as such in this turn of the ring
    u16 unpublished;                // elements added since the last virtqueue_publish
};

void virtqueue_init(struct virtqueue *q, u16 size, bool event_idx, bool packed);
// Addresses of the three areas (§2.8.10.1: descriptors, driver, device).
u64 virtqueue_driver_area(const struct virtqueue *q);
u64 virtqueue_device_area(const struct virtqueue *q);
u64 virtqueue_descriptor_area(const struct virtqueue *q);
// Shows the device all that was added. True: it wants to be notified.
bool virtqueue_publish(struct virtqueue *q);
// Asks for an interrupt at the next used element. False: there is one already.
bool virtqueue_want_interrupt(struct virtqueue *q);
void virtqueue_want_none(struct virtqueue *q);

// --- for each request, so without a call -------------------------------------------------------------------------

// Queues a chain by its head; a split ring's device sees it with the next virtqueue_publish.
static inline void virtqueue_add(struct virtqueue *q, u16 head) {
    q->available->ring[q->next_available++ & (q->size - 1)] = head;
}

// Queues an indirect table on a packed ring; the device may see it at once.
static inline void virtqueue_add_packed(struct virtqueue *q, u16 id, const void *table, u32 bytes) {
    volatile struct packed_descriptor *d = &q->ring[q->next_available];
    d->address = (u64) table;
    d->length = bytes;
    d->id = id;
    compiler_barrier();             // x86 keeps stores in order: the flags, which hand it over, last (§2.8.21.1)
    d->flags = DESC_INDIRECT | q->available_bits;
    q->unpublished++;
    if (++q->next_available == q->size) {
        q->next_available = 0;
        q->available_bits ^= PACKED_AVAILABLE | PACKED_USED;
    }
}

// Whether there is no used element to take.
static inline bool virtqueue_is_empty(const struct virtqueue *q) {
    if (!q->packed) return q->used->idx == q->last_used;
    return (q->ring[q->last_used].flags & (PACKED_AVAILABLE | PACKED_USED)) != q->used_bits;
}

// Takes the next used element, if there is one.
static inline bool virtqueue_take(struct virtqueue *q, u32 *id, u32 *length) {
    if (virtqueue_is_empty(q)) return false;
    compiler_barrier();             // loads stay in order too: what tells of the element before the element (§2.7.14)
    if (!q->packed) {
        *id = q->used->ring[q->last_used & (q->size - 1)].id;
        *length = q->used->ring[q->last_used & (q->size - 1)].length;
        q->last_used++;
        return true;
    }
    *id = q->ring[q->last_used].id;
    *length = q->ring[q->last_used].length;
    if (++q->last_used == q->size) {
        q->last_used = 0;
        q->used_bits ^= PACKED_AVAILABLE | PACKED_USED;
    }
    return true;
}
