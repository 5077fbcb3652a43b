// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.machine.NicConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * QEMU's netdevs, and the network interfaces that {@code device_add} makes of them. A netdev says what is to be behind a network
 * interface; it is looked at when it is added, and opened for as long as a device has it. Descriptors that it was given are its own
 * until it is deleted: each device has copies.
 * <p>Thread: any.
 */
public final class NetDevices {

    static final List<String> DRIVERS = List.of("virtio-net-pci", "virtio-net", "virtio-net-pci-non-transitional");

    /** As many as there can be at a time. */
    static final int MOST = 64;

    private final MonitoredMachine machine;
    private final Descriptors descriptors;
    private final Map<String, Netdev> netdevs = new LinkedHashMap<>();
    /** The netdev behind each device, by the device's id. */
    private final Map<String, String> behind = new HashMap<>();
    private boolean ended;

    NetDevices(MonitoredMachine machine, Descriptors descriptors) {
        this.machine = machine;
        this.descriptors = descriptors;
    }

    /** Adds a netdev: {@code type}, {@code id} and what else its type has, as JSON values or the words of a command line. */
    public synchronized void add(Map<String, Object> options) {
        Netdev netdev = new NetdevOptions(options).netdev();
        if (netdevs.containsKey(netdev.id())) {
            throw new MonitorException("Duplicate ID '" + netdev.id() + "' for netdev");
        }
        if (ended || netdevs.size() >= MOST) {
            throw new MonitorException("there are " + MOST + " netdevs already; delete some with netdev_del");
        }
        try {
            takeDescriptors(netdev);
            machine.checkNic(netdev.config("netdev_add", List.of(), netdev.numbers()));
        } catch (RuntimeException e) {
            netdev.close();
            throw e;
        }
        netdevs.put(netdev.id(), netdev);
    }

    private void takeDescriptors(Netdev netdev) {
        for (String name : netdev.descriptorNames()) {
            if (name.isEmpty() || Character.isDigit(name.charAt(0))) {
                throw new MonitorException("fd=" + name + ": a number may be any descriptor of hv's own; hand yours in with getfd, and say its name");
            }
            netdev.descriptors().add(descriptors.take(name));
        }
    }

    /** Deletes a netdev that no device has. */
    public synchronized void delete(String id) {
        Netdev netdev = netdevs.get(id);
        if (netdev == null) {
            throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Device '" + id + "' not found");
        }
        for (Map.Entry<String, String> use : behind.entrySet()) {
            if (use.getValue().equals(id)) {
                throw new MonitorException("Device '" + use.getKey() + "' uses netdev '" + id + "'; device_del it first");
            }
        }
        netdevs.remove(id);
        netdev.close();
    }

    /** The names of all. */
    public synchronized List<String> names() {
        return List.copyOf(netdevs.keySet());
    }

    /**
     * Plugs a network interface; {@code properties} without driver and id. What is behind it is opened without a lock: that may take
     * its time, and events must not wait for it.
     */
    void plug(String driver, String id, Map<String, Object> properties) {
        NicConfig nic = claim(driver, id, properties);
        boolean done = false;
        try {
            machine.addNic(nic);
            done = true;
        } finally {
            if (!done) {
                released(id);
            }
        }
    }

    /** What is to be plugged; from now on the netdev is in use. */
    private synchronized NicConfig claim(String driver, String id, Map<String, Object> properties) {
        Map<String, Object> left = new HashMap<>(properties);
        String name = DeviceProperties.text(left.remove("netdev"), "netdev");
        if (name == null) {
            throw new MonitorException("netdev property not set");
        }
        Netdev netdev = netdevs.get(name);
        if (netdev == null) {
            throw new MonitorException("Property '" + driver + ".netdev' can't find value '" + name + "'");
        }
        if (behind.containsValue(name)) {
            throw new MonitorException("Property '" + driver + ".netdev' can't take value '" + name + "', it's in use");
        }
        List<Map.Entry<String, String>> words = words(driver, left);
        words.add(Map.entry("id", id));
        NicConfig nic = netdev.config("device_add", words, netdev.copies());
        behind.put(id, name);
        return nic;
    }

    /** Whether a device of that id has a netdev, or had one until a moment ago. */
    synchronized boolean has(String id) {
        return behind.containsKey(id);
    }

    /** The device is gone. */
    synchronized void released(String id) {
        behind.remove(id);
    }

    synchronized void end() {
        ended = true;
        netdevs.values().forEach(Netdev::close);
        netdevs.clear();
    }

    /** The properties of a virtio-net device that mean something here, in the words of {@code --nic}. */
    private static List<Map.Entry<String, String>> words(String driver, Map<String, Object> values) {
        DeviceProperties properties = new DeviceProperties(driver);
        List<Map.Entry<String, String>> words = new ArrayList<>();
        values.forEach((name, value) -> {
            switch (name) {
                case "mac" -> words.add(Map.entry("mac", String.valueOf(value)));
                case "host_mtu" -> words.add(Map.entry("mtu", String.valueOf(value)));
                case "rx_queue_size", "tx_queue_size" -> {
                    words.removeIf(word -> word.getKey().equals("queue-size"));
                    words.add(Map.entry("queue-size", String.valueOf(value)));
                }
                case "packed", "mrg_rxbuf", "rss", "hash", "in_order" ->
                    words.add(Map.entry(name.replace("in_order", "in-order"), properties.onOff(name, value) ? "on" : "off"));
                // There are as many as the netdev has pairs.
                case "mq" -> properties.onOff(name, value);
                case "vectors" -> properties.number(name, value, Integer.MAX_VALUE);
                case "bus" -> DeviceProperties.checkBus(value);
                default -> throw properties.unknown(name);
            }
        });
        return words;
    }

    /**
     * A netdev.
     *
     * @param words           as {@code --nic} has them, without descriptors
     * @param descriptorNames of those that are to be taken
     * @param descriptors     those that it has
     */
    record Netdev(String id, NicConfig.Kind kind, List<Map.Entry<String, String>> words, List<String> descriptorNames,
            List<Fd> descriptors) {

        List<Integer> numbers() {
            return descriptors.stream().map(Fd::number).toList();
        }

        /** For the machine, whose they are. */
        List<Integer> copies() {
            List<Integer> copies = new ArrayList<>();
            for (int number : numbers()) {
                int copy = FileIo.duplicate(number);
                if (copy < 0) {
                    copies.forEach(Fd::close);
                    throw new MonitorException("netdev '" + id + "': fcntl(F_DUPFD_CLOEXEC): " + Errno.name(-copy));
                }
                copies.add(copy);
            }
            return copies;
        }

        /** @param fds which are closed where this throws, unless they are its own */
        NicConfig config(String command, List<Map.Entry<String, String>> more, List<Integer> fds) {
            List<Map.Entry<String, String>> all = new ArrayList<>(words);
            all.addAll(more);
            fds.forEach(number -> all.add(Map.entry("fd", number.toString())));
            try {
                return NicConfig.of(command + " " + kind, kind, all);
            } catch (RuntimeException e) {
                fds.stream().filter(number -> !numbers().contains(number)).forEach(Fd::close);
                throw e;
            }
        }

        void close() {
            descriptors.forEach(Fd::close);
            descriptors.clear();
        }
    }
}
