// SPDX-License-Identifier: Apache-2.0
// A virtio device behind virtio-pci (virtio 1.3 §4.1) or virtio-mmio (§4.2): found, configured, its interrupts taken.
#pragma once

#include "pci.h"
#include "virtqueue.h"

enum virtio_type { VIRTIO_BLOCK = 2, VIRTIO_ENTROPY = 4 };

enum {
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_RING_PACKED = 34,
};

enum virtio_interrupts { INTERRUPTS_MSIX, INTERRUPTS_LINE, INTERRUPTS_NONE };

struct virtio {
    bool mmio;
    struct pci_function pci;
    u64 common, isr, configuration;     // addresses; mmio: common is the window
    u64 notify;                         // of queue 0
    u32 notify_multiplier;
    enum virtio_interrupts interrupts;
    u64 features;                       // negotiated
    u64 notifications;                  // sent
    struct virtqueue queue;
};

// Where a virtio-mmio device is; window 0 means PCI, in that slot, or in any with 0.
struct virtio_place { u64 window; u32 line; u8 slot; };

// Finds the nth device of this type; false when there is none.
bool virtio_find(struct virtio *v, enum virtio_type type, unsigned nth, struct virtio_place place);
// Resets it, negotiates VERSION_1 and what wanted and the device share; ends the machine when it refuses.
void virtio_negotiate(struct virtio *v, u64 wanted);
// Sets queue 0 up, with at most this many elements, and its interrupts, and starts the device. line is the I/O APIC
// input of INTERRUPTS_LINE; 0 takes the one that our own machine wires the slot to.
void virtio_start(struct virtio *v, u16 max_size, enum virtio_interrupts interrupts, u32 line);

// Stops the device; its queue is the driver's again.
void virtio_reset(struct virtio *v);

void virtio_publish(struct virtio *v);
// Waits for a used element: sleeps till an interrupt (there may be no element yet), or polls. Ends the machine when
// an interrupt went missing or nothing comes at all.
void virtio_wait(struct virtio *v);
u64 virtio_interrupts_taken(const struct virtio *v);

u32 virtio_config32(const struct virtio *v, u32 offset);
u64 virtio_config64(const struct virtio *v, u32 offset);
