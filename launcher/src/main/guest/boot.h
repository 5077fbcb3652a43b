// SPDX-License-Identifier: Apache-2.0
// What the loader told us, whatever the protocol, copied out of its memory.
#pragma once

#include "cpu.h"

struct boot {
    const char *protocol;       // "linux", "pvh", "multiboot"
    u64 rsdp;                   // 0: look for it
    u64 memory_end;             // of the region of RAM that this image lies in
    char command_line[1024];
};

extern struct boot boot;

void boot_init(u32 protocol, u64 info);

// Memory above the image, never given back; ends the machine when there is none left.
void *allocate(u64 bytes, u64 alignment);
void *allocate_zeroed(u64 bytes, u64 alignment);
