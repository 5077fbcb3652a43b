// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

enum { SECTOR_WORDS = SECTOR_BYTES / 8, MARK_WORDS = 2, PLACES = 64, TABLE_WORDS = SECTOR_WORDS - MARK_WORDS + PLACES };

static u64 table[TABLE_WORDS];
static u64 seed;

void pattern_init(u32 from) {
    seed = from;
    u64 x = seed * 0x9E3779B97F4A7C15 | 1;
    for (unsigned i = 0; i < TABLE_WORDS; i++) {
        x ^= x << 13; x ^= x >> 7; x ^= x << 17;        // xorshift64
        table[i] = x;
    }
}

static const u64 *table_at(u64 block, u64 sector) { return &table[(block * 7 + sector) % PLACES]; }

void pattern_fill(u8 *data, u64 block, u64 round) {
    for (u64 s = block * BLOCK_SECTORS; s < (block + 1) * BLOCK_SECTORS; s++, data += SECTOR_BYTES) {
        u64 *to = (u64 *) data;
        const u64 *from = table_at(block, s);
        u64 words = SECTOR_WORDS - MARK_WORDS;
        *to++ = s;
        *to++ = seed | round << 32;
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) :: "memory");
    }
}

void pattern_spoil(u8 *data) {
    for (unsigned s = 0; s < BLOCK_SECTORS; s++) *(u64 *) (data + s * SECTOR_BYTES) = ~0ull;
}

int pattern_check(const u8 *data, u64 block, u64 round) {
    const u64 *start = (const u64 *) data;
    for (u64 s = block * BLOCK_SECTORS; s < (block + 1) * BLOCK_SECTORS; s++, data += SECTOR_BYTES) {
        const u64 *is = (const u64 *) data, *should = table_at(block, s);
        if (is[0] != s) return (int) (is - start);
        if (is[1] != (seed | round << 32)) return (int) (is - start) + 1;
        is += MARK_WORDS;
        u64 left = SECTOR_WORDS - MARK_WORDS;
        bool same;
        __asm__ volatile("repe cmpsq" : "+D"(is), "+S"(should), "+c"(left), "=@ccz"(same) :: "memory");
        if (!same) return (int) (is - start) - 1;
    }
    return -1;
}

// A bijection on the numbers below the next power of two, applied until the result is below count.
u64 shuffled(u64 i, u64 count) {
    unsigned bits = 1;
    while (1ull << bits < count) bits++;
    u64 mask = (1ull << bits) - 1;
    do {
        i = (i * 0x2545F491 + seed) & mask;
        i ^= i >> (bits + 1) / 2;
        i = i * 0x9E3779B1 & mask;
    } while (i >= count);
    return i;
}
