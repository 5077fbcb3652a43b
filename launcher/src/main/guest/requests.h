// SPDX-License-Identifier: Apache-2.0
// Reads for their own sake: what a disk does when its driver does next to nothing.
#pragma once

#include "options.h"

// Rounds of random reads, always so many in flight, none of them looked at: one round with ms; otherwise one for each
// line `DEPTH MS` that comes in on the serial port, until Control-D.
void requests(struct disk *d, const struct options *o);
