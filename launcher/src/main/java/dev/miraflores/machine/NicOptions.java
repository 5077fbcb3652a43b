// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.machine.NicConfig.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The words of {@code --nic}: a kind, then keys. Those that QEMU has and that are not built are refused by name rather than as
 * unknown.
 * <p>Thread: one.
 */
final class NicOptions {

    static final String OPTION = "--nic";

    private static final String VHOST_USER = "vhost-user=";
    private static final List<String> REPEATED = List.of("hostfwd", "fd");
    private static final List<String> OF_DEVICE = List.of("model", "id", "mac", "queues", "queue-size", "iothreads", "poll-max-ns",
            "mtu", "packed", "in-order", "mrg_rxbuf", "rss", "hash");
    private static final List<String> NOT_BUILT = List.of("script", "downscript", "helper", "br", "sndbuf", "vnet_hdr", "vhostfd",
            "vhostfds", "vhostforce", "poll-us", "guestfwd", "smb", "smbserver", "tftp", "tftp-server-name", "bootfile",
            "hostname", "domainname", "dns", "dnssearch", "ipv6-net", "ipv6-host", "ipv6-dns", "ipv6-prefix", "ipv6-prefixlen", "mcast", "udp",
            "localaddr");

    /** For messages. */
    private final String given;
    private final NicBuilder nic;
    private final UserOptions user = new UserOptions();
    private String ifname;
    private String bridge;
    private List<Integer> fds = List.of();
    /** Which of fd and fds said so. */
    private String descriptorsKey;
    private boolean vhost;
    private String listen;
    private String connect;
    private int reconnectMs;

    private NicOptions(String given, Kind kind) {
        this.given = given;
        this.nic = NicConfig.builder(kind);
    }

    /** {@code null} for {@code none}. */
    static NicConfig parse(String text) {
        int comma = text.indexOf(',');
        String word = comma < 0 ? text : text.substring(0, comma);
        if (text.equals("none")) {
            return null;
        }
        Kind kind = kind(text, word);
        String given = OPTION + " " + text;
        String rest = word.startsWith(VHOST_USER) ? text : comma < 0 ? "" : text.substring(comma + 1);
        return of(given, kind, rest.isEmpty() && comma < 0 ? List.of() : KeyValues.entries(given, rest, REPEATED));
    }

    /** @param given what the words came with, for messages */
    static NicConfig of(String given, Kind kind, List<Map.Entry<String, String>> words) {
        NicOptions options = new NicOptions(given, kind);
        try {
            return options.parseKeys(words);
        } catch (ConfigException e) {
            throw e.getMessage().startsWith(given) ? e : options.wrong(e.getMessage());
        }
    }

    private static Kind kind(String text, String word) {
        if (word.startsWith(VHOST_USER)) {
            return Kind.VHOST_USER;
        }
        return switch (word) {
            case "user" -> Kind.USER;
            case "tap" -> Kind.TAP;
            case "socket", "stream" -> Kind.SOCKET;
            case "vhost-user" -> throw new ConfigException(OPTION + " " + text + ": write vhost-user=PATH, the back end's socket");
            case "none" -> throw new ConfigException(OPTION + " " + text + ": none is said alone; leave the rest out");
            case "bridge" -> throw new ConfigException(OPTION + " " + text + ": write tap,bridge=NAME");
            case "dgram", "l2tpv3", "vde", "netmap", "af-xdp", "vhost-vdpa", "hubport", "vmnet-host", "vmnet-shared", "vmnet-bridged",
                    "passt" -> throw new ConfigException(OPTION + " " + text + ": '" + word + "' is not built; use "
                    + (word.equals("passt") ? "user, which is passt" : "user, tap or socket"));
            default -> throw new ConfigException(OPTION + " " + text + ": unknown kind '" + word + "'; the nearest is '"
                    + Nearest.to(word, List.of("user", "tap", "socket", "none")) + "'");
        };
    }

    private NicConfig parseKeys(List<Map.Entry<String, String>> pairs) {
        for (Map.Entry<String, String> pair : pairs) {
            if (!setDevice(pair.getKey(), pair.getValue()) && !setBackend(pair.getKey(), pair.getValue())) {
                throw unknown(pair.getKey());
            }
        }
        switch (nic.kind) {
            case USER -> nic.user(user.network());
            case TAP -> nic.tap(new NicTap(ifname, fds, bridge, vhost));
            case SOCKET -> nic.socket(socket());
            case VHOST_USER -> { }
        }
        if (nic.kind == Kind.TAP && nic.queues == 1 && fds.size() > 1) {
            nic.queues(fds.size());
        }
        return nic.build();
    }

