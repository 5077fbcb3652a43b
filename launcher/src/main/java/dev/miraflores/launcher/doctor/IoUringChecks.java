// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineChoice;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.uring.KernelFeatures;
import java.util.List;

/** What disks do their I/O with. */
final class IoUringChecks {

    private IoUringChecks() {
    }

    static void add(List<Finding> findings) {
        KernelFeatures kernel = KernelFeatures.host();
        if (kernel.isAvailable()) {
            findings.add(Finding.ok("io_uring", kernel.describe()));
            findings.add(feature("io_uring: DEFER_TASKRUN", kernel.hasDeferredTaskRun(),
                    "completions are gathered when they are asked for", "Linux 6.1 or newer has it: less latency"));
            findings.add(feature("io_uring: multishot poll", kernel.hasMultishotPoll(),
                    "doorbells are armed once", "Linux 5.13 or newer has it: fewer system calls"));
        } else {
            findings.add(Finding.lacking("io_uring", kernel.whyNot(),
                    "lift that (a container's seccomp profile may allow io_uring_*), or make do with what follows"));
        }
        findings.add(linuxAio());
        findings.add(drives());
    }

    private static Finding feature(String name, boolean there, String detail, String remedy) {
        return there ? Finding.ok(name, detail) : Finding.lacking(name, "not in this kernel", remedy);
    }

    private static Finding linuxAio() {
        try {
            EngineChoice.of(EngineKind.NATIVE, CacheMode.NONE);
            return Finding.ok("Linux AIO", "aio=native works, with cache=none and cache=directsync");
        } catch (DriveException e) {
            return Finding.lacking("Linux AIO", e.getMessage(), "only drives with aio=native need it");
        }
    }

    /** What a drive without {@code aio=} gets. */
    private static Finding drives() {
        EngineChoice direct = EngineChoice.of(null, CacheMode.NONE);
        EngineChoice cached = EngineChoice.of(null, CacheMode.WRITEBACK);
        String detail = direct.kind() == cached.kind() ? "aio=" + cached.kind()
                : "aio=" + direct.kind() + " with cache=none or directsync, else aio=" + cached.kind();
        return cached.kind() == EngineKind.IO_URING ? Finding.ok("drives", detail)
                : Finding.lacking("drives", detail + ": " + direct.whyNot(), "io_uring is faster: see above");
    }
}
