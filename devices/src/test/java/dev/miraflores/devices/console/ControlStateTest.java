// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.character.CharBackend;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The conversation about ports (virtio 1.3 §5.3.6.2). */
class ControlStateTest {

    private static final int READY = 1;

    private final List<String> guest = new ArrayList<>();
    private final ConsoleSize size = new ConsoleSize();
    private final List<Port> ports = new ArrayList<>();
    private final MemorySegment into = MemorySegment.ofArray(new byte[Scratch.BYTES]);
    private final ControlState state;

    ControlStateTest() {
        Port.Host host = new Port.Host() {
            @Override
            public void wake() {
            }

            @Override
            public void wakeAt(long deadlineNs) {
            }

            @Override
            public void resized(int columns, int rows) {
            }
        };
        ports.add(new Port(PortConfig.console("console", CharBackend.none()), host));
        ports.add(new Port(new PortConfig(1, "one", "org.example.one", CharBackend.none()), host));
        ports.add(new Port(new PortConfig(5, "five", "fünf", CharBackend.none()), host));
        size.set(80, 25);
        state = new ControlState(ports, (id, open) -> guest.add(id + " " + open), size, true);
    }

    private String next() {
        if (!state.hasMessage()) {
            return "";
        }
        int length = state.putMessage(into);
        int event = into.get(ValueLayout.JAVA_SHORT_UNALIGNED, 4);
        String rest = event == ConsoleLayout.RESIZE
                ? " " + into.get(ValueLayout.JAVA_SHORT_UNALIGNED, 8) + "x" + into.get(ValueLayout.JAVA_SHORT_UNALIGNED, 10)
                : length == 8 ? "" : " " + new String(into.asSlice(8, length - 8).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        return into.get(ValueLayout.JAVA_INT_UNALIGNED, 0) + " " + name(event) + " "
                + into.get(ValueLayout.JAVA_SHORT_UNALIGNED, 6) + rest;
    }

    private static String name(int event) {
        return switch (event) {
            case ConsoleLayout.DEVICE_ADD -> "add";
            case ConsoleLayout.CONSOLE_PORT -> "console";
            case ConsoleLayout.RESIZE -> "resize";
            case ConsoleLayout.PORT_OPEN -> "open";
            case ConsoleLayout.PORT_NAME -> "name";
            default -> throw new AssertionError("event " + event);
        };
    }

    private List<String> rest() {
        List<String> all = new ArrayList<>();
        for (String message = next(); !message.isEmpty(); message = next()) {
            all.add(message);
            assertTrue(all.size() < 100, "no end of messages");
        }
        return all;
    }

    private void ready() {
        state.hear(0, ConsoleLayout.DEVICE_READY, READY);
        rest();
        for (int port : new int[] {0, 1, 5}) {
            state.hear(port, ConsoleLayout.PORT_READY, READY);
        }
    }

    @Test
    @Tag("virtio:5.3.6.2.1/add")
    void shouldAddPortsOnceAndTellOfThem() {
        assertEquals(List.of(), rest());
        state.hear(0, ConsoleLayout.DEVICE_READY, READY);
        assertEquals(List.of("0 add 0", "1 add 0", "5 add 0"), rest());
        state.hear(0, ConsoleLayout.DEVICE_READY, READY);
        assertEquals(List.of(), rest());

        ports.get(2).setOpen(true);
        state.hear(1, ConsoleLayout.PORT_READY, READY);
        assertEquals(List.of("1 name 1 org.example.one"), rest());
        state.hear(5, ConsoleLayout.PORT_READY, READY);
        assertEquals(List.of("5 name 1 fünf", "5 open 1"), rest());
        state.hear(0, ConsoleLayout.PORT_READY, READY);
        assertEquals(List.of("0 console 1", "0 resize 0 80x25", "0 open 1"), rest());
    }

    @Test
    void shouldTellWhoComesAndGoes() {
        ready();
        rest();
        ports.get(1).setOpen(true);
        assertEquals(List.of("1 open 1"), rest());
        ports.get(1).setOpen(false);
        assertEquals(List.of("1 open 0"), rest());
        // Between two looks of the driver: that somebody else is there now is to be seen.
        ports.get(1).setOpen(true);
        assertEquals(List.of("1 open 1"), rest());
        for (int i = 0; i < 10; i++) {
            ports.get(1).setOpen(false);
            ports.get(1).setOpen(true);
        }
        assertEquals(List.of("1 open 0", "1 open 1"), rest());
        for (int i = 0; i < 10; i++) {
            ports.get(1).setOpen(false);
            ports.get(1).setOpen(true);
        }
        ports.get(1).setOpen(false);
        assertEquals(List.of("1 open 0"), rest());
        ports.get(0).setOpen(true);
        ports.get(0).setOpen(false);
        assertEquals(List.of(), rest(), "a console is open in any case");
    }

    @Test
    void shouldTellOfANewSize() {
        ready();
        rest();
        size.set(100, 30);
        size.set(132, 43);
        assertEquals(List.of("0 resize 0 132x43"), rest());
        assertEquals(List.of(), rest());
    }

    @Test
    void shouldHearWhatTheGuestOpens() {
        ready();
        state.hear(5, ConsoleLayout.PORT_OPEN, 1);
        state.hear(5, ConsoleLayout.PORT_OPEN, 1);
        assertTrue(ports.get(2).isGuestOpen());
        state.hear(5, ConsoleLayout.PORT_OPEN, 0);
        assertFalse(ports.get(2).isGuestOpen());
        assertEquals(List.of("five true", "five false"), guest);
    }

    /** As Linux after hibernation (virtcons_restore): the device has been reset, and the driver knows its ports. */
    @Test
    void shouldGoOnWithADriverThatKnowsItsPorts() {
        ports.get(1).setOpen(true);
        state.hear(0, ConsoleLayout.PORT_READY, READY);
        state.hear(0, ConsoleLayout.PORT_OPEN, 1);
        state.hear(1, ConsoleLayout.PORT_READY, READY);
        state.hear(1, ConsoleLayout.PORT_OPEN, 1);
        state.hear(5, ConsoleLayout.PORT_READY, READY);

        assertEquals(List.of("0 console 1", "0 resize 0 80x25", "0 open 1", "1 name 1 org.example.one", "1 open 1", "5 name 1 fünf"),
                rest());
        assertEquals(List.of("console true", "one true"), guest);
        state.hear(0, ConsoleLayout.DEVICE_READY, READY);
        assertEquals(List.of(), rest(), "it has them all");
    }

    /** Ports that do not exist, that are not added, that failed, and events that are the device's to tell. */
    @Test
    @Tag("class:selector")
    void shouldIgnoreNonsense() {
        for (int port : new int[] {0, 1, 2, 5, 31, -1, Integer.MIN_VALUE}) {
            for (int event = 1; event < 70; event++) {
                state.hear(port, event, event == ConsoleLayout.PORT_READY ? 0 : READY);
            }
        }
        state.hear(0, ConsoleLayout.DEVICE_READY, 0);
        assertEquals(List.of(), rest());
        ready();
        rest();
        for (int event : new int[] {1, 2, 4, 5, 7, 8, 0xFFFF}) {
            state.hear(1, event, READY);
        }
        state.hear(2, ConsoleLayout.PORT_READY, READY);
        state.hear(1, ConsoleLayout.PORT_READY, 0);
        assertEquals(List.of(), rest());
        assertEquals(List.of(), guest);
    }

    /** A driver that says all it can, as often as it can, is owed no more than it would be told once. */
    @Property(tries = 200)
    @net.jqwik.api.Tag("class:memory")
    @net.jqwik.api.Tag("virtio:5.3.6.2.1/add")
    void shouldOweABoundedAmount(@ForAll byte[] storm) {
        List<String> told = new ArrayList<>();
        for (byte each : storm) {
            state.hear(each & 7, each >> 3 & 7, each >> 6 & 1);
            ports.get(1).setOpen((each & 1) != 0);
            if (each == 0) {
                told.add(next());
            }
        }
        List<String> owed = rest();
        assertTrue(owed.size() <= 3 + 3 + 2 + 4, owed.toString());
        told.addAll(owed);
        assertTrue(told.stream().filter(message -> message.contains("add")).distinct().count()
                == told.stream().filter(message -> message.contains("add")).count(), told.toString());
        assertTrue(told.stream().allMatch(message -> message.isEmpty() || message.matches("[015] .*")), told.toString());
    }
}
