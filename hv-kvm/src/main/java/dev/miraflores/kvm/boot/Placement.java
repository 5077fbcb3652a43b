// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.util.ArrayList;
import java.util.List;

/**
 * Who has which part of guest RAM while a kernel is loaded: nothing is put where there is no RAM, or on top of
 * something else.
 */
final class Placement {
    private record Claim(long gpa, long end, String what) {
    }

    private final MemoryMap map;
    private final List<Claim> claims = new ArrayList<>();

    Placement(MemoryMap map) {
        this.map = map;
    }

    /**
     * Takes a range for good.
     *
     * @param owner whose fault it is when that fails: how the message begins
     * @param what what is put there; kept for the message about the next one
     * @param gpa where; any value
     * @param byteSize how much, unsigned; nothing needs no place
     */
    void claim(String owner, String what, long gpa, long byteSize) {
        if (byteSize == 0) {
            return;
        }
        if (gpa < 0 || byteSize < 0 || gpa + byteSize < 0) {
            throw new BootException(owner + ": " + what + " wants " + Long.toUnsignedString(byteSize)
                    + " bytes at " + hex(gpa) + ", which is no physical address: the file is damaged");
        }
        MemoryMap.Entry ram = map.ramAt(gpa);
        if (ram == null || gpa + byteSize > ram.end()) {
            throw outsideRam(owner, what, gpa, byteSize);
        }
        Claim other = overlapping(gpa, gpa + byteSize);
        if (other != null) {
            throw new BootException(owner + ": " + what + " at " + hex(gpa) + ".." + hex(gpa + byteSize - 1)
                    + " overlaps " + other.what + " at " + hex(other.gpa) + ".." + hex(other.end - 1)
                    + ": link it at 0x100000 or above");
        }
        claims.add(new Claim(gpa, gpa + byteSize, what));
    }

    /** Takes the highest range of whole pages between 1 MiB and {@code limit}: its address, or −1 when none is free. */
    long claimHighest(String what, long byteSize, long limit) {
        for (int i = map.size() - 1; i >= 0; i--) {
            MemoryMap.Entry ram = map.get(i);
            if (ram.type() != MemoryMap.RAM) {
                continue;
            }
            long first = Math.max(ram.gpa(), LowMemory.HIGH_GPA);
            long end = Math.min(ram.end(), limit);
            while (end - first >= byteSize) {
                long gpa = end - byteSize & -LowMemory.PAGE_BYTES;
                Claim other = gpa < first ? null : overlapping(gpa, gpa + byteSize);
                if (gpa >= first && other == null) {
                    claims.add(new Claim(gpa, gpa + byteSize, what));
                    return gpa;
                }
                end = other == null ? first : other.gpa;
            }
        }
        return -1;
    }

    /** Takes the lowest range of whole pages from {@code start} on, below 4 GiB: its address, or −1. */
    long claimLowest(String what, long byteSize, long start) {
        for (int i = 0; i < map.size(); i++) {
            MemoryMap.Entry ram = map.get(i);
            if (ram.type() != MemoryMap.RAM || ram.end() <= start || ram.gpa() >>> 32 != 0) {
                continue;
            }
            long gpa = pageUp(Math.max(ram.gpa(), start));
            while (ram.end() - gpa >= byteSize) {
                Claim other = overlapping(gpa, gpa + byteSize);
                if (other == null) {
                    claims.add(new Claim(gpa, gpa + byteSize, what));
                    return gpa;
                }
                gpa = pageUp(other.end);
            }
        }
        return -1;
    }

    private Claim overlapping(long gpa, long end) {
        for (int i = 0; i < claims.size(); i++) {
            Claim claim = claims.get(i);
            if (gpa < claim.end && claim.gpa < end) {
                return claim;
            }
        }
        return null;
    }

    private BootException outsideRam(String owner, String what, long gpa, long byteSize) {
        MemoryMap.Entry last = null;
        for (int i = 0; i < map.size(); i++) {
            MemoryMap.Entry entry = map.get(i);
            last = entry.type() == MemoryMap.RAM ? entry : last;
        }
        long ramEnd = last == null ? 0 : last.end();
        String place = what + " needs " + mib(byteSize) + " at " + hex(gpa);
        if (gpa + byteSize > ramEnd) {
            return new BootException(owner + ": " + place + ", the guest's memory of " + mib(map.ramBytes())
                    + " ends at " + hex(ramEnd) + ": give it more memory (-m)");
        }
        return new BootException(owner + ": " + place + ", where there is a hole in RAM: link it elsewhere");
    }

    private static long pageUp(long gpa) {
        return gpa + LowMemory.PAGE_BYTES - 1 & -LowMemory.PAGE_BYTES;
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    /** A size for people: in MiB, rounded up, from one on. */
    static String mib(long byteSize) {
        return byteSize < 1 << 20 ? byteSize + " bytes" : (byteSize + (1 << 20) - 1 >>> 20) + " MiB";
    }
}
