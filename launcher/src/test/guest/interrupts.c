// SPDX-License-Identifier: Apache-2.0
// As many interrupts as the host will send, by routes that change all the time.
#include "apic.h"
#include "attack.h"
#include "trap.h"
#include "virtio_registers.h"

enum {
    MSIX_FUNCTION_MASK = 1 << 14, ENTRY_MASKED = 1, ROUTES = 32,
    RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_A = 0x0A, RTC_B = 0x0B, RTC_FASTEST = 0x23, RTC_PERIODIC = 0x42,
};

static void route(struct attacker *a, u32 index) {
    u64 entry = target.bars[1] + index * MSIX_ENTRY_BYTES;
    u32 kind = below(a, 8);
    // To this processor, to none, or what no controller takes.
    write32(entry, kind < 4 ? (u32) msi_address() : kind == 4 ? 0xFEE00000 | 0xFE << 12 : next_random(a) & 0x0FFFFFFF);
    write32(entry + 4, kind < 6 ? 0 : next_random(a));
    write32(entry + 8, kind < 4 ? VECTOR_LINE : FIRST_VECTOR + below(a, 16));
    write32(entry + 12, below(a, 4) == 0 ? ENTRY_MASKED : 0);
}

static void on_msix(struct attacker *a) {
    const struct pci_function *f = &target.v.pci;
    pci_write16(f, target.msix + MSIX_CONTROL, MSIX_ENABLE);
    write16(target.v.common + PCI_CONFIG_VECTOR, 0);
    write16(target.v.common + PCI_QUEUE_SELECT, 0);
    write16(target.v.common + PCI_QUEUE_VECTOR, 1);
    for (u32 i = 0; i < ROUTES; i++) {
        route(a, below(a, 2));
        target_submit(4);
        if (below(a, 4) == 0) pci_write16(f, target.msix + MSIX_CONTROL, (u16) (MSIX_ENABLE | (below(a, 2) ? MSIX_FUNCTION_MASK : 0)));
        read32(target.bars[1] + 0x800);         // the pending bits
    }
}

static void on_clock(void) {
    out8(RTC_INDEX, RTC_A);
    out8(RTC_DATA, RTC_FASTEST);
    out8(RTC_INDEX, RTC_B);
    out8(RTC_DATA, RTC_PERIODIC);
}

void attack_interrupts(struct attacker *a) {
    if (target.alone) interrupts_on();
    on_clock();
    target_start_soundly();
    if (target.v.mmio) for (u32 i = 0; i < ROUTES; i++) target_submit(4);      // a line, never acknowledged
    else on_msix(a);
    for (u32 i = 0; i < 8 && target.alone; i++) apic_send(apic_id(), VECTOR_IPI);
    target_restore();
    target_reset();
    interrupts_off();
}
