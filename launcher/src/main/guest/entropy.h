// SPDX-License-Identifier: Apache-2.0
// virtio-rng (virtio 1.3 §5.4).
#pragma once

#include "options.h"

// Asks the first such device for bytes until it has count of them, tells how many of the 256 values came, and ends the
// machine when they are not random at a glance.
void entropy_check(const struct options *o);
