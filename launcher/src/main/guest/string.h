// SPDX-License-Identifier: Apache-2.0
// The few of C's functions that the compiler may call, or that we do.
#pragma once

#include "cpu.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
bool same_text(const char *a, const char *b);
