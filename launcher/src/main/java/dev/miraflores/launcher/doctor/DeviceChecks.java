// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.devices.vhost.VhostKind;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.util.List;

/** The kernel's devices for networks and sockets. */
final class DeviceChecks {

    private DeviceChecks() {
    }

    static void add(List<Finding> findings) {
        findings.add(vhost(VhostKind.NET, "networking in the host's kernel"));
        findings.add(vhost(VhostKind.VSOCK, "sockets between host and guest"));
        findings.add(device("/dev/net/tun", "tap interfaces", "modprobe tun"));
    }

    private static Finding vhost(VhostKind kind, String purpose) {
        return device(kind.path(), purpose, "modprobe " + kind.module());
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
