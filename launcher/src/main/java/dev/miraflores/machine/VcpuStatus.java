// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.ExitReason;
import dev.miraflores.kvm.Vcpu;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a virtual CPU is at one moment.
 *
 * @param cpu      its number
 * @param apicId   its local APIC's id
 * @param threadId the kernel's id of its thread; 0 while that does not run
 * @param exits    how often it has left the guest, by reason ({@code KVM_EXIT_…}); they count on
 */
public record VcpuStatus(int cpu, int apicId, int threadId, Map<String, Long> exits) {

    static VcpuStatus of(Vcpu vcpu) {
        Map<String, Long> exits = new LinkedHashMap<>();
        for (int reason = 0; reason < ExitReason.COUNT; reason++) {
            long count = vcpu.exits(reason);
            if (count != 0) {
                exits.put(ExitReason.name(reason), count);
            }
        }
        return new VcpuStatus(vcpu.cpu(), vcpu.apicId(), vcpu.threadId(), exits);
    }
}
