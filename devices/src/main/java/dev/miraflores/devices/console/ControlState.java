// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static dev.miraflores.devices.console.ConsoleLayout.DEVICE_READY;
import static dev.miraflores.devices.console.ConsoleLayout.EVENT;
import static dev.miraflores.devices.console.ConsoleLayout.HEADER_BYTES;
import static dev.miraflores.devices.console.ConsoleLayout.PORT_NAME;
import static dev.miraflores.devices.console.ConsoleLayout.PORT_OPEN;
import static dev.miraflores.devices.console.ConsoleLayout.PORT_READY;
import static dev.miraflores.devices.console.ConsoleLayout.RESIZE;
import static dev.miraflores.devices.console.ConsoleLayout.VALUE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The conversation about ports, from a device's activation to its reset.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.3.6.2.
 */
final class ControlState {

    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final PortControl[] ports;
    private final PortListener listener;
    private final ConsoleSize size;
    private final boolean sized;
    private int seenSizes;

    /** @param sized whether VIRTIO_CONSOLE_F_SIZE was negotiated */
    ControlState(List<Port> ports, PortListener listener, ConsoleSize size, boolean sized) {
        this.ports = ports.stream().map(PortControl::new).toArray(PortControl[]::new);
        this.listener = listener;
        this.size = size;
        this.sized = sized;
        this.seenSizes = size.changes();
    }

    /** The driver says something; nonsense is nothing. */
    void hear(int id, int event, int value) {
        if (event == DEVICE_READY) {
            for (PortControl port : ports) {
                if (value != 0) {
                    port.add();
                }
            }
            return;
        }
        PortControl port = find(id);
        if (port == null) {
            return;
        }
        if (event == PORT_READY && value != 0) {
            port.start(sized);
        } else if (event == PORT_OPEN && port.isAdded() && port.port().setGuestOpen(value != 0)) {
            listener.guestChanged(port.port().config().id(), value != 0);
        }
    }

    private PortControl find(int id) {
        for (PortControl port : ports) {
            if (port.port().config().number() == id) {
                return port;
            }
        }
        return null;
    }

    /** Whether the driver is to be told something. */
    boolean hasMessage() {
        return nextPort() != null;
    }

    private PortControl nextPort() {
        if (sized && seenSizes != size.changes()) {
            seenSizes = size.changes();
            PortControl console = find(PortConfig.CONSOLE);
            if (console != null) {
                console.resize();
            }
        }
        for (PortControl port : ports) {
            if (port.next() != PortControl.NONE) {
                return port;
            }
        }
        return null;
    }

    /** Puts the next message into {@code into}, and returns its length; 0 where the host has taken back what was to be told. */
    int putMessage(MemorySegment into) {
        PortControl port = nextPort();
        int event = port == null ? PortControl.NONE : port.next();
        if (event == PortControl.NONE) {
            return 0;
        }
        into.set(LE32, 0, port.port().config().number());
        into.set(LE16, EVENT, (short) event);
        into.set(LE16, VALUE, (short) port.tell(event));
        return switch (event) {
            case PORT_NAME -> HEADER_BYTES + putName(port.port().config().name(), into);
            case RESIZE -> HEADER_BYTES + putSize(into);
            default -> HEADER_BYTES;
        };
    }

    private static int putName(String name, MemorySegment into) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        MemorySegment.copy(bytes, 0, into, ValueLayout.JAVA_BYTE, HEADER_BYTES, bytes.length);
        return bytes.length;
    }

    /** Columns first, as §5.3.6.2 has it; Linux takes rows to come first, but for 6.15 and some later ones. */
    private int putSize(MemorySegment into) {
        int now = size.packed();
        into.set(LE16, HEADER_BYTES, (short) ConsoleSize.columns(now));
        into.set(LE16, HEADER_BYTES + Short.BYTES, (short) ConsoleSize.rows(now));
        return 2 * Short.BYTES;
    }
}
