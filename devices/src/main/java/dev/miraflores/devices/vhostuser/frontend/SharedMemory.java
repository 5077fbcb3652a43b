// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.RegionDescription;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * Guest memory as a back end is told of it ("Memory access"): regions with the descriptors behind them.
 * <p>A "user address" is only a name for a place within the regions. Ours is the guest-physical address, moved: our own
 * addresses are none of the back end's business.
 * <p>Thread: any.
 */
final class SharedMemory {

    /** Above all that a guest can have, so that no user address is 0, which some back ends take for none. */
    private static final long USER_BASE = 1L << 46;

    private final List<RegionDescription> regions = new ArrayList<>();
    private final int[] fds;

    /** @throws IllegalArgumentException where some region is private to this process, see {@link #isShareable} */
    SharedMemory(GuestMemory memory) {
        if (!isShareable(memory)) {
            throw new IllegalArgumentException("guest memory that no other process can be given: it has no memfd");
        }
        fds = new int[memory.regions().size()];
        for (GuestMemoryRegion region : memory.regions()) {
            fds[regions.size()] = region.fd();
            regions.add(new RegionDescription(
                region.gpa(), region.byteSize(), userAddress(region.gpa()), region.fileOffset()));
        }
    }

    /** Whether all of it lies in files. */
    static boolean isShareable(GuestMemory memory) {
        for (GuestMemoryRegion region : memory.regions()) {
            if (region.fd() < 0) {
                return false;
            }
        }
        return true;
    }

    List<RegionDescription> regions() {
        return regions;
    }

    /** One for each region. */
    int[] fds() {
        return fds;
    }

    static long userAddress(long gpa) {
        return USER_BASE + gpa;
    }
}
