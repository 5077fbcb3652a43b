// SPDX-License-Identifier: Apache-2.0
#include "pci.h"

#include "acpi.h"
#include "paging.h"
#include "power.h"

enum {
    CONFIG_ADDRESS = 0xCF8, CONFIG_DATA = 0xCFC, CONFIG_ENABLE = 0x80000000,
    ECAM_BUS_BYTES = 1 << 20,
    COMMAND = 0x04, COMMAND_MEMORY = 1 << 1, COMMAND_MASTER = 1 << 2, COMMAND_NO_INTX = 1 << 10,
    STATUS = 0x06, STATUS_CAPABILITIES = 1 << 4,
    HEADER_TYPE = 0x0E, MULTIFUNCTION = 0x80,
    BAR_0 = 0x10, BAR_IO = 1, BAR_64 = 4, CAPABILITIES = 0x34,
    MOST_BAR_BYTES = 1 << 20,       // more than any of a virtio device
    SLOTS = 32, FUNCTIONS = 8, ABSENT = 0xFFFF,
};

// Where BARs go that no firmware has placed: the start of the 32-bit window of our machine and of QEMU's microvm.
static u64 next_bar = 0xC0000000;

static bool use_ecam;
static u64 ecam_base;

bool pci_init(bool ecam, u64 address) {
    out32(CONFIG_ADDRESS, CONFIG_ENABLE);
    bool mechanism_1 = in32(CONFIG_ADDRESS) == (u32) CONFIG_ENABLE;
    ecam_base = address ? address : acpi.ecam;
    use_ecam = ecam_base && (ecam || !mechanism_1);
    if (use_ecam) map_device(ecam_base, ECAM_BUS_BYTES);
    return use_ecam || mechanism_1;
}

static u64 ecam_address(const struct pci_function *f, u32 offset) {
    return ecam_base + ((u64) f->slot << 15) + ((u64) f->function << 12) + offset;
}

// Selects the register by mechanism 1; the answer is the port that its byte is at.
static u16 select(const struct pci_function *f, u32 offset) {
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | (u32) f->slot << 11 | (u32) f->function << 8 | (offset & 0xFC));
    return (u16) (CONFIG_DATA + (offset & 3));
}

u8 pci_read8(const struct pci_function *f, u32 offset) {
    return use_ecam ? read8(ecam_address(f, offset)) : in8(select(f, offset));
}

u16 pci_read16(const struct pci_function *f, u32 offset) {
    return use_ecam ? read16(ecam_address(f, offset)) : in16(select(f, offset));
}

u32 pci_read32(const struct pci_function *f, u32 offset) {
    return use_ecam ? read32(ecam_address(f, offset)) : in32(select(f, offset));
}

void pci_write16(const struct pci_function *f, u32 offset, u16 value) {
    if (use_ecam) write16(ecam_address(f, offset), value);
    else out16(select(f, offset), value);
}

void pci_write32(const struct pci_function *f, u32 offset, u32 value) {
    if (use_ecam) write32(ecam_address(f, offset), value);
    else out32(select(f, offset), value);
}

bool pci_find(u16 vendor, u16 device, unsigned nth, struct pci_function *found) {
    for (u8 slot = 0; slot < SLOTS; slot++) {
        u8 functions = 1;
        for (u8 n = 0; n < functions; n++) {
            struct pci_function f = { slot, n, 0, 0 };
            u32 ids = pci_read32(&f, 0);
            f.vendor = (u16) ids;
            f.device = (u16) (ids >> 16);
            if (f.vendor == ABSENT) continue;
            if (n == 0 && pci_read8(&f, HEADER_TYPE) & MULTIFUNCTION) functions = FUNCTIONS;
            if (f.vendor != vendor || f.device != device || nth-- > 0) continue;
            *found = f;
            return true;
        }
    }
    return false;
}

u8 pci_capability(const struct pci_function *f, u8 id, u8 after) {
    if (!(pci_read16(f, STATUS) & STATUS_CAPABILITIES)) return 0;
    u8 at = (u8) (pci_read8(f, after ? after + 1u : CAPABILITIES) & 0xFC);
    for (unsigned seen = 0; at != 0 && seen < 64; seen++) {
        u16 head = pci_read16(f, at);
        if ((u8) head == id) return at;
        at = (u8) (head >> 8 & 0xFC);
    }
    return 0;
}

// Beyond what somebody else has placed, such as the BARs of what was plugged before the start.
static void keep_off(const struct pci_function *f) {
    for (u32 at = BAR_0; at < BAR_0 + 4 * PCI_BARS; at += 4) {
        u32 low = pci_read32(f, at);
        if (low & BAR_IO) continue;
        if (low & BAR_64) at += 4;
        u64 end = (u64) (low & ~0xFu) + MOST_BAR_BYTES;
        if (end > next_bar) next_bar = end;
    }
}

static void keep_off_all(void) {
    for (u8 slot = 0; slot < SLOTS; slot++) {
        struct pci_function f = { .slot = slot };
        if (pci_read16(&f, 0) != ABSENT) keep_off(&f);
    }
}

// Sizes the BAR as PCI 3.0 §6.2.5.1 says, with decoding off, and gives it the next place in the window.
static u64 place(const struct pci_function *f, u32 at, bool wide) {
    keep_off_all();
    pci_write16(f, COMMAND, 0);
    pci_write32(f, at, 0xFFFFFFFF);
    u32 mask = pci_read32(f, at) & ~0xFu;
    if (mask == 0) fail("PCI %u.%u: BAR at %x is not a memory BAR", (u64) f->slot, (u64) f->function, (u64) at);
    u64 bytes = (u32) -mask;
    next_bar = (next_bar + bytes - 1) & -bytes;
    pci_write32(f, at, (u32) next_bar);
    if (wide) pci_write32(f, at + 4, 0);
    next_bar += bytes;
    return next_bar - bytes;
}

u64 pci_bar(const struct pci_function *f, unsigned bar) {
    u32 at = BAR_0 + 4 * bar, low = pci_read32(f, at);
    if (bar >= PCI_BARS || low & BAR_IO) fail("PCI %u.%u: BAR %u is not a memory BAR", (u64) f->slot, (u64) f->function, (u64) bar);
    bool wide = low & BAR_64;
    u64 address = (low & ~0xFu) | (wide ? (u64) pci_read32(f, at + 4) << 32 : 0);
    if (address == 0) address = place(f, at, wide);
    map_device(address, MOST_BAR_BYTES);
    return address;
}

void pci_enable(const struct pci_function *f, bool intx) {
    pci_write16(f, COMMAND, (u16) (COMMAND_MEMORY | COMMAND_MASTER | (intx ? 0 : COMMAND_NO_INTX)));
}