    private boolean setDevice(String key, String value) {
        switch (key) {
            case "model" -> checkModel(value);
            case "id" -> nic.id(value);
            case "mac", "macaddr" -> nic.mac(mac(value));
            case "queues" -> nic.queues(number(key, value, 1, NetDeviceConfig.MAX_QUEUE_PAIRS));
            case "queue-size", "rx_queue_size", "tx_queue_size" -> nic.queueSize(number(key, value, 2, NetDeviceConfig.MAX_QUEUE_SIZE));
            case "iothreads" -> nic.ioThreads(number(key, value, 1, NetDeviceConfig.MAX_QUEUE_PAIRS));
            case "poll-max-ns" -> nic.pollMaxNs(number(key, value, 0, (int) DriveConfig.MAX_POLL_NS));
            case "mtu", "host_mtu" -> nic.mtu(number(key, value, NetDeviceConfig.MIN_MTU, NetDeviceConfig.MAX_MTU));
            case "packed" -> nic.packed(UserOptions.onOff(key, value));
            case "in-order" -> nic.inOrder(UserOptions.onOff(key, value));
            case "mrg_rxbuf" -> nic.mergeable(UserOptions.onOff(key, value));
            case "rss" -> nic.rss(UserOptions.onOff(key, value));
            case "hash" -> nic.hash(UserOptions.onOff(key, value));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean setBackend(String key, String value) {
        return switch (nic.kind) {
            case USER -> user.set(key, value);
            case TAP -> setTap(key, value);
            case SOCKET -> setSocket(key, value);
            case VHOST_USER -> setVhostUser(key, value);
        };
    }

    private boolean setTap(String key, String value) {
        switch (key) {
            case "ifname" -> ifname = value;
            case "bridge" -> bridge = value;
            case "fd", "fds" -> setDescriptors(key, value);
            case "vhost" -> vhost = UserOptions.onOff(key, value);
            // Ours runs none, which is what most scripts say.
            case "script", "downscript" -> {
                if (!value.equals("no")) {
                    throw wrong(key + "=" + value + ": hv runs no scripts; leave it out, and use bridge=NAME");
                }
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void setDescriptors(String key, String value) {
        if (descriptorsKey != null && !descriptorsKey.equals(key)) {
            throw wrong("fd= and fds= both say which tap; leave one out");
        }
        descriptorsKey = key;
        fds = descriptors(key, value);
    }

    private boolean setSocket(String key, String value) {
        switch (key) {
            case "fd" -> fds = descriptors(key, value);
            case "listen" -> listen = value;
            case "connect" -> connect = value;
            case "reconnect-ms" -> reconnectMs = number(key, value, 0, Integer.MAX_VALUE);
            case "reconnect" -> reconnectMs = 1000 * number(key, value, 0, Integer.MAX_VALUE / 1000);
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean setVhostUser(String key, String value) {
        if (!key.equals("vhost-user")) {
            return false;
        }
        nic.vhostUser(value);
        return true;
    }

    private NicSocket socket() {
        if (fds.size() == 1 && listen == null && connect == null && reconnectMs == 0) {
            return NicSocket.given(fds.getFirst());
        }
        if (!fds.isEmpty()) {
            throw wrong("fd= is one socket that is connected already; leave all else of it out");
        }
        if (listen == null == (connect == null)) {
            throw wrong("a socket needs one of listen=, connect= and fd=, such as connect=unix:/tmp/net");
        }
        if (listen != null && reconnectMs != 0) {
            throw wrong("reconnect-ms= is for connect=; who listens waits for the next peer by itself");
        }
        String address = listen != null ? listen : connect;
        return new NicSocket(listen != null, NicAddress.parse(listen != null ? "listen" : "connect", address), reconnectMs);
    }

    private void checkModel(String value) {
        switch (value) {
            case "virtio", "virtio-net", "virtio-net-pci" -> { }
            case "e1000", "e1000e", "rtl8139", "ne2k_pci", "i82551", "i82557b", "i82559er", "pcnet", "tulip", "vmxnet3", "igb", "usb-net" ->
                throw wrong("model=" + value + " is not built; use model=virtio, for which Linux, the BSDs and Windows have drivers");
            default -> throw wrong("model=" + value + " is unknown; use model=virtio");
        }
    }

    private long mac(String value) {
        String[] bytes = value.split("[:-]", -1);
        long mac = 0;
        boolean valid = bytes.length == 6;
        for (int i = 0; i < bytes.length && valid; i++) {
            valid = bytes[i].matches("[0-9A-Fa-f]{1,2}");
            mac = valid ? mac << 8 | Integer.parseInt(bytes[i], 16) : 0;
        }
        if (!valid) {
            throw wrong("mac=" + value + ": not an Ethernet address; write six bytes in hexadecimal, such as 52:54:00:12:34:56");
        }
        return mac;
    }

    private List<Integer> descriptors(String key, String value) {
        List<Integer> numbers = new ArrayList<>(fds);
        for (String word : value.split(":", -1)) {
            numbers.add(number(key, word, 3, Integer.MAX_VALUE));
        }
        return numbers;
    }

    private int number(String key, String value, int least, int most) {
        long number = Quantity.parse(value);
        if (number < least || number > most) {
            throw wrong(key + "=" + value + "; use " + least + " to " + most);
        }
        return (int) number;
    }

    private ConfigException unknown(String key) {
        if (key.equals("vhost-user")) {
            return wrong("vhost-user= is a kind of its own; write --nic vhost-user=PATH");
        }
        if (key.equals("restrict")) {
            return wrong("restrict= is not built: passt cannot keep a guest from the network; use tap and a firewall, or none");
        }
        if (NOT_BUILT.contains(key)) {
            return wrong(key + "= is not built; leave it out");
        }
        List<String> known = new ArrayList<>(OF_DEVICE);
        known.addAll(switch (nic.kind) {
            case USER -> UserOptions.KEYS;
            case TAP -> List.of("ifname", "fd", "fds", "bridge", "vhost");
            case SOCKET -> List.of("listen", "connect", "reconnect-ms", "fd");
            case VHOST_USER -> List.of("vhost-user");
        });
        return wrong("unknown key '" + key + "' for " + nic.kind + "; the nearest is '" + Nearest.to(key, known) + "'");
    }

    private ConfigException wrong(String what) {
        return new ConfigException(given + ": " + what);
    }
}
