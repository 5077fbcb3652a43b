// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/** Where a stream socket is: exactly one of a path and a host with a port. */
public record StreamAddress(String path, String host, int port) {

    /** A Unix socket's. */
    public static StreamAddress unix(String path) {
        return new StreamAddress(path, null, 0);
    }

    /** A TCP port's; {@code host} is empty for all addresses of this one, and may be a name. */
    public static StreamAddress tcp(String host, int port) {
        return new StreamAddress(null, host, port);
    }

    public boolean isUnix() {
        return path != null;
    }

    /** Looks its name up; {@code null} where there is none. */
    InetSocketAddress resolve() {
        try {
            return host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(InetAddress.getByName(host), port);
        } catch (UnknownHostException e) {
            return null;
        }
    }

    /** As it is written on the command line. */
    @Override
    public String toString() {
        return isUnix() ? "unix:" + path : (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}
