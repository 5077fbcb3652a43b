// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** APIC ids: Intel SDM vol. 3, §9.9. */
class CpuTopologyTest {

    @Test
    void shouldNumberCoresOfOneSocketInARow() {
        CpuTopology topology = CpuTopology.ofCores(6);
        for (int cpu = 0; cpu < 6; cpu++) {
            assertEquals(cpu, topology.apicId(cpu));
        }
        assertEquals(3, topology.socketShift());
        assertEquals(0, topology.threadBits());
    }

    @Test
    void shouldLeaveIdsOutWhereCountsAreNoPowersOfTwo() {
        CpuTopology topology = new CpuTopology(2, 3, 2);
        assertEquals(12, topology.cpus());
        assertEquals(3, topology.socketShift());
        int[] expected = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13};
        for (int cpu = 0; cpu < 12; cpu++) {
            assertEquals(expected[cpu], topology.apicId(cpu));
        }
    }

    @Property
    void shouldGiveEveryCpuAnIdWhoseFieldsNameItsPlace(
            @ForAll @IntRange(min = 1, max = 4) int sockets,
            @ForAll @IntRange(min = 1, max = 20) int cores,
            @ForAll @IntRange(min = 1, max = 4) int threads) {
        CpuTopology topology = new CpuTopology(sockets, cores, threads);
        Set<Integer> ids = new HashSet<>();
        for (int cpu = 0; cpu < topology.cpus(); cpu++) {
            int id = topology.apicId(cpu);
            assertTrue(ids.add(id));
            assertEquals(cpu % threads, id & (1 << topology.threadBits()) - 1);
            assertEquals(cpu / threads, (id >> topology.socketShift()) * cores
                    + ((id & (1 << topology.socketShift()) - 1) >> topology.threadBits()));
        }
    }

    @Test
    void shouldRefuseTopologiesWithoutCpus() {
        assertThrows(IllegalArgumentException.class, () -> new CpuTopology(1, 0, 1));
        assertThrows(ArithmeticException.class, () -> new CpuTopology(1 << 16, 1 << 16, 1));
    }
}
