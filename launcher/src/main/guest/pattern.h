// SPDX-License-Identifier: Apache-2.0
// What the guest writes to its disk, so that any word tells whether it is the right one.
//
//   Each sector of 512 bytes, little-endian:
//     0   u64  sector number
//     8   u32  seed
//     12  u32  round: how often this pass came by before
//     16  62 words of u64 from a table made of the seed, from a place that depends on the block
//
// A sector in the wrong place, of an earlier round or of another run shows in its first two words, a damaged one in
// the rest.
#pragma once

#include "disk.h"

void pattern_init(u32 seed);
void pattern_fill(u8 *data, u64 block, u64 round);
// Makes every sector of a buffer a wrong one, so that only what the device writes into it can be found right.
void pattern_spoil(u8 *data);
// The index of the first word that is not as pattern_fill leaves it, or -1.
int pattern_check(const u8 *data, u64 block, u64 round);

// The ith of count numbers from 0 to count - 1, each of them once, in an order that looks random.
u64 shuffled(u64 i, u64 count);
