// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import dev.miraflores.devices.character.CharBackend;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * What a port is to be.
 *
 * @param number  which one of the device: {@link #CONSOLE} is the console, /dev/hvc0 in Linux; the others are for programs
 * @param id      what the host calls it
 * @param name    what the guest calls it: /dev/virtio-ports/NAME in Linux; of the console null
 * @param backend what stands behind it; closed with the device
 */
public record PortConfig(int number, String id, String name, CharBackend backend) {

    /** The number of the console, and of no other port. */
    public static final int CONSOLE = 0;

    /** The highest number: QEMU's devices have as many ports. */
    public static final int MAX_NUMBER = 30;

    /** The longest name, in bytes. */
    public static final int MAX_NAME_BYTES = 128;

    /** @throws IllegalArgumentException where there can be no such port */
    public PortConfig {
        Objects.requireNonNull(id);
        Objects.requireNonNull(backend);
        if (number < CONSOLE || number > MAX_NUMBER) {
            throw new IllegalArgumentException("port number " + number + ": from 1 to " + MAX_NUMBER + " are possible, and "
                    + CONSOLE + " for a console");
        }
        if (number == CONSOLE ? name != null : !isName(name)) {
            throw new IllegalArgumentException("a console has no name, and another port one of 1 to " + MAX_NAME_BYTES
                    + " bytes without spaces, slashes or control characters: '" + name + "'");
        }
    }

    /** Whether a port may have this name: it becomes a file's in the guest. */
    public static boolean isName(String name) {
        return name != null && !name.isEmpty() && !name.equals(".") && !name.equals("..") && name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME_BYTES
                && name.chars().noneMatch(c -> c == '/' || Character.isWhitespace(c) || Character.isISOControl(c));
    }

    /** The console. */
    public static PortConfig console(String id, CharBackend backend) {
        return new PortConfig(CONSOLE, id, null, backend);
    }

    boolean isConsole() {
        return number == CONSOLE;
    }
}
