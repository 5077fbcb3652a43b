// SPDX-License-Identifier: Apache-2.0
#include "acpi.h"

#include "string.h"

// Table layouts by offset, as the specification lists them (§5.2).
enum {
    TABLE_LENGTH = 4, TABLE_HEADER_BYTES = 36,
    RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24,
    FADT_DSDT = 40, FADT_PM1A_CONTROL = 64, FADT_PM_TIMER = 76, FADT_FLAGS = 112, FADT_RESET = 116,
    FADT_RESET_VALUE = 128, FADT_X_DSDT = 140, FADT_SLEEP_CONTROL = 244,
    FADT_RESET_SUPPORTED = 1 << 10, FADT_HARDWARE_REDUCED = 1 << 20,
    GAS_SPACE = 0, GAS_ADDRESS = 4, GAS_MEMORY = 0, GAS_PORT = 1,
    MADT_ENTRIES = 44, MADT_LOCAL_APIC = 0, MADT_IO_APIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9, MADT_ENABLED = 1,
    MCFG_BASE = 44,
};
// AML (§20.2).
enum { AML_ZERO = 0x00, AML_ONE = 0x01, AML_BYTE = 0x0A, AML_PACKAGE = 0x12 };

struct acpi acpi;
static u32 isa_inputs[16];

static u32 field32(u64 a) { u32 v; memcpy(&v, (const void *) a, 4); return v; }
static u64 field64(u64 a) { u64 v; memcpy(&v, (const void *) a, 8); return v; }
static u8 field8(u64 a) { return *(const u8 *) a; }

static bool has_bytes(u64 table, u32 offset, u32 bytes) { return offset + bytes <= field32(table + TABLE_LENGTH); }

static u64 find_rsdp(void) {
    for (u64 a = 0xE0000; a < 0x100000; a += 16) {
        if (field64(a) == 0x2052545020445352ull) return a;  // "RSD PTR "
    }
    return 0;
}

// \_S5 is a package whose first element is SLP_TYPa. Found by its name and not by running AML: tables declare it
// statically.
static void read_s5(u64 dsdt) {
    u64 end = dsdt + field32(dsdt + TABLE_LENGTH) - 8;
    for (u64 a = dsdt + TABLE_HEADER_BYTES; a < end; a++) {
        if (field8(a) != '_' || field32(a) != 0x5F35535F || field8(a + 4) != AML_PACKAGE) continue; // "_S5_"
        u64 e = a + 5;
        e += 1 + (field8(e) >> 6);      // the package's length: 1 to 4 bytes
        e++;                            // its count of elements
        u8 opcode = field8(e);
        if (opcode == AML_ZERO || opcode == AML_ONE) acpi.s5_type = opcode;
        else if (opcode == AML_BYTE) acpi.s5_type = field8(e + 1);
        else continue;
        acpi.has_s5 = true;
        return;
    }
}

static u16 port_of(u64 gas) { return field8(gas + GAS_SPACE) == GAS_PORT ? (u16) field64(gas + GAS_ADDRESS) : 0; }

static void read_fadt(u64 t) {
    u32 flags = field32(t + FADT_FLAGS);
    u64 dsdt = has_bytes(t, FADT_X_DSDT, 8) ? field64(t + FADT_X_DSDT) : 0;
    acpi.hardware_reduced = flags & FADT_HARDWARE_REDUCED;
    acpi.pm1a_control = (u16) field32(t + FADT_PM1A_CONTROL);
    acpi.pm_timer = (u16) field32(t + FADT_PM_TIMER);
    if (flags & FADT_RESET_SUPPORTED && has_bytes(t, FADT_RESET, 13)) {
        acpi.reset_port = port_of(t + FADT_RESET);
        acpi.reset_value = field8(t + FADT_RESET_VALUE);
    }
    if (acpi.hardware_reduced && has_bytes(t, FADT_SLEEP_CONTROL, 12)) {
        acpi.sleep_control = port_of(t + FADT_SLEEP_CONTROL);
        if (acpi.sleep_control == 0) acpi.sleep_control_address = field64(t + FADT_SLEEP_CONTROL + GAS_ADDRESS);
    }
    if (dsdt == 0) dsdt = field32(t + FADT_DSDT);
    if (dsdt != 0) read_s5(dsdt);
}

static void add_cpu(u32 apic_id) {
    if (acpi.cpus < MAX_CPUS) acpi.apic_ids[acpi.cpus++] = apic_id;
}

static void read_madt(u64 t) {
    u64 end = t + field32(t + TABLE_LENGTH);
    for (u64 e = t + MADT_ENTRIES; e + 2 <= end && field8(e + 1) >= 2; e += field8(e + 1)) {
        switch (field8(e)) {
        case MADT_LOCAL_APIC: if (field32(e + 4) & MADT_ENABLED) add_cpu(field8(e + 3)); break;
        case MADT_X2APIC: if (field32(e + 8) & MADT_ENABLED) add_cpu(field32(e + 4)); break;
        case MADT_IO_APIC: if (acpi.io_apic == 0) acpi.io_apic = field32(e + 4); break;
        case MADT_OVERRIDE: if (field8(e + 3) < 16) isa_inputs[field8(e + 3)] = field32(e + 4); break;
        }
    }
}

static void read_table(u64 t) {
    switch (field32(t)) {
    case 0x50434146: read_fadt(t); break;                           // "FACP"
    case 0x43495041: read_madt(t); break;                           // "APIC"
    case 0x4746434D: acpi.ecam = field64(t + MCFG_BASE); break;     // "MCFG"
    }
}

void acpi_init(u64 rsdp) {
    for (u32 i = 0; i < 16; i++) isa_inputs[i] = i;
    if (rsdp == 0) rsdp = find_rsdp();
    if (rsdp == 0) return;
    acpi.found = true;
    u64 xsdt = field8(rsdp + RSDP_REVISION) >= 2 ? field64(rsdp + RSDP_XSDT) : 0;
    u64 root = xsdt != 0 ? xsdt : field32(rsdp + RSDP_RSDT);
    u32 entry_bytes = xsdt != 0 ? 8 : 4;
    u64 end = root + field32(root + TABLE_LENGTH);
    for (u64 e = root + TABLE_HEADER_BYTES; e < end; e += entry_bytes) {
        read_table(entry_bytes == 8 ? field64(e) : field32(e));
    }
}

u32 acpi_isa_input(u8 irq) { return isa_inputs[irq]; }
