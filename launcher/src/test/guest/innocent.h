// SPDX-License-Identifier: Apache-2.0
// The disk that is not attacked: how many requests it does in a while, each looked at.
#pragma once

#include "disk.h"

// Opens the second disk; ends the machine when there is none.
void innocent_open(const struct disk_options *o);
// Writes, and reads back, for so long; how many requests that were.
u64 innocent_work(u64 ms);
