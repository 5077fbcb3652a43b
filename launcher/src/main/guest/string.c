// SPDX-License-Identifier: Apache-2.0
#include "string.h"

void *memcpy(void *to, const void *from, size_t bytes) {
    void *start = to;
    size_t words = bytes / 8;
    bytes %= 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) :: "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) :: "memory");
    return start;
}

void *memset(void *to, int value, size_t bytes) {
    void *start = to;
    size_t words = bytes / 8;
    bytes %= 8;
    u64 word = (u8) value * 0x0101010101010101ull;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(word) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const u8 *p = a, *q = b;
    for (; bytes > 0; bytes--, p++, q++) {
        if (*p != *q) return *p - *q;
    }
    return 0;
}

bool same_text(const char *a, const char *b) {
    while (*a && *a == *b) { a++; b++; }
    return *a == *b;
}
