// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * How a guest's CPUs are grouped, and the APIC ids that follow from it.
 * <p>An APIC id is three fields, socket, core and thread, each as wide as its count needs (Intel SDM vol. 3, §9.9.1).
 * With one socket and one thread a core, ids are the CPUs' numbers.
 *
 * @param sockets        packages, 1 or more
 * @param coresPerSocket 1 or more
 * @param threadsPerCore 1 or more
 */
public record CpuTopology(int sockets, int coresPerSocket, int threadsPerCore) {

    public CpuTopology {
        if (sockets < 1 || coresPerSocket < 1 || threadsPerCore < 1) {
            throw new IllegalArgumentException(
                    "topology of " + sockets + " sockets, " + coresPerSocket + " cores, " + threadsPerCore + " threads");
        }
        Math.multiplyExact(Math.multiplyExact(sockets, coresPerSocket), threadsPerCore);
    }

    /** One socket with {@code cores} cores of one thread. */
    public static CpuTopology ofCores(int cores) {
        return new CpuTopology(1, cores, 1);
    }

    /** CPUs in all. */
    public int cpus() {
        return sockets * coresPerSocket * threadsPerCore;
    }

    /** CPUs in a socket. */
    public int cpusPerSocket() {
        return coresPerSocket * threadsPerCore;
    }

    /** Bits of an APIC id that number the threads of a core. */
    public int threadBits() {
        return bitsFor(threadsPerCore);
    }

    /** Bits of an APIC id that number the CPUs of a socket. */
    public int socketShift() {
        return threadBits() + bitsFor(coresPerSocket);
    }

    /** The APIC id of a CPU, numbered from 0: threads of a core first, then cores of a socket. */
    public int apicId(int cpu) {
        int thread = cpu % threadsPerCore;
        int core = cpu / threadsPerCore % coresPerSocket;
        int socket = cpu / cpusPerSocket();
        return socket << socketShift() | core << threadBits() | thread;
    }

    private static int bitsFor(int count) {
        return Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
    }
}
