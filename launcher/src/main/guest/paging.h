// SPDX-License-Identifier: Apache-2.0
// The page tables of entry.S map 4 GiB one to one; what lies above is added here.
#pragma once

#include "cpu.h"

// Makes [address, address + bytes) reachable, one to one and uncached. Nothing to do below 4 GiB.
void map_device(u64 address, u64 bytes);
