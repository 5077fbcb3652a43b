// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Landlock;
import dev.miraflores.linux.Seccomp;
import dev.miraflores.sandbox.Sandbox;
import java.util.List;

/** What hv can be put into before a guest runs. */
final class SandboxChecks {

    private SandboxChecks() {
    }

    static void add(List<Finding> findings) {
        findings.add(seccomp(Seccomp.probe()));
        findings.add(landlock(Landlock.version()));
    }

    static Finding seccomp(int rc) {
        return rc == 0 ? Finding.ok("sandbox: seccomp", "system calls are filtered")
                : Finding.lacking("sandbox: seccomp", Errno.name(-rc) + ": every system call stays within reach",
                        "Linux 4.14 or newer with CONFIG_SECCOMP_FILTER has it");
    }

    static Finding landlock(int version) {
        return version > 0 ? Finding.ok("sandbox: Landlock", "files are out of reach; version " + version)
                : Finding.lacking("sandbox: Landlock", "all files of this user stay within reach",
                        Sandbox.whyNoLandlock(-version));
    }
}
