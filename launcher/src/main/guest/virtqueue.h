// SPDX-License-Identifier: Apache-2.0
// A split virtqueue, driver side (virtio 1.3 §2.7).
#pragma once

#include "cpu.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct descriptor { u64 address; u32 length; u16 flags, next; };

struct available { u16 flags, idx, ring[]; };                               // ring[size], then used_event
struct used { u16 flags, idx; struct { u32 id, length; } ring[]; };         // ring[size], then avail_event

struct virtqueue {
    u16 size;
    bool event_idx;
    u16 next_available;             // not yet told to the device while it differs from available->idx
    u16 last_used;
    struct descriptor *descriptors;
    volatile struct available *available;
    volatile struct used *used;
    volatile u16 *used_event, *avail_event;
};

void virtqueue_init(struct virtqueue *q, u16 size, bool event_idx);
// Queues a chain by its head; the device sees it with the next virtqueue_publish.
void virtqueue_add(struct virtqueue *q, u16 head);
// Shows the device all that was added. True: it wants to be notified.
bool virtqueue_publish(struct virtqueue *q);
// Takes the next used element, if there is one.
bool virtqueue_take(struct virtqueue *q, u32 *id, u32 *length);
// Asks for an interrupt at the next used element. False: there is one already.
bool virtqueue_want_interrupt(struct virtqueue *q);
void virtqueue_want_none(struct virtqueue *q);
