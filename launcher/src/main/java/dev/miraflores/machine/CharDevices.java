// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.console.PortConfig;
import dev.miraflores.devices.console.PortStatus;
import dev.miraflores.devices.console.VirtioConsoleDevice;
import java.util.ArrayList;
import java.util.List;

/** The character devices of a machine. Thread: any. */
public final class CharDevices {

    /** What the first serial port is called. */
    public static final String SERIAL = "serial0";

    /** What the virtio console is called. */
    public static final String CONSOLE = "virtcon0";

    private final CharBackend serial;
    private final VirtioConsoleDevice console;

    /** @param console null for none */
    CharDevices(CharBackend serial, VirtioConsoleDevice console) {
        this.serial = serial;
        this.console = console;
    }

    /** Refuses two ports that would be one. */
    static List<PortConfig> checked(List<PortConfig> ports) {
        for (PortConfig port : ports) {
            for (PortConfig other : ports) {
                String same = port == other ? null : port.number() == other.number() ? "nr=" + port.number()
                        : port.id().equals(other.id()) ? "id=" + port.id()
                        : port.name() != null && port.name().equals(other.name()) ? "name=" + port.name() : null;
                if (same != null) {
                    throw new ConfigException("--port " + same + ": two ports have this; change one");
                }
            }
            if (port.id().equals(SERIAL)) {
                throw new ConfigException("--port id=" + SERIAL + ": the serial port has this id; use another");
            }
        }
        return List.copyOf(ports);
    }

    /** The ports of the virtio console device, by their numbers. */
    List<PortStatus> ports() {
        return console == null ? List.of() : console.status();
    }

    /** The far ends of all. */
    List<CharDeviceStatus> status() {
        List<CharDeviceStatus> all = new ArrayList<>();
        all.add(new CharDeviceStatus(SERIAL, serial.describe(), true));
        for (PortStatus port : ports()) {
            all.add(new CharDeviceStatus(port.id(), port.backend(), port.guestOpen()));
        }
        return all;
    }
}
