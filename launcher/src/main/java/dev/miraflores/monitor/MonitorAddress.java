// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.FileReason;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Where a monitor is to be had, in QEMU's words for a character device.
 *
 * @param option what it was given to
 * @param text   as it was given
 * @param kind   what it is
 * @param path   of a Unix socket, or null
 * @param tcp    of a TCP socket, or null
 */
public record MonitorAddress(String option, String text, Kind kind, Path path, InetSocketAddress tcp) {

    /** What there is. */
    public enum Kind { STDIO, UNIX, TCP }

    private static final int MAX_PORT = 65535;

    /**
     * Reads {@code stdio}, {@code unix:PATH} or {@code tcp:ADDRESS:PORT}; options behind a socket that say what it is anyway are
     * taken: {@code server=on}, {@code wait=off}, and their short forms.
     *
     * @param choice those that the option has, for the message
     */
    public static MonitorAddress parse(String option, String text, String choice) {
        int colon = text.indexOf(':');
        String kind = colon < 0 ? text : text.substring(0, colon);
        if (choice.contains(kind) && !kind.isEmpty()) {
            if (kind.equals("stdio") && colon < 0) {
                return new MonitorAddress(option, text, Kind.STDIO, null, null);
            }
            if (kind.equals("unix") && colon > 0) {
                return unix(option, text, text.substring(colon + 1));
            }
            if (kind.equals("tcp") && colon > 0) {
                return tcp(option, text, text.substring(colon + 1));
            }
        }
        throw new ConfigException(option + " " + text + ": not built; use " + choice);
    }

    private static MonitorAddress unix(String option, String text, String rest) {
        String path = rest;
        for (int comma = path.lastIndexOf(','); comma >= 0 && isKnown(option, text, path.substring(comma + 1)); comma = path.lastIndexOf(',')) {
            path = path.substring(0, comma);
        }
        String last = path.substring(path.lastIndexOf(',') + 1);
        if (last.length() < path.length() && last.indexOf('=') > 0) {
            throw new ConfigException(option + " " + text + ": unknown '" + last + "'; server=on and wait=off are all that a socket takes");
        }
        try {
            if (!path.isEmpty()) {
                return new MonitorAddress(option, text, Kind.UNIX, Path.of(path), null);
            }
        } catch (InvalidPathException e) {
            throw new ConfigException(option + " " + text + ": not a file name: " + e.getReason() + "; check the name", e);
        }
        throw new ConfigException(option + " " + text + ": no path is named; use unix:PATH");
    }

    private static boolean isKnown(String option, String text, String word) {
        return switch (word) {
            case "server", "server=on", "nowait", "wait=off" -> true;
            case "wait", "wait=on", "server=off" -> throw new ConfigException(option + " " + text + ": " + word
                    + " is not built: hv listens, and waits for nobody; leave it out");
            default -> false;
        };
    }

    private static MonitorAddress tcp(String option, String text, String rest) {
        int colon = rest.lastIndexOf(':');
        String host = colon <= 0 ? "127.0.0.1" : rest.substring(0, colon);
        try {
            int port = Integer.parseInt(rest.substring(colon + 1));
            InetAddress address = InetAddress.getByName(host);
            if (!address.isLoopbackAddress()) {
                throw new ConfigException(option + " " + text + ": " + host
                        + " is not this host's loopback address, and nobody is asked who they are; use 127.0.0.1, and a proxy for others");
            }
            if (port >= 0 && port <= MAX_PORT) {
                return new MonitorAddress(option, text, Kind.TCP, null, new InetSocketAddress(address, port));
            }
        } catch (NumberFormatException | UnknownHostException e) {
            // as below
        }
        throw new ConfigException(option + " " + text + ": not an address; use tcp:127.0.0.1:PORT");
    }

    /** Listens there. */
    ClientServer listen(String name, int mostClients) {
        try {
            return kind == Kind.UNIX ? ClientServer.unix(name, path, mostClients) : ClientServer.tcp(name, tcp, mostClients);
        } catch (IOException e) {
            throw new ConfigException(option + " " + text + ": cannot be made: " + FileReason.of(e) + "; name another " + (kind == Kind.UNIX ? "path" : "port"), e);
        }
    }
}
