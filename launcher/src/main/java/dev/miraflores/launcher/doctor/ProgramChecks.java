// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.devices.net.user.Passt;
import java.util.List;

/** Programs of others that something here needs. */
final class ProgramChecks {

    private ProgramChecks() {
    }

    static void add(List<Finding> findings) {
        String passt = Passt.find();
        findings.add(passt != null ? Finding.ok(Passt.NAME, "networking without privilege, --nic user: ".concat(passt))
                : Finding.lacking(Passt.NAME, "not in PATH: no --nic user", "install the package passt"));
    }
}
