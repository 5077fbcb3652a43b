// SPDX-License-Identifier: Apache-2.0
#include "virtio.h"

#include "apic.h"
#include "clock.h"
#include "paging.h"
#include "power.h"
#include "trap.h"
#include "virtio_registers.h"

// The device whose line interrupt the handler answers.
static const struct virtio *on_line;

// --- finding -----------------------------------------------------------------------------------------------------

static bool find_mmio(struct virtio *v, enum virtio_type type, u64 window) {
    map_device(window, 0x1000);
    if (read32(window + MMIO_MAGIC) != MMIO_MAGIC_VALUE) fail("no virtio-mmio device at %x", window);
    if (read32(window + MMIO_VERSION) != MMIO_VERSION_MODERN) fail("the virtio-mmio device at %x is a legacy one", window);
    if (read32(window + MMIO_DEVICE_ID) != (u32) type) return false;
    v->common = window;
    v->configuration = window + MMIO_CONFIG;
    v->notify = window + MMIO_QUEUE_NOTIFY;
    return true;
}

static void find_structures(struct virtio *v) {
    u64 bars[PCI_BARS] = { 0 };
    for (u8 at = 0; (at = pci_capability(&v->pci, CAPABILITY_VENDOR, at)) != 0;) {
        u8 type = pci_read8(&v->pci, at + CAP_TYPE), bar = pci_read8(&v->pci, at + CAP_BAR);
        if (type < TYPE_COMMON || type > TYPE_DEVICE || bar >= PCI_BARS) continue;
        if (bars[bar] == 0) bars[bar] = pci_bar(&v->pci, bar);
        u64 address = bars[bar] + pci_read32(&v->pci, at + CAP_OFFSET);
        // The first of each type is the device's favourite (§4.1.4.1).
        if (type == TYPE_COMMON && !v->common) v->common = address;
        else if (type == TYPE_ISR && !v->isr) v->isr = address;
        else if (type == TYPE_DEVICE && !v->configuration) v->configuration = address;
        else if (type == TYPE_NOTIFY && !v->notify) {
            v->notify = address;
            v->notify_multiplier = pci_read32(&v->pci, at + CAP_MULTIPLIER);
        }
    }
    if (!v->common || !v->isr || !v->notify) fail("PCI %u: virtio capabilities are missing", (u64) v->pci.slot);
}

static bool find_function(struct pci_function *f, u16 device, unsigned nth, u8 slot) {
    while (pci_find(VENDOR, device, nth++, f)) {
        if (slot == 0 || f->slot == slot) return true;
    }
    return false;
}

bool virtio_find(struct virtio *v, enum virtio_type type, unsigned nth, struct virtio_place place) {
    *v = (struct virtio) { .mmio = place.window != 0 };
    if (v->mmio) return find_mmio(v, type, place.window);
    if (!find_function(&v->pci, (u16) (DEVICE_BASE + type), nth, place.slot)) return false;
    find_structures(v);
    pci_enable(&v->pci, true);
    return true;
}

// --- negotiating (§3.1.1) ----------------------------------------------------------------------------------------

static u8 get_status(const struct virtio *v) {
    return v->mmio ? (u8) read32(v->common + MMIO_STATUS) : read8(v->common + PCI_STATUS);
}

static void set_status(const struct virtio *v, u8 status) {
    if (v->mmio) write32(v->common + MMIO_STATUS, status);
    else write8(v->common + PCI_STATUS, status);
}

static u32 offered(const struct virtio *v, u32 half) {
    write32(v->common + (v->mmio ? MMIO_DEVICE_FEATURES_SELECT : PCI_DEVICE_FEATURE_SELECT), half);
    return read32(v->common + (v->mmio ? MMIO_DEVICE_FEATURES : PCI_DEVICE_FEATURE));
}

static void accept(const struct virtio *v, u32 half, u32 features) {
    write32(v->common + (v->mmio ? MMIO_DRIVER_FEATURES_SELECT : PCI_DRIVER_FEATURE_SELECT), half);
    write32(v->common + (v->mmio ? MMIO_DRIVER_FEATURES : PCI_DRIVER_FEATURE), features);
}

