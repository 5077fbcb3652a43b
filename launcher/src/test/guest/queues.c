// SPDX-License-Identifier: Apache-2.0
// Queues: notified without being there, put where no queue can be, filled with what no driver would write, reset in the middle.
#include "acpi.h"
#include "attack.h"
#include "boot.h"
#include "clock.h"
#include "power.h"
#include "virtio_registers.h"

enum {
    NOTIFY_OFFSET = 0x3000,         // of BAR 0, four bytes per queue
    BAR_0 = 0x10, COMMAND = 0x04, COMMAND_ON = 0x06, ELSEWHERE = 0xC8000000,
    MANY = 64, SECTORS = 2048,
};

static const u64 TOP = 1ull << 63;

// Where a queue or a buffer has no business to be, and a few places where it may just be.
static u64 any_place(struct attacker *a) {
    u64 end = boot.memory_end;
    const u64 places[] = {
        scratch() + RING, scratch() + AVAILABLE, scratch() + USED, scratch() + DATA, scratch() + below(a, SCRATCH_BYTES),
        end - 1, end - 2, end - 16, end - 0x1000, end, end + 0x1000, 0xA0000, target.v.common, target.v.notify,
        target.v.configuration, target.bars[1], acpi.ecam, 0xFEE00000, 0xFEC00000, 0xFFFFF000, 1ull << 32, 1ull << 40, TOP - 8,
        TOP, (u64) -16, (u64) -4096, (u64) next_random(a) << 32 | end,
    };
    return ONE_OF(a, places);
}

void attack_doorbells(struct attacker *a) {
    static const u8 statuses[] = { 0, 1, 3, 11, 15, 0x80, 0x40, 0xFF };
    for (u32 i = 0; i < MANY; i++) {
        if (target.v.mmio) { write_any(target.v.notify, 1u << below(a, 4), next_random(a)); continue; }
        u64 at = target.bars[0] + NOTIFY_OFFSET + (below(a, 4) ? below(a, 64) : below(a, 0x1000));
        write_any(at, 1u << below(a, 4), below(a, 2) ? below(a, 4) : next_random(a));
    }
    target_set_status(statuses[below(a, sizeof statuses)]);
}

// Read-only for the guest where a machine has ROM; ours has RAM there, with the tables of ACPI, which a queue would overwrite: so
// only its descriptors are put there.
static u64 descriptor_place(struct attacker *a) { return below(a, 8) ? any_place(a) : 0xF0000 + 16 * below(a, 4096); }

void attack_queues(struct attacker *a) {
    static const u64 sizes[] = { 0, 1, 2, 3, 8, 64, 255, 256, 1024, 0x8000, 0xFFFF };
    u64 one = any_place(a);
    bool same = below(a, 4) == 0;
    u64 features = (u64) below(a, 2) << VIRTIO_F_EVENT_IDX | (u64) below(a, 2) << VIRTIO_F_INDIRECT_DESC
        | (u64) below(a, 2) << VIRTIO_F_RING_PACKED;
    u64 descriptors = same ? one : descriptor_place(a), driver = same ? one : any_place(a), device = same ? one : any_place(a);
    if (below(a, 2)) {
        // All of them sound but for being in each other's way, or nothing of a queue that is there would ever run.
        descriptors = scratch() + RING, driver = scratch() + AVAILABLE, device = scratch() + USED;
        empty_rings();
    }
    (below(a, 2) ? target_start_both : target_start)(features, (u16) ONE_OF(a, sizes), descriptors, driver, device);
    for (u32 i = 0; i < 4; i++) target_notify((u16) below(a, 3));
    target_status();
    target_reset();
}

static void any_descriptor(struct attacker *a, struct descriptor *d) {
    static const u64 lengths[] = { 0, 1, 15, 16, 17, 511, 512, 4096, 0x10000, 0x100000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF };
    u32 kind = next_random(a);
    d->address = kind & 7 ? scratch() + below(a, SCRATCH_BYTES) : any_place(a);
    d->length = (u32) ONE_OF(a, lengths);
    d->flags = (u16) (kind >> 8 & (kind >> 16 & 15 ? 3 : 7));
    d->next = (u16) (kind >> 20 & 7 ? below(a, MANY) : next_random(a));
}

