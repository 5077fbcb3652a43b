// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static dev.miraflores.devices.console.ConsoleLayout.CONSOLE_PORT;
import static dev.miraflores.devices.console.ConsoleLayout.DEVICE_ADD;
import static dev.miraflores.devices.console.ConsoleLayout.PORT_NAME;
import static dev.miraflores.devices.console.ConsoleLayout.PORT_OPEN;
import static dev.miraflores.devices.console.ConsoleLayout.RESIZE;

/**
 * What the driver knows of a port and is yet to be told. As that is no list of messages, a driver that gives no buffers costs
 * nothing; and one that is told late is told how things are then, but for a far end that was left in between: that it is told.
 * <p>Thread: the I/O thread.
 */
final class PortControl {

    /** No message. */
    static final int NONE = -1;

    private final Port port;
    private boolean owesAdd;
    private boolean added;
    private boolean ready;
    private boolean owesConsole;
    private boolean owesName;
    private boolean owesSize;
    private boolean toldOpen;
    /** Those of the port that the driver knows of. */
    private int knownHangUps;

    PortControl(Port port) {
        this.port = port;
    }

    Port port() {
        return port;
    }

    /** Of a port that the driver knows nothing is to be added (§5.3.6.2.1). */
    void add() {
        owesAdd = !added;
    }

    boolean isAdded() {
        return added;
    }

    /**
     * The driver can use the port: it is told all of it, again where it asks again. One that has not been told that there is such
     * a port knows it from before: Linux, back from hibernation, resets the device and goes on with the ports that it had.
     */
    void start(boolean sized) {
        added = true;
        owesAdd = false;
        ready = true;
        owesConsole = port.config().isConsole();
        owesName = port.config().name() != null;
        owesSize = owesConsole && sized;
        toldOpen = false;
        knownHangUps = port.hangUps();
    }

    void resize() {
        owesSize = ready;
    }

    /** The event that is next, or {@link #NONE}. */
    int next() {
        if (owesAdd) {
            return DEVICE_ADD;
        }
        if (!ready) {
            return NONE;
        }
        if (owesConsole) {
            return CONSOLE_PORT;
        }
        if (owesName) {
            return PORT_NAME;
        }
        if (owesSize) {
            return RESIZE;
        }
        return toldOpen != isOpen() || toldOpen && wasLeft() ? PORT_OPEN : NONE;
    }

    /** A console's far end is there for the guest in any case: the guest would not write to it otherwise. */
    private boolean isOpen() {
        return port.config().isConsole() || port.isHostOpen();
    }

    private boolean wasLeft() {
        return !port.config().isConsole() && knownHangUps != port.hangUps();
    }

    /** The event {@link #next} is told: its value. */
    int tell(int event) {
        switch (event) {
            case DEVICE_ADD -> {
                owesAdd = false;
                added = true;
                return 0;
            }
            case CONSOLE_PORT -> owesConsole = false;
            case PORT_NAME -> owesName = false;
            case RESIZE -> {
                owesSize = false;
                return 0;
            }
            default -> {
                return tellOpen();
            }
        }
        return 1;
    }

    private int tellOpen() {
        // First that it was left, then that somebody has come since.
        int hangUps = port.hangUps();
        toldOpen = !toldOpen && isOpen();
        knownHangUps = hangUps;
        return toldOpen ? 1 : 0;
    }
}
