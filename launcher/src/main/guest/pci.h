// SPDX-License-Identifier: Apache-2.0
// PCI configuration space, bus 0.
#pragma once

#include "cpu.h"

enum { PCI_BARS = 6 };

struct pci_function {
    u8 slot, function;
    u16 vendor, device;
};

// Configuration mechanism 1, or the ECAM where that is absent or ecam asks for it; the ECAM is where the MCFG says,
// unless address does. False: there is no PCI.
bool pci_init(bool ecam, u64 address);

// The nth function with these ids, on bus 0; false when there is none.
bool pci_find(u16 vendor, u16 device, unsigned nth, struct pci_function *found);

u8 pci_read8(const struct pci_function *f, u32 offset);
u16 pci_read16(const struct pci_function *f, u32 offset);
u32 pci_read32(const struct pci_function *f, u32 offset);
void pci_write16(const struct pci_function *f, u32 offset, u16 value);
void pci_write32(const struct pci_function *f, u32 offset, u32 value);

// Offset of the first capability with this id after one at offset (0: from the start); 0 when there is none.
u8 pci_capability(const struct pci_function *f, u8 id, u8 after);
// Address of a memory BAR: where it is, or, when nobody has placed it, where this call places it. Mapped.
u64 pci_bar(const struct pci_function *f, unsigned bar);
// Memory decoding and bus mastering on, INTx as told.
void pci_enable(const struct pci_function *f, bool intx);
