// SPDX-License-Identifier: Apache-2.0
#include <asm/bootparam.h>
#include <linux/elf.h>
