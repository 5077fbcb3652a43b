// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.RingFixture.Element;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * What a split chain means, written for being obviously right: bytes, big integers and lists, nothing shared with the
 * code under test but {@link GuestMemory#read}. Virtio 1.3 §2.7.5, clause by clause.
 */
final class SlowSplitReference {

    record Outcome(DriverFault fault, List<Element> elements) {
    }

    private record Raw(BigInteger addr, long len, int flags, int next) {
    }

    private final GuestMemory memory;
    private final int queueSize;
    private final long descGpa;
    private final boolean indirectNegotiated;

    SlowSplitReference(GuestMemory memory, int queueSize, long descGpa, boolean indirectNegotiated) {
        this.memory = memory;
        this.queueSize = queueSize;
        this.descGpa = descGpa;
        this.indirectNegotiated = indirectNegotiated;
    }

    Outcome chain(int head) {
        List<Element> elements = new ArrayList<>();
        BigInteger table = BigInteger.valueOf(descGpa);
        long entries = queueSize;
        long index = head;
        boolean inTable = false;
        while (true) {
            Raw raw = read(table.add(BigInteger.valueOf(16 * index)));
            if ((raw.flags & 4) != 0) {
                if (!indirectNegotiated) {
                    return faulty(DriverFault.INDIRECT_NOT_NEGOTIATED);
                }
                if (total(elements).bitLength() > 33 || total(elements).compareTo(BigInteger.TWO.pow(32)) > 0) {
                    return faulty(DriverFault.CHAIN_TOO_LARGE);
                }
                if (inTable) {
                    return faulty(DriverFault.INDIRECT_IN_INDIRECT);
                }
                if ((raw.flags & 1) != 0) {
                    return faulty(DriverFault.INDIRECT_WITH_NEXT);
                }
                if (raw.len == 0 || raw.len % 16 != 0 || raw.len / 16 > 65536) {
                    return faulty(DriverFault.INDIRECT_LENGTH_INVALID);
                }
                if (!isMemory(raw.addr, raw.len)) {
                    return faulty(DriverFault.INDIRECT_OUTSIDE_MEMORY);
                }
                table = raw.addr;
                entries = raw.len / 16;
                index = 0;
                inTable = true;
                continue;
            }
            if (elements.size() == queueSize) {
                return faulty(DriverFault.CHAIN_TOO_LONG);
            }
            if (!isMemory(raw.addr, raw.len)) {
                return faulty(DriverFault.BUFFER_OUTSIDE_MEMORY);
            }
            boolean writable = (raw.flags & 2) != 0;
            if (!writable && elements.stream().anyMatch(Element::writable)) {
                return faulty(DriverFault.READABLE_AFTER_WRITABLE);
            }
            elements.add(new Element(raw.addr.longValueExact(), raw.len, writable));
            if ((raw.flags & 1) == 0) {
                break;
            }
            if (raw.next >= entries) {
                return faulty(DriverFault.NEXT_OUT_OF_RANGE);
            }
            index = raw.next;
        }
        if (total(elements).compareTo(BigInteger.TWO.pow(32)) > 0) {
            return faulty(DriverFault.CHAIN_TOO_LARGE);
        }
        return new Outcome(null, elements);
    }

    private static Outcome faulty(DriverFault fault) {
        return new Outcome(fault, List.of());
    }

    private static BigInteger total(List<Element> elements) {
        return elements.stream().map(e -> BigInteger.valueOf(e.byteSize())).reduce(BigInteger.ZERO, BigInteger::add);
    }

    private boolean isMemory(BigInteger gpa, long byteSize) {
        BigInteger end = gpa.add(BigInteger.valueOf(byteSize));
        return memory.regions().stream().anyMatch(r -> gpa.compareTo(BigInteger.valueOf(r.gpa())) >= 0
            && end.compareTo(BigInteger.valueOf(r.gpa()).add(BigInteger.valueOf(r.byteSize()))) <= 0);
    }

    private Raw read(BigInteger gpa) {
        byte[] bytes = new byte[16];
        if (!memory.read(gpa.longValueExact(), bytes)) {
            throw new AssertionError("the reference reads what is no memory");
        }
        return new Raw(unsigned(bytes, 0, 8), unsigned(bytes, 8, 4).longValueExact(),
            unsigned(bytes, 12, 2).intValueExact(), unsigned(bytes, 14, 2).intValueExact());
    }

    private static BigInteger unsigned(byte[] bytes, int from, int count) {
        BigInteger value = BigInteger.ZERO;
        for (int i = count - 1; i >= 0; i--) {
            value = value.shiftLeft(8).or(BigInteger.valueOf(bytes[from + i] & 0xFF));
        }
        return value;
    }
}
