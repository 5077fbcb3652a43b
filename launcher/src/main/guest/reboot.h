// SPDX-License-Identifier: Apache-2.0
// A guest that resets itself, and looks whether it starts anew: nothing that it left may be found again.
#pragma once

#include "options.h"

// Notes what registers hold, before this program has written to one.
void reboot_look(void);
// Tells what was found, leaves traces wherever it can, and resets the machine; until there were `count` starts.
void reboot(const struct options *options);