void virtio_reset(struct virtio *v) {
    set_status(v, 0);
    for (u32 looks = 0; get_status(v) != 0; looks++) {
        if (looks == 1000000) fail("the device does not end its reset");
        pause();
    }
}

void virtio_negotiate(struct virtio *v, u64 wanted) {
    virtio_reset(v);
    set_status(v, STATUS_ACKNOWLEDGE);
    set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    u64 version_1 = 1ull << VIRTIO_F_VERSION_1;
    u64 features = offered(v, 0) | (u64) offered(v, 1) << 32;
    if (!(features & version_1)) fail("the device does not offer VERSION_1: %x", features);
    v->features = features & (wanted | version_1);
    accept(v, 0, (u32) v->features);
    accept(v, 1, (u32) (v->features >> 32));
    set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    if (!(get_status(v) & STATUS_FEATURES_OK)) fail("the device refuses the features %x", v->features);
}

// --- queue and interrupts ----------------------------------------------------------------------------------------

static u16 queue_size(const struct virtio *v) {
    if (v->mmio) { write32(v->common + MMIO_QUEUE_SELECT, 0); return (u16) read32(v->common + MMIO_QUEUE_SIZE_MAX); }
    write16(v->common + PCI_QUEUE_SELECT, 0);
    return read16(v->common + PCI_QUEUE_SIZE);
}

static void write_address(u64 to, u64 value) {
    write32(to, (u32) value);
    write32(to + 4, (u32) (value >> 32));
}

static void enable_queue(struct virtio *v) {
    u32 descriptors = v->mmio ? MMIO_QUEUE_DESC : PCI_QUEUE_DESC;
    u32 driver = v->mmio ? MMIO_QUEUE_DRIVER : PCI_QUEUE_DRIVER;
    u32 device = v->mmio ? MMIO_QUEUE_DEVICE : PCI_QUEUE_DEVICE;
    if (v->mmio) write32(v->common + MMIO_QUEUE_SIZE, v->queue.size);
    else write16(v->common + PCI_QUEUE_SIZE, v->queue.size);
    write_address(v->common + descriptors, virtqueue_descriptor_area(&v->queue));
    write_address(v->common + driver, virtqueue_driver_area(&v->queue));
    write_address(v->common + device, virtqueue_device_area(&v->queue));
    if (v->mmio) { write32(v->common + MMIO_QUEUE_READY, 1); return; }
    v->notify += (u64) v->notify_multiplier * read16(v->common + PCI_QUEUE_NOTIFY_OFFSET);
    write16(v->common + PCI_QUEUE_ENABLE, 1);
}

static void set_msix_entry(u64 table, u32 index, u8 vector) {
    u64 entry = table + index * MSIX_ENTRY_BYTES;
    write_address(entry, msi_address());
    write32(entry + 8, msi_data(vector));
    write32(entry + 12, 0);             // not masked
}

// Entry 0 for configuration changes, entry 1 for queue 0.
static bool use_msix(struct virtio *v) {
    u8 at = v->mmio ? 0 : pci_capability(&v->pci, CAPABILITY_MSIX, 0);
    if (at == 0) return false;
    u16 control = pci_read16(&v->pci, at + MSIX_CONTROL);
    if ((control & 0x7FF) < 1) return false;    // the table's size - 1
    u32 where = pci_read32(&v->pci, at + MSIX_TABLE);
    u64 table = pci_bar(&v->pci, where & 7) + (where & ~7u);
    pci_enable(&v->pci, false);
    pci_write16(&v->pci, at + MSIX_CONTROL, control | MSIX_ENABLE);
    set_msix_entry(table, 0, VECTOR_CONFIG);
    set_msix_entry(table, 1, VECTOR_QUEUE);
    write16(v->common + PCI_CONFIG_VECTOR, 0);
    write16(v->common + PCI_QUEUE_VECTOR, 1);
    if (read16(v->common + PCI_QUEUE_VECTOR) == NO_VECTOR) fail("the device has no MSI-X vector for its queue");
    return true;
}

