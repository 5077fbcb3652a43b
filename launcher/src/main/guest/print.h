// SPDX-License-Identifier: Apache-2.0
// The serial port at 0x3F8, and formatted output on it.
#pragma once

#include <stdarg.h>

#include "cpu.h"

void serial_init(void);
// The next received byte, or -1.
int serial_read(void);
// Have received bytes raise the port's interrupt line.
void serial_interrupts(bool on);
void serial_write(char c);

// %s %c %u (decimal, 64-bit unsigned) %x (hexadecimal) %lx (16 hexadecimal digits) %%.
// Every number is passed as a u64.
void print(const char *format, ...);
void print_list(const char *format, va_list arguments);
