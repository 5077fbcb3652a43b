// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.vhostuser.Message;
import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.linux.Fd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The guest's memory as a front end has given it: by guest-physical addresses, which descriptors have, and by the front end's
 * own, which it gives for rings ("Memory access"). Whoever gave it may punch holes into it at any time, for a balloon for
 * instance, and says nothing: so the kernel must not be had hold on to its pages.
 * <p>Thread: the session's. It changes only while no ring runs.
 */
final class MemoryTable implements AutoCloseable {

    /** As many as KVM has slots for, as a rule. */
    static final int MAX_SLOTS = 509;

    private record Slot(RegionDescription at, GuestMemoryRegion region) {
    }

    private final List<Slot> slots = new ArrayList<>();
    private GuestMemory memory;

    /** All of it as one, or null while there is none. */
    GuestMemory memory() {
        return memory;
    }

    /** SET_MEM_TABLE: takes the place of all there was. */
    void replace(List<RegionDescription> regions, Message message) throws Refusal {
        if (regions.size() != message.fdCount()) {
            throw new Refusal(regions.size() + " memory regions with " + message.fdCount() + " descriptors");
        }
        List<Slot> made = new ArrayList<>();
        try {
            for (RegionDescription region : regions) {
                made.add(map(region, message, made));
            }
        } catch (Refusal | RuntimeException | Error e) {
            made.forEach(slot -> slot.region.close());
            throw e;
        }
        close();
        slots.addAll(made);
        changed();
    }

    /** ADD_MEM_REG. */
    void add(RegionDescription region, Message message) throws Refusal {
        if (slots.size() == MAX_SLOTS) {
            throw new Refusal("more than " + MAX_SLOTS + " memory regions");
        }
        slots.add(map(region, message, slots));
        changed();
    }

    /** REM_MEM_REG: what it is called by both sides and its size say which; the offset does not matter. */
    void remove(RegionDescription region) throws Refusal {
        for (Slot slot : slots) {
            if (slot.at.guestAddress() == region.guestAddress() && slot.at.userAddress() == region.userAddress()
                    && slot.at.byteSize() == region.byteSize()) {
                slots.remove(slot);
                slot.region.close();
                changed();
                return;
            }
        }
        throw new Refusal("no memory region " + describe(region) + " to remove");
    }

    private static Slot map(RegionDescription at, Message message, List<Slot> others) throws Refusal {
        check(at, others);
        try (Fd file = message.takeFd()) {
            ReceivedFile received = ReceivedFile.map(file, at.mmapOffset(), at.byteSize(), "memory region " + describe(at));
            return new Slot(at, GuestMemoryRegion.received(
                at.guestAddress(), received.mapping(), received.offset(), at.byteSize()));
        }
    }

    private static void check(RegionDescription at, List<Slot> others) throws Refusal {
        long userEnd = at.userAddress() + at.byteSize();
        boolean possible = at.byteSize() > 0 && at.guestAddress() >= 0 && at.guestAddress() % 4096 == 0
            && at.guestAddress() <= Long.MAX_VALUE - at.byteSize()
            && (userEnd == 0 || Long.compareUnsigned(userEnd, at.userAddress()) > 0);
        if (!possible) {
            throw new Refusal("memory region " + describe(at) + ": no such addresses");
        }
        for (Slot other : others) {
            if (overlap(at.guestAddress(), other.at.guestAddress(), at, other.at)
                    || overlap(at.userAddress(), other.at.userAddress(), at, other.at)) {
                throw new Refusal("memory regions overlap: " + describe(at) + ", " + describe(other.at));
            }
        }
    }

    private static boolean overlap(long a, long b, RegionDescription atA, RegionDescription atB) {
        // As unsigned numbers: the one that begins later begins inside the other.
        return Long.compareUnsigned(b - a, atA.byteSize()) < 0 || Long.compareUnsigned(a - b, atB.byteSize()) < 0;
    }

    private void changed() {
        List<GuestMemoryRegion> regions = new ArrayList<>();
        slots.forEach(slot -> regions.add(slot.region));
        regions.sort(Comparator.comparingLong(GuestMemoryRegion::gpa));
        memory = regions.isEmpty() ? null : GuestMemory.of(regions).discardable();
    }

    /** What the guest calls the byte that the front end has at {@code userAddress}; −1 where it is no memory. */
    long toGuest(long userAddress) {
        for (Slot slot : slots) {
            long offset = userAddress - slot.at.userAddress();
            if (Long.compareUnsigned(offset, slot.at.byteSize()) < 0) {
                return slot.at.guestAddress() + offset;
            }
        }
        return -1;
    }

    private static String describe(RegionDescription at) {
        return "at guest address 0x" + Long.toHexString(at.guestAddress()) + " with " + Long.toUnsignedString(at.byteSize())
            + " bytes";
    }

    /** Unmaps all; nothing may use it any more. */
    @Override
    public void close() {
        slots.forEach(slot -> slot.region.close());
        slots.clear();
        memory = null;
    }
}