// Lowers the line: the cause is read, which clears it on PCI (§4.1.4.5), or acknowledged (§4.2.2).
static void on_line_interrupt(void) {
    if (on_line->mmio) write32(on_line->common + MMIO_INTERRUPT_ACK, read32(on_line->common + MMIO_INTERRUPT_STATUS));
    else read8(on_line->isr);
}

static void use_line(struct virtio *v, u32 line) {
    on_line = v;
    on_interrupt(VECTOR_LINE, on_line_interrupt);
    // Pin A of slot s is input 16 + (s & 7) on our machine. Active high: KVM's I/O APIC sees no difference.
    if (line == 0 && !v->mmio) line = 16 + (v->pci.slot & 7);
    io_apic_route(line, VECTOR_LINE, true, false);
}

void virtio_start(struct virtio *v, u16 max_size, enum virtio_interrupts interrupts, u32 line) {
    u16 size = queue_size(v);
    if (size == 0) fail("the device has no queue 0");
    if (size & (size - 1)) fail("a queue of %u is not a power of two", (u64) size);
    while (size > max_size && size > 4) size /= 2;
    virtqueue_init(&v->queue, size, v->features >> VIRTIO_F_EVENT_IDX & 1, v->features >> VIRTIO_F_RING_PACKED & 1);
    if (interrupts == INTERRUPTS_MSIX && !use_msix(v)) interrupts = INTERRUPTS_LINE;
    if (interrupts == INTERRUPTS_LINE) use_line(v, line);
    else if (interrupts == INTERRUPTS_NONE && !v->mmio) pci_enable(&v->pci, false);
    v->interrupts = interrupts;
    enable_queue(v);
    set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

// --- running -----------------------------------------------------------------------------------------------------

void virtio_publish(struct virtio *v) {
    if (!virtqueue_publish(&v->queue)) return;
    v->notifications++;
    if (v->mmio) write32(v->notify, 0);
    else write16(v->notify, 0);
}

enum { PATIENCE_MS = 40000, PATIENCE_TIMER_TICKS = 10 };    // the timer's ticks are 4.3 s

static void poll(const struct virtqueue *q) {
    for (u64 start = rdtsc(); virtqueue_is_empty(q); pause()) {
        if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("no request completed for %u ms", (u64) PATIENCE_MS);
    }
}

u64 virtio_interrupts_taken(const struct virtio *v) {
    return interrupts_taken[v->interrupts == INTERRUPTS_MSIX ? VECTOR_QUEUE : VECTOR_LINE];
}

void virtio_wait(struct virtio *v) {
    struct virtqueue *q = &v->queue;
    if (v->interrupts == INTERRUPTS_NONE) { poll(q); return; }
    interrupts_off();
    u64 taken = virtio_interrupts_taken(v), ticks = interrupts_taken[VECTOR_TIMER];
    bool empty = virtqueue_want_interrupt(q);
    while (empty && virtio_interrupts_taken(v) == taken) {
        sleep_until_interrupt();
        u64 passed = interrupts_taken[VECTOR_TIMER] - ticks;
        // An element may have come just before a tick, its interrupt still on the way: judged one tick later.
        if (passed >= 2 && !virtqueue_is_empty(q) && virtio_interrupts_taken(v) == taken) {
            fail("a used element came without the interrupt that was asked for");
        }
        if (passed >= PATIENCE_TIMER_TICKS) fail("no request completed in %u turns of the timer", passed);
    }
    virtqueue_want_none(q);
    interrupts_on();
}

u32 virtio_config32(const struct virtio *v, u32 offset) { return read32(v->configuration + offset); }

u64 virtio_config64(const struct virtio *v, u32 offset) {
    for (;;) {          // two reads, so the generation tells whether they belong together (§2.5.1)
        u32 before = v->mmio ? read32(v->common + MMIO_GENERATION) : read8(v->common + PCI_GENERATION);
        u64 value = virtio_config32(v, offset) | (u64) virtio_config32(v, offset + 4) << 32;
        u32 after = v->mmio ? read32(v->common + MMIO_GENERATION) : read8(v->common + PCI_GENERATION);
        if (before == after) return value;
    }
}
