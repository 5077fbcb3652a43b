// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.aio.uring.KernelFeatures;
import java.util.List;

/** What disks do their I/O with. */
final class IoUringChecks {

    private IoUringChecks() {
    }

    static void add(List<Finding> findings) {
        KernelFeatures kernel = KernelFeatures.host();
        if (!kernel.isAvailable()) {
            findings.add(Finding.lacking("io_uring", kernel.whyNot(), "until then, machines run without drives only"));
            return;
        }
        findings.add(Finding.ok("io_uring", kernel.describe()));
        findings.add(feature("io_uring: DEFER_TASKRUN", kernel.hasDeferredTaskRun(),
                "completions are gathered when they are asked for", "Linux 6.1 or newer has it: less latency"));
        findings.add(feature("io_uring: multishot poll", kernel.hasMultishotPoll(),
                "doorbells are armed once", "Linux 5.13 or newer has it: fewer system calls"));
    }

    private static Finding feature(String name, boolean there, String detail, String remedy) {
        return there ? Finding.ok(name, detail) : Finding.lacking(name, "not in this kernel", remedy);
    }
}
