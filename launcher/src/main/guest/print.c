// SPDX-License-Identifier: Apache-2.0
#include "print.h"

// 16550A registers, from 0x3F8.
enum {
    COM1 = 0x3F8,
    DATA = COM1,
    INTERRUPT_ENABLE = COM1 + 1,
    FIFO_CONTROL = COM1 + 2,
    LINE_CONTROL = COM1 + 3,
    MODEM_CONTROL = COM1 + 4,
    LINE_STATUS = COM1 + 5,

    RECEIVED = 0x01,            // LINE_STATUS
    TRANSMITTER_EMPTY = 0x20,
    FIFO_BYTES = 16,
};

// Room left in the transmit FIFO since it was last seen empty. It spares the look at LINE_STATUS, an exit, on 15 of
// 16 characters.
static unsigned room;

void serial_init(void) {
    out8(INTERRUPT_ENABLE, 0);
    out8(LINE_CONTROL, 0x80);   // divisor latch: 115200 baud
    out8(DATA, 1);
    out8(INTERRUPT_ENABLE, 0);
    out8(LINE_CONTROL, 0x03);   // 8 bits, no parity, 1 stop bit
    out8(FIFO_CONTROL, 0x07);   // on, both cleared, threshold of one byte
    out8(MODEM_CONTROL, 0x0B);  // DTR, RTS, OUT2: the last lets the interrupt line through
    room = 0;
}

void serial_interrupts(bool on) { out8(INTERRUPT_ENABLE, on ? 0x01 : 0); }

int serial_read(void) { return in8(LINE_STATUS) & RECEIVED ? in8(DATA) : -1; }

void serial_write(char c) {
    if (room == 0) {
        while (!(in8(LINE_STATUS) & TRANSMITTER_EMPTY)) pause();
        room = FIFO_BYTES;
    }
    room--;
    out8(DATA, (u8) c);
}

static void write_character(char c) {
    if (c == '\n') serial_write('\r');
    serial_write(c);
}

static void write_number(u64 n, unsigned base, unsigned digits) {
    char text[20];
    unsigned length = 0;
    do { text[length++] = "0123456789abcdef"[n % base]; n /= base; } while (n != 0 || length < digits);
    while (length > 0) write_character(text[--length]);
}

void print_list(const char *format, va_list arguments) {
    for (const char *f = format; *f; f++) {
        if (*f != '%') { write_character(*f); continue; }
        switch (*++f) {
        case 's': for (const char *s = va_arg(arguments, const char *); *s; s++) write_character(*s); break;
        case 'c': write_character((char) va_arg(arguments, int)); break;
        case 'u': write_number(va_arg(arguments, u64), 10, 1); break;
        case 'x': write_number(va_arg(arguments, u64), 16, 1); break;
        case 'l': f++; write_number(va_arg(arguments, u64), 16, 16); break;
        default: write_character(*f);
        }
    }
}

void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}
