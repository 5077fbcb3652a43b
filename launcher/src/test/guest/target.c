// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#include "boot.h"
#include "clock.h"
#include "paging.h"
#include "power.h"
#include "virtio_registers.h"

enum { COMMAND = 0x04, COMMAND_ON = 0x06, BAR_0 = 0x10, SOUND_SIZE = 64, SOUND_REQUESTS = 16, PATIENCE_MS = 40000 };

struct target target;

u64 scratch(void) { return boot.memory_end - SCRATCH_BYTES; }

u32 next_random(struct attacker *a) {       // xorshift64, its better half
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return (u32) (a->random >> 32);
}

u32 below(struct attacker *a, u32 bound) { return next_random(a) % bound; }

u64 one_of(struct attacker *a, const u64 *values, u32 count) { return values[below(a, count)]; }

void write_any(u64 address, u32 bytes, u64 value) {
    switch (bytes) {
    case 1: write8(address, (u8) value); break;
    case 2: write16(address, (u16) value); break;
    case 4: write32(address, (u32) value); break;
    default: __asm__ volatile("movq %0, (%1)" :: "r"(value), "r"(address) : "memory");
    }
}

u64 read_any(u64 address, u32 bytes) {
    u64 value;
    switch (bytes) {
    case 1: return read8(address);
    case 2: return read16(address);
    case 4: return read32(address);
    default: __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory"); return value;
    }
}

void target_find(enum virtio_type type, struct virtio_place place) {
    target.type = type;
    if (!virtio_find(&target.v, type, 0, place)) fail("no device of type %u to attack", (u64) type);
    if (target.v.mmio) {
        write32(target.v.common + MMIO_QUEUE_SELECT, 0);
        target.queue_size = (u16) read32(target.v.common + MMIO_QUEUE_SIZE_MAX);
        return;
    }
    target.bars[0] = pci_bar(&target.v.pci, 0);
    target.bars[1] = pci_bar(&target.v.pci, 1);
    target.msix = pci_capability(&target.v.pci, CAPABILITY_MSIX, 0);
    write16(target.v.common + PCI_QUEUE_SELECT, 0);
    target.queue_size = read16(target.v.common + PCI_QUEUE_SIZE);
}

u8 target_status(void) {
    return target.v.mmio ? (u8) read32(target.v.common + MMIO_STATUS) : read8(target.v.common + PCI_STATUS);
}

void target_set_status(u8 status) {
    if (target.v.mmio) write32(target.v.common + MMIO_STATUS, status);
    else write8(target.v.common + PCI_STATUS, status);
}

void target_notify(u16 queue) {
    if (target.v.mmio) write32(target.v.notify, queue);
    else write16(target.v.notify + 4ull * queue, queue);
}

void target_reset(void) {
    target_set_status(0);
    if (!target.alone) return;
    for (u64 start = rdtsc(); target_status() != 0; pause()) {
        if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("status %x after a reset", (u64) target_status());
    }
}

static void write_address(u64 to, u64 value) {
    write32(to, (u32) value);
    write32(to + 4, (u32) (value >> 32));
}

static void accept(u32 half, u32 features) {
    u64 at = target.v.common;
    write32(at + (target.v.mmio ? MMIO_DRIVER_FEATURES_SELECT : PCI_DRIVER_FEATURE_SELECT), half);
    write32(at + (target.v.mmio ? MMIO_DRIVER_FEATURES : PCI_DRIVER_FEATURE), features);
}

static void place_queue(u16 index, u16 size, u64 descriptors, u64 driver, u64 device) {
    u64 at = target.v.common;
    bool mmio = target.v.mmio;
    if (mmio) { write32(at + MMIO_QUEUE_SELECT, index); write32(at + MMIO_QUEUE_SIZE, size); }
    else { write16(at + PCI_QUEUE_SELECT, index); write16(at + PCI_QUEUE_SIZE, size); }
    write_address(at + (mmio ? MMIO_QUEUE_DESC : PCI_QUEUE_DESC), descriptors);
    write_address(at + (mmio ? MMIO_QUEUE_DRIVER : PCI_QUEUE_DRIVER), driver);
    write_address(at + (mmio ? MMIO_QUEUE_DEVICE : PCI_QUEUE_DEVICE), device);
    if (mmio) write32(at + MMIO_QUEUE_READY, 1);
    else write16(at + PCI_QUEUE_ENABLE, 1);
}

static void negotiate(u64 features) {
    features |= 1ull << VIRTIO_F_VERSION_1;
    target_reset();
    target_set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    accept(0, (u32) features);
    accept(1, (u32) (features >> 32));
    target_set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
}

static void go(void) { target_set_status(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK); }

void target_start(u64 features, u16 size, u64 descriptors, u64 driver, u64 device) {
    negotiate(features);
    place_queue(0, size, descriptors, driver, device);
    go();
}

void target_start_both(u64 features, u16 size, u64 descriptors, u64 driver, u64 device) {
    negotiate(features);
    place_queue(0, size, descriptors, driver, device);
    place_queue(1, size, device, descriptors, driver);
    go();
}

void empty_rings(void) {
    *(volatile u32 *) (scratch() + AVAILABLE) = 0;      // flags and idx, both
    *(volatile u32 *) (scratch() + USED) = 0;
}

void target_start_soundly(void) {
    empty_rings();
    target_start(0, SOUND_SIZE, scratch() + RING, scratch() + AVAILABLE, scratch() + USED);
}

void target_submit(u16 count) {
    struct descriptor *d = (struct descriptor *) (scratch() + RING);
    volatile struct available *available = (struct available *) (scratch() + AVAILABLE);
    u16 idx = available->idx;
    for (u16 i = 0; i < count && i < SOUND_REQUESTS; i++, d += 3, idx++) {
        u64 header = scratch() + HEADERS + 16 * i;
        *(u32 *) header = 0;                                    // VIRTIO_BLK_T_IN
        *(u64 *) (header + 8) = 8 * i;
        u16 first = (u16) (3 * i);
        bool entropy = target.type == VIRTIO_ENTROPY;
        d[0] = (struct descriptor) { header, 16, (u16) (DESC_NEXT | (entropy ? DESC_WRITE : 0)), (u16) (first + 1) };
        d[1] = (struct descriptor) { scratch() + DATA + 4096 * i, 4096, DESC_NEXT | DESC_WRITE, (u16) (first + 2) };
        d[2] = (struct descriptor) { scratch() + STATUSES + i, 1, DESC_WRITE, 0 };
        available->ring[idx & (SOUND_SIZE - 1)] = first;
    }
    compiler_barrier();
    available->idx = idx;
    full_barrier();
    target_notify(0);
}

u16 target_used(void) { return ((volatile struct used *) (scratch() + USED))->idx; }

void target_restore(void) {
    const struct pci_function *f = &target.v.pci;
    if (target.v.mmio) return;
    pci_write16(f, COMMAND, 0);
    for (u32 i = 0; i < 2; i++) pci_write32(f, BAR_0 + 4 * i, (u32) target.bars[i]);     // of 32 bits, both
    if (target.msix) pci_write16(f, target.msix + MSIX_CONTROL, 0);
    pci_write16(f, COMMAND, COMMAND_ON);
}
