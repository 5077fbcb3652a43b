// SPDX-License-Identifier: Apache-2.0
// Miraflores' built-in guest: README.md beside this file tells what it can be asked to do.
#include "acpi.h"
#include "apic.h"
#include "boot.h"
#include "clock.h"
#include "entropy.h"
#include "hotplug.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "reboot.h"
#include "requests.h"
#include "smp.h"
#include "string.h"
#include "trap.h"
#include "workload.h"

static struct options options;
static struct disk disk;

static bool mode_is(const char *name) { return same_text(options.mode, name); }

static void find_buses(void) {
    if (!options.disk.place.window && !pci_init(options.ecam, options.ecam_address)) fail("no PCI");
    if (options.disk.interrupts != INTERRUPTS_NONE) apic_start_timer();
}

static void run_on_disk(void (*workload)(struct disk *, const struct options *)) {
    find_buses();
    if (!disk_open(&disk, &options.disk)) fail("no virtio-blk device");
    clock_ready();
    workload(&disk, &options);
}

// Gives back each byte that comes in, woken by the port's interrupt; Control-D ends.
static void echo(void) {
    enum { SERIAL_IRQ = 4, END = 0x04 };
    io_apic_route(acpi_isa_input(SERIAL_IRQ), VECTOR_SERIAL, false, false);
    print("echo: Control-D ends\n");
    serial_interrupts(true);
    interrupts_off();
    for (int c = 0; c != END;) {
        u64 taken = interrupts_taken[VECTOR_SERIAL];
        while ((c = serial_read()) >= 0 && c != END) serial_write((char) c);
        if (c != END && taken == interrupts_taken[VECTOR_SERIAL]) sleep_until_interrupt();
    }
    print("\nresult: ok, %u interrupts\n", interrupts_taken[VECTOR_SERIAL]);
}

// Exits and nothing else: count writes to port 0x80.
static void exits(void) {
    clock_ready();
    u64 start = rdtsc();
    for (u64 n = options.count; n > 0; n--) out8(0x80, 0);
    u64 us = to_us(rdtsc() - start);
    print("result: ok, %u exits in %u us\n", options.count, us);
}

static void run_mode(void) {
    if (mode_is("demo")) run_on_disk(workload_demo);
    else if (mode_is("hold")) run_on_disk(workload_hold);
    else if (mode_is("journal")) run_on_disk(workload_journal);
    else if (mode_is("requests")) run_on_disk(requests);
    else if (mode_is("hotplug")) { find_buses(); clock_ready(); hotplug(&options); }
    else if (mode_is("entropy")) { find_buses(); entropy_check(&options); }
    else if (mode_is("smp")) { clock_ready(); smp_check(); }
    else if (mode_is("echo")) echo();
    else if (mode_is("exits")) exits();
    else if (mode_is("triple")) triple_fault();
    else if (mode_is("fault")) __asm__ volatile("ud2");
    else if (mode_is("reboot")) { find_buses(); reboot(&options); }
    else if (mode_is("reset")) reset(options.via[0] ? options.via : 0);
    else if (mode_is("spin")) for (;;) pause();
    else if (mode_is("halt")) for (;;) __asm__ volatile("cli; hlt");
    else if (!mode_is("poweroff")) fail("unknown mode %s", options.mode);
}

_Noreturn void main(u64 protocol, u64 info) {
    trap_init();
    boot_init((u32) protocol, info);
    options_parse(&options, boot.command_line);
    if (mode_is("reboot")) reboot_look();
    serial_init();
    acpi_init(boot.rsdp);
    clock_init();
    apic_init(!options.no_x2apic);
    interrupts_on();
    print("Miraflores guest, started by %s, %u MiB, %u processors, %s\n", boot.protocol, boot.memory_end >> 20, (u64) acpi.cpus,
        apic_is_x2() ? "x2APIC" : "xAPIC");
    run_mode();
    if (options.debug_exit >= 0) debug_exit((u8) options.debug_exit);
    power_off();
}
