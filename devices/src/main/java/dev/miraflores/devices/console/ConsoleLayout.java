// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

/**
 * Feature bits, queues, configuration and control messages (virtio 1.3 §5.3.2 to §5.3.6). Little-endian.
 * <pre>  configuration             control message
 *   0  le16  cols               0  le32  id     of the port
 *   2  le16  rows               4  le16  event
 *   4  le32  max_nr_ports       6  le16  value
 *   8  le32  emerg_wr           8  what belongs to the event: a name, a size </pre>
 */
final class ConsoleLayout {

    static final int F_SIZE = 0;
    static final int F_MULTIPORT = 1;
    static final int F_EMERG_WRITE = 2;

    static final int CONTROL_RECEIVEQ = 2;
    static final int CONTROL_TRANSMITQ = 3;

    static final int CONFIG_BYTES = 12;
    static final int EMERG_WR = 8;

    static final int EVENT = 4;
    static final int VALUE = 6;
    static final int HEADER_BYTES = 8;

    /** Driver to device: it is ready for ports to be added, or (value 0) is not. */
    static final int DEVICE_READY = 0;
    /** Device to driver. */
    static final int DEVICE_ADD = 1;
    /** Driver to device: the port can be used, or (value 0) cannot. */
    static final int PORT_READY = 3;
    /** Device to driver: the port is for a console. */
    static final int CONSOLE_PORT = 4;
    /** Device to driver: le16 cols, le16 rows. */
    static final int RESIZE = 5;
    /** Either way: this side has opened the port, or (value 0) closed it. */
    static final int PORT_OPEN = 6;
    /** Device to driver: the port's name, without a zero at its end. */
    static final int PORT_NAME = 7;

    private ConsoleLayout() {
    }

    /** The receive queue of a port; its transmit queue is the next (§5.3.2). */
    static int receiveQueue(int port) {
        return port == 0 ? 0 : 2 * port + 2;
    }
}
