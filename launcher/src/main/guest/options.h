// SPDX-License-Identifier: Apache-2.0
// The command line: words, most of them NAME=NUMBER. README.md lists them. Unknown ones are passed over, since loaders
// add their own.
#pragma once

#include "disk.h"

struct options {
    char mode[16];
    char via[8];            // of mode=reset
    u64 blocks, rounds, ms, seed, every, count, bytes;
    int debug_exit;         // -1: none
    u64 deaf;               // of mode=hotplug
    bool rude, quick;
    bool no_x2apic, ecam;
    u64 ecam_address;       // 0: the MCFG tells
    struct disk_options disk;
};

void options_parse(struct options *o, const char *line);
