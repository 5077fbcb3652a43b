// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.kvm.Kvm;
import dev.miraflores.kvm.KvmCapability;
import dev.miraflores.kvm.KvmUnavailableException;
import java.util.List;

/** KVM's device, and its capabilities by name. */
final class KvmChecks {

    private KvmChecks() {
    }

    static void add(List<Finding> findings) {
        try (Kvm kvm = Kvm.open()) {
            findings.add(Finding.ok(Kvm.DEVICE, "up to " + kvm.maxVcpus() + " vCPUs, "
                    + kvm.physicalAddressBits() + " bits of guest-physical address"));
            for (KvmCapability capability : KvmCapability.values()) {
                findings.add(capability(kvm, capability));
            }
        } catch (KvmUnavailableException e) {
            findings.add(unavailable(e.getMessage()));
        }
    }

    /** The message names the device and the reason, then the way out after a semicolon. */
    private static Finding unavailable(String message) {
        String prefix = Kvm.DEVICE + ": ";
        String reason = message.startsWith(prefix) ? message.substring(prefix.length()) : message;
        int semicolon = reason.indexOf("; ");
        return semicolon < 0 ? Finding.failed(Kvm.DEVICE, reason, "use a host whose kernel has a newer KVM")
                : Finding.failed(Kvm.DEVICE, reason.substring(0, semicolon), reason.substring(semicolon + 2));
    }

    private static Finding capability(Kvm kvm, KvmCapability capability) {
        int value = kvm.capability(capability);
        String purpose = capability.purpose();
        if (value != 0) {
            return Finding.ok(capability.kernelName(), value == 1 ? purpose : purpose + ": " + value);
        }
        String remedy = "a newer kernel may have it";
        return capability.required() ? Finding.failed(capability.kernelName(), "no " + purpose, remedy)
                : Finding.lacking(capability.kernelName(), "no " + purpose, remedy);
    }
}
