// SPDX-License-Identifier: Apache-2.0
// What the guest does with its disk.
#pragma once

#include "options.h"

// Writes the first blocks and reads them back; ends the machine when one is wrong.
void workload_round(struct disk *d, u64 blocks, u64 round);
// Writes, reads back, verifies; then the other requests; tells what it measured.
void workload_demo(struct disk *d, const struct options *o);
// The same without end, until a 'q' comes in on the serial port.
void workload_hold(struct disk *d, const struct options *o);
// Writes block after block in order, a flush after each, and says after each which is now safe. Until the disk or
// count ends.
void workload_journal(struct disk *d, const struct options *o);
