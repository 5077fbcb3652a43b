// SPDX-License-Identifier: Apache-2.0
// Disks that come and go: our machine's registers for it, polled.
#pragma once

#include "options.h"

// Works on whatever disk is plugged, one at a time, and gives it back when it is asked to, until a 'q' comes in on the
// serial port.
void hotplug(const struct options *o);
