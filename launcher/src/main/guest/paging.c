// SPDX-License-Identifier: Apache-2.0
#include "paging.h"

#include "boot.h"

enum { TABLE = 0x03, DEVICE_PAGE = 0x9B };      // present, writable; and large, PCD, PWT

static const u64 ADDRESS_BITS = 0x000FFFFFFFFFF000, LARGE_PAGE = 0x200000;

extern u64 page_map[512];

static u64 *table_below(u64 *entry) {
    if (*entry == 0) *entry = (u64) allocate_zeroed(4096, 4096) | TABLE;
    return (u64 *) (*entry & ADDRESS_BITS);
}

void map_device(u64 address, u64 bytes) {
    u64 end = address + bytes;
    for (u64 a = address & -LARGE_PAGE; a < end; a += LARGE_PAGE) {
        if (a < 1ull << 32) continue;
        u64 *pdpt = table_below(&page_map[a >> 39 & 511]);
        u64 *pd = table_below(&pdpt[a >> 30 & 511]);
        pd[a >> 21 & 511] = a | DEVICE_PAGE;    // was not present: no TLB holds it
    }
}
