// SPDX-License-Identifier: Apache-2.0
// The hostile guest: README.md beside this file tells what it can be asked to do.
#include "acpi.h"
#include "apic.h"
#include "attack.h"
#include "boot.h"
#include "clock.h"
#include "innocent.h"
#include "options.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "smp.h"
#include "string.h"
#include "trap.h"

enum phase { QUIET, ATTACK, ENDED };
enum { MAX_ATTACKERS = 2, PATIENCE_MS = 60000 };

struct attack {
    const char *name;
    void (*turn)(struct attacker *);
    u32 attackers;
    bool until_told;            // goes on until a 'q' comes in on the serial port
    bool leaves_target;         // which works again after a reset
    u32 sweep;                  // goes on until the cursor is there
};

static const struct attack ATTACKS[] = {
    { "doorbells", attack_doorbells, 1, false, true, 0 },
    { "queues", attack_queues, 1, false, true, 0 },
    { "rings", attack_rings, 1, false, true, 0 },
    { "resets", attack_resets, 1, false, true, 0 },
    { "ports", attack_ports, 1, false, true, PORTS_SWEEP },
    { "registers", attack_registers, 1, false, true, REGISTERS_SWEEP },
    { "interrupts", attack_interrupts, 1, false, true, 0 },
    { "race", attack_all, 2, false, true, 0 },
    { "break", attack_break, 1, true, false, 0 },
    { "unplug", attack_unplug, 1, true, false, 0 },
};

static struct options options;
static const struct attack *attack;
static struct attacker attackers[MAX_ATTACKERS];
static u32 running;
static volatile u32 phase = QUIET;

// On each processor but the first. It spins while all is quiet too, so that in either phase it takes as much of the host's.
static void work(void) {
    struct attacker *a = &attackers[running];
    while (a->phase != ENDED) {
        a->phase = phase;
        if (a->phase == ATTACK) { attack->turn(a); a->turns++; }
        else pause();
    }
}

static void enter(enum phase next) {
    phase = next;
    for (u32 i = 0; i < running; i++) {
        for (u64 start = rdtsc(); attackers[i].phase != next; pause()) {
            if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("attacker %u does not come back from its attack", (u64) i);
        }
    }
}

static void start_attackers(void) {
    for (u32 i = 0; i < acpi.cpus && running < attack->attackers; i++) {
        if (acpi.apic_ids[i] == apic_id()) continue;
        attackers[running].random = options.seed * 0x9E3779B97F4A7C15 + running + 1;
        smp_start(acpi.apic_ids[i], work);
        running++;
    }
    if (running < attack->attackers) fail("%u processors are too few", (u64) acpi.cpus);
}

static const struct attack *find_attack(void) {
    for (u32 i = 0; i < sizeof ATTACKS / sizeof *ATTACKS; i++) {
        if (same_text(options.mode, ATTACKS[i].name)) return &ATTACKS[i];
    }
    fail("unknown attack %s", options.mode);
}

// What was attacked is as good as new.
static void check_target(void) {
    target.alone = true;
    target_restore();
    target_start_soundly();
    target_submit(4);
    for (u64 start = rdtsc(); target_used() != 4; pause()) {
        if (rdtsc() - start > from_ms(PATIENCE_MS)) fail("after the attack %u of 4 requests were answered", (u64) target_used());
    }
    target_reset();
}

static void run(void) {
    u64 quiet = 0, attacked = 0, turns = 0;
    for (u64 round = 0; round < options.rounds; round++) {
        quiet += innocent_work(options.ms);
        enter(ATTACK);
        attacked += innocent_work(options.ms);
        if (round + 1 < options.rounds) enter(QUIET);
    }
    while (attackers[0].cursor < attack->sweep) innocent_work(options.ms);
    if (attack->until_told) {
        print("attacking: 'q' ends\n");
        while (serial_read() != 'q') innocent_work(options.ms);
    }
    enter(ENDED);
    if (attack->leaves_target) check_target();
    innocent_work(options.ms);
    for (u32 i = 0; i < running; i++) turns += attackers[i].turns;
    print("attack %s: %u turns, the other disk %u requests quiet, %u attacked\n", attack->name, turns, quiet, attacked);
    print("result: ok\n");
}

_Noreturn void main(u64 protocol, u64 info) {
    trap_init();
    serial_init();
    boot_init((u32) protocol, info);
    options_parse(&options, boot.command_line);
    if (options.ms == 0) options.ms = 100;
    acpi_init(boot.rsdp);
    clock_init();
    apic_init(!options.no_x2apic);
    interrupts_on();
    attack = find_attack();
    if (!options.disk.place.window && !pci_init(options.ecam, options.ecam_address)) fail("no PCI");
    apic_start_timer();
    clock_ready();
    innocent_open(&options.disk);
    target_find(options.count ? (enum virtio_type) options.count : VIRTIO_BLOCK, options.disk.place);
    target.alone = attack->attackers == 1 && attack->leaves_target;
    start_attackers();
    print("attacking by %s\n", attack->name);
    run();
    power_off();
}