static void any_header(struct attacker *a, u64 at) {
    static const u64 types[] = { 0, 0, 1, 1, 4, 8, 11, 13, 2, 0xFFFFFFFF };
    static const u64 sectors[] = { 0, 1, SECTORS - 1, SECTORS, 0x7FFFFFFFFFFFFF, 0x80000000000000, (u64) -1 };
    *(u32 *) at = (u32) ONE_OF(a, types);
    *(u64 *) (at + 8) = ONE_OF(a, sectors);
}

static void any_ring(struct attacker *a) {
    struct descriptor *d = (struct descriptor *) (scratch() + RING);
    for (u32 i = 0; i < MANY; i++) any_descriptor(a, &d[i]);
    // Some that begin as a request does, or nothing would ever get past the header.
    for (u32 i = 0; i < MANY; i += 4) {
        u64 header = scratch() + HEADERS + 16 * i;
        any_header(a, header);
        d[i] = (struct descriptor) { header, 16, DESC_NEXT, (u16) (i + 1) };
    }
}

void attack_rings(struct attacker *a) {
    volatile struct available *available = (struct available *) (scratch() + AVAILABLE);
    u64 features = (u64) below(a, 2) << VIRTIO_F_EVENT_IDX | (u64) below(a, 2) << VIRTIO_F_INDIRECT_DESC
        | (u64) (below(a, 4) == 0) << VIRTIO_F_RING_PACKED;
    empty_rings();
    any_ring(a);
    for (u32 i = 0; i < MANY; i++) available->ring[i] = (u16) (below(a, 8) ? 4 * below(a, 16) : next_random(a));
    target_start(features, MANY, scratch() + RING, scratch() + AVAILABLE, scratch() + USED);
    for (u32 i = 0; i < 8; i++) {
        available->idx = (u16) (available->idx + (below(a, 16) ? below(a, 16) : next_random(a)));
        target_notify(0);
        // While it reads them.
        for (u32 n = 0; n < 16; n++) any_descriptor(a, (struct descriptor *) (scratch() + RING) + below(a, MANY));
    }
    target_reset();
}

// One that the device must refuse whatever it does: it ends with DEVICE_NEEDS_RESET, and stays so.
void attack_break(struct attacker *a) {
    (void) a;
    enum { NEEDS_RESET = 0x40, PATIENCE_MS = 20000 };
    if (target_status() & NEEDS_RESET) { for (u32 i = 0; i < 1000; i++) pause(); return; }
    target_start_soundly();
    ((volatile struct available *) (scratch() + AVAILABLE))->idx = 0x7000;
    target_notify(0);
    for (u64 start = rdtsc(); !(target_status() & NEEDS_RESET); pause()) {
        if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("a broken ring, and status %x", (u64) target_status());
    }
}

static void disturb(struct attacker *a) {
    const struct pci_function *f = &target.v.pci;
    switch (target.v.mmio ? 5 + below(a, 3) : below(a, 8)) {
    case 0: pci_write16(f, COMMAND, 0); break;
    case 1: pci_write32(f, BAR_0, ELSEWHERE); pci_write32(f, BAR_0, (u32) target.bars[0]); break;
    case 2: pci_write16(f, target.msix + MSIX_CONTROL, (u16) (next_random(a) & 0x4000)); break;
    case 3: pci_write32(f, BAR_0, 0xFFFFFFFF); pci_read32(f, BAR_0); break;
    case 4: write16(target.v.common + PCI_QUEUE_SELECT, 0); write16(target.v.common + PCI_QUEUE_ENABLE, 1); break;
    case 5: target_set_status(0x80); break;
    case 6: target_submit(16); break;
    default: break;
    }
}

void attack_resets(struct attacker *a) {
    target_start_soundly();
    target_submit((u16) (1 + below(a, 16)));
    for (u32 n = below(a, 200); n > 0; n--) pause();
    disturb(a);
    target_restore();
    target_reset();
}

void attack_all(struct attacker *a) {
    static void (*const attacks[])(struct attacker *) = {
        attack_doorbells, attack_queues, attack_rings, attack_resets, attack_registers, attack_interrupts,
    };
    attacks[below(a, sizeof attacks / sizeof *attacks)](a);
}
