// SPDX-License-Identifier: Apache-2.0
#include "disk.h"

#include "boot.h"
#include "power.h"
#include "string.h"

enum { FEATURE_READ_ONLY = 5, FEATURE_FLUSH = 9, CAPACITY = 0, HEADER_BYTES = 16, LARGEST_QUEUE = 1024 };

static bool has(const struct disk *d, unsigned feature) { return d->virtio.features >> feature & 1; }

// Each request owns the descriptors from index * stride on. Three let it be a direct chain; where all are indirect
// one does, and as many requests fit as the queue has elements.
static void make_requests(struct disk *d, u16 depth) {
    d->stride = d->chains == CHAINS_INDIRECT ? 1 : 3;
    d->depth = d->virtio.queue.size / d->stride;
    if (depth != 0 && depth < d->depth) d->depth = depth;
    d->requests = allocate_zeroed(d->depth * sizeof *d->requests, 16);
    u8 *data = allocate((u64) d->depth * BLOCK_BYTES, BLOCK_BYTES);
    for (u16 i = d->depth; i-- > 0;) {
        struct request *r = &d->requests[i];
        r->index = i;
        r->data = data + (u64) i * BLOCK_BYTES;
        disk_release(d, r);
    }
}

bool disk_open(struct disk *d, const struct disk_options *o) {
    struct virtio *v = &d->virtio;
    if (!virtio_find(v, VIRTIO_BLOCK, 0, o->place)) return false;
    virtio_negotiate(v, 1ull << FEATURE_READ_ONLY | 1ull << FEATURE_FLUSH
        | (u64) (o->chains != CHAINS_DIRECT) << VIRTIO_F_INDIRECT_DESC | (u64) o->event_idx << VIRTIO_F_EVENT_IDX
        | (u64) o->packed << VIRTIO_F_RING_PACKED);
    d->read_only = has(d, FEATURE_READ_ONLY);
    d->has_flush = has(d, FEATURE_FLUSH);
    d->has_indirect = has(d, VIRTIO_F_INDIRECT_DESC);
    d->chains = d->has_indirect ? o->chains : CHAINS_DIRECT;
    if (has(d, VIRTIO_F_RING_PACKED)) {
        if (!d->has_indirect) fail("a packed queue without indirect chains");
        d->chains = CHAINS_INDIRECT;
    }
    d->sectors = virtio_config64(v, CAPACITY);
    virtio_start(v, o->queue_size ? o->queue_size : LARGEST_QUEUE, o->interrupts, o->line);
    make_requests(d, o->depth);
    return true;
}

struct request *disk_take(struct disk *d) {
    struct request *r = d->free;
    if (r) d->free = r->next_free;
    return r;
}

void disk_release(struct disk *d, struct request *r) {
    r->next_free = d->free;
    d->free = r;
}

// Header, data if any, status: as descriptors at, the next of each counted from first.
static void lay_out(struct request *r, struct descriptor *at, u16 first, bool device_writes) {
    *at++ = (struct descriptor) { (u64) &r->header, HEADER_BYTES, DESC_NEXT, ++first };
    if (r->data_bytes != 0) {
        *at++ = (struct descriptor) { (u64) r->data, r->data_bytes, (u16) (DESC_NEXT | (device_writes ? DESC_WRITE : 0)), ++first };
    }
    *at = (struct descriptor) { (u64) &r->status, 1, DESC_WRITE, 0 };
}

// The same on a packed ring, where the elements of a table follow each other and are of its own form (§2.8.7).
static void lay_out_packed(struct request *r, bool device_writes) {
    struct packed_descriptor *at = r->packed;
    *at++ = (struct packed_descriptor) { (u64) &r->header, HEADER_BYTES, 0, 0 };
    if (r->data_bytes != 0) *at++ = (struct packed_descriptor) { (u64) r->data, r->data_bytes, 0, device_writes ? DESC_WRITE : 0 };
    *at = (struct packed_descriptor) { (u64) &r->status, 1, 0, DESC_WRITE };
}

void disk_prepare(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes) {
    bool device_writes = type != REQUEST_WRITE;
    r->header.type = type;
    r->header.sector = sector;
    r->status = STATUS_NONE;
    r->data_bytes = bytes;
    if (d->virtio.queue.packed) { lay_out_packed(r, device_writes); return; }
    u16 head = (u16) (r->index * d->stride);
    struct descriptor *at = &d->virtio.queue.descriptors[head];
    if (d->chains == CHAINS_INDIRECT || (d->chains == CHAINS_MIXED && r->index & 1)) {
        lay_out(r, r->indirect, 0, device_writes);
        *at = (struct descriptor) { (u64) r->indirect, request_table_bytes(r), DESC_INDIRECT, 0 };
    } else {
        lay_out(r, at, head, device_writes);
    }
}

void disk_submit(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes) {
    disk_prepare(d, r, type, sector, bytes);
    r->in_flight = true;
    d->in_flight++;
    r->started = rdtsc();
    disk_queue(d, r);
}

struct request *disk_completed(struct disk *d) {
    u32 id, written;
    if (!virtqueue_take(&d->virtio.queue, &id, &written)) return 0;
    if (id % d->stride != 0 || id / d->stride >= d->depth || !d->requests[id / d->stride].in_flight) {
        fail("the device returned a chain that was not given: head %u", (u64) id);
    }
    struct request *r = &d->requests[id / d->stride];
    r->in_flight = false;
    d->in_flight--;
    // What a device writes to a request is the data of a read and the status byte (§2.7.8.2, §5.2.6).
    u32 expected = r->header.type == REQUEST_READ ? r->data_bytes + 1 : 1;
    if (r->status == STATUS_OK && r->header.type <= REQUEST_WRITE && written != expected) {
        fail("used length %u of a request of type %u, not %u", (u64) written, (u64) r->header.type, (u64) expected);
    }
    return r;
}

enum request_status disk_do(struct disk *d, struct request *r, enum request_type type, u64 sector, u32 bytes) {
    disk_submit(d, r, type, sector, bytes);
    virtio_publish(&d->virtio);
    struct request *done;
    while (!(done = disk_completed(d))) virtio_wait(&d->virtio);
    if (done != r) fail("another request completed than the one in flight");
    return r->status;
}
