// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.util.List;

/** The kernel's devices for networks. */
final class DeviceChecks {

    private DeviceChecks() {
    }

    static void add(List<Finding> findings) {
        findings.add(device("/dev/vhost-net", "networking in the host's kernel", "modprobe vhost_net"));
        findings.add(device("/dev/net/tun", "tap interfaces", "modprobe tun"));
    }

    static Finding device(String path, String purpose, String load) {
        int rc = Fd.tryOpen(path, Fd.O_RDWR, 0);
        if (rc >= 0) {
            Fd.close(rc);
            return Finding.ok(path, purpose);
        }
        if (rc == -Errno.EACCES || rc == -Errno.EPERM) {
            return Finding.lacking(path, "permission denied: no " + purpose,
                    "let this user's group read and write it, with a udev rule or: chmod g+rw " + path);
        }
        return Finding.lacking(path, Errno.name(-rc) + ": no " + purpose, "as root: " + load);
    }
}
