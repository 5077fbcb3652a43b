// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import java.util.ArrayList;
import java.util.List;

/**
 * Makes the CPUs of a PC as its firmware leaves them to an operating system: identified, caches set up, the first one's
 * local interrupts wired, the others waiting for their start-up IPI. Only where the first begins is left to say.
 */
public final class PcCpus {
    /** First address of the part below 4 GiB that holds devices and no memory. */
    static final long HOLE_GPA = 0xC000_0000L;

    private PcCpus() {}

    /**
     * Makes all of them, by their numbers.
     *
     * @param vm      with its interrupt controllers, without vCPUs
     * @param handler of all CPUs
     */
    public static List<Vcpu> create(Kvm kvm, Vm vm, CpuTopology topology, ExitHandler handler) {
        CpuidTable supported = kvm.supportedCpuid();
        boolean tscDeadlineTimer = kvm.capability(KvmCapability.TSC_DEADLINE_TIMER) != 0;
        GuestCpuid cpuid = new GuestCpuid(supported, topology, tscDeadlineTimer);
        MsrList msrs = MsrList.ofFirmware(HOLE_GPA, supported.physicalAddressBits());
        List<Vcpu> vcpus = new ArrayList<>(topology.cpus());
        for (int cpu = 0; cpu < topology.cpus(); cpu++) {
            Vcpu vcpu = vm.createVcpu(topology.apicId(cpu), handler);
            vcpu.setCpuid(cpuid.forCpu(cpu));
            vcpu.setMsrs(msrs);
            if (cpu == 0) {
                // INIT resets the LAPICs of the others, so there this is the operating system's.
                vcpu.setLocalInterrupts();
            } else {
                vcpu.setMultiprocessingState(MultiprocessingState.UNINITIALIZED);
            }
            vcpus.add(vcpu);
        }
        return vcpus;
    }
}
