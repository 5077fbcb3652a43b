// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.stream.StreamAddress;
import dev.miraflores.linux.UnixSocket;

/** Where sockets of {@code --nic} are: {@code unix:PATH}, {@code HOST:PORT}, {@code [ADDRESS]:PORT}. */
final class NicAddress {

    private static final String UNIX = "unix:";
    static final int MAX_PORT = 65535;

    private NicAddress() {
    }

    static StreamAddress parse(String key, String text) {
        if (text.startsWith(UNIX)) {
            String path = text.substring(UNIX.length());
            if (!UnixSocket.isPath(path)) {
                throw new ConfigException(key + "=" + text + ": a socket's path has 1 to " + UnixSocket.MAX_PATH_BYTES
                        + " bytes; use another");
            }
            return StreamAddress.unix(path);
        }
        int colon = text.lastIndexOf(':');
        int port = colon < 0 ? -1 : port(text.substring(colon + 1));
        String host = colon < 0 ? "" : host(text.substring(0, colon));
        if (port < 1 || host == null || host.isEmpty() && key.equals("connect")) {
            throw new ConfigException(key + "=" + text + ": not an address; write unix:PATH or HOST:PORT, with [ ] around an IPv6 address");
        }
        return StreamAddress.tcp(host, port);
    }

    /** Without brackets, or {@code null} where it is no host. */
    static String host(String text) {
        if (text.startsWith("[") && text.endsWith("]")) {
            String inside = text.substring(1, text.length() - 1);
            return inside.matches("[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?") && inside.indexOf(':') >= 0 ? inside : null;
        }
        return text.matches("[A-Za-z0-9._-]*") ? text : null;
    }

    /** −1 where it is none. */
    static int port(String text) {
        long port = Quantity.parse(text);
        return port < 0 || port > MAX_PORT ? -1 : (int) port;
    }
}
