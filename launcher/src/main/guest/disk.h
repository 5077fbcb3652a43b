// SPDX-License-Identifier: Apache-2.0
// virtio-blk (virtio 1.3 §5.2): requests in slots, many in flight.
#pragma once

#include "virtio.h"

enum { SECTOR_BYTES = 512, BLOCK_BYTES = 4096, BLOCK_SECTORS = BLOCK_BYTES / SECTOR_BYTES, ID_BYTES = 20 };

enum request_type { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4, REQUEST_GET_ID = 8 };
enum request_status { STATUS_OK = 0, STATUS_IO_ERROR = 1, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xFF };

// How chains are laid out when the device can do both.
enum chains { CHAINS_MIXED, CHAINS_DIRECT, CHAINS_INDIRECT };

struct request {
    union { struct descriptor indirect[3]; struct packed_descriptor packed[3]; };
    struct { u32 type, reserved; u64 sector; } header;
    volatile u8 status;
    bool in_flight;
    u16 index;
    u32 data_bytes;
    u64 started;            // TSC
    u64 block, round;       // the caller's
    u8 *data;               // BLOCK_BYTES
    struct request *next_free;
};

// Header, data if any, status.
static inline u32 request_table_bytes(const struct request *r) {
    return (r->data_bytes != 0 ? 3 : 2) * sizeof(struct descriptor);
}

struct disk {
    struct virtio virtio;
    u64 sectors;
    bool read_only, has_flush, has_indirect;
    enum chains chains;
    u16 depth, in_flight;
    u16 stride;             // descriptors per request
    struct request *requests, *free;
};

struct disk_options {
    struct virtio_place place;
    u32 line;
    enum virtio_interrupts interrupts;
    enum chains chains;
    bool event_idx, packed;  // packed: if the device has that, and then all chains indirect
    u16 queue_size, depth;  // 0: as large as the device has it; as many as fit with three descriptors each
};

// Finds and starts the first disk; false when there is none.
bool disk_open(struct disk *d, const struct disk_options *o);

// A free request, or null when all are in flight.
struct request *disk_take(struct disk *d);
// Lays a request out, without giving it to the device: a request that is as it was can go again and again.
void disk_prepare(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes);
void disk_submit(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes);
// Gives a request that is laid out to the device; for each request, so without a call.
static inline void disk_queue(struct disk *d, struct request *r) {
    struct virtqueue *q = &d->virtio.queue;
    if (q->packed) virtqueue_add_packed(q, r->index, r->indirect, request_table_bytes(r));
    else virtqueue_add(q, (u16) (r->index * d->stride));
}

// The next completed request, or null. To be given back by disk_release.
struct request *disk_completed(struct disk *d);
void disk_release(struct disk *d, struct request *r);
// One request, alone, to its end: its status.
enum request_status disk_do(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes);
