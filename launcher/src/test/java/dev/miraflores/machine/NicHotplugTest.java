// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.stream.StreamAddress;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.machine.DeviceRemoval.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Network interfaces come and go while a guest runs. It has no driver for them: it sees one in its slot while it has a disk, leaves it
 * alone, and ejects it when asked.
 */
@KvmTest
class NicHotplugTest {

    private static final Duration LIMIT = HotplugMachine.LIMIT;
    private static final int CYCLES = 40;

    @TempDir(factory = BuildDirectory.class)
    Path directory;
    /** Short enough for the paths of sockets. */
    private Path sockets;
    private final List<String> heard = new CopyOnWriteArrayList<>();

    @BeforeEach
    void makeDirectory() throws IOException {
        sockets = Files.createTempDirectory("hv-test");
    }

    @AfterEach
    void shouldLeaveNoSocket() throws IOException {
        Files.delete(sockets);
    }

    private NicConfig listening(String id) {
        return NicConfig.ofListener(StreamAddress.unix(sockets.resolve("s").toString())).toBuilder().id(id).build();
    }

    private HotplugMachine running(String words) throws Exception {
        HotplugMachine guest = new HotplugMachine(words);
        guest.machine.addListener(new MachineListener() {
            @Override
            public void nicAdded(String id) {
                heard.add("added " + id);
            }

            @Override
            public void nicRemoved(String id) {
                heard.add("removed " + id);
            }

            @Override
            public void nicRemovalUnanswered(String id) {
                heard.add("unanswered " + id);
            }
        });
        guest.started();
        guest.plug("disk", BuiltInGuest.disk(directory, 16));
        return guest;
    }

    private static void plug(HotplugMachine guest, NicConfig nic) throws InterruptedException {
        guest.machine.addNic(nic);
        guest.console.take("left alone", LIMIT);
    }

    private void awaitHeard(String... all) throws InterruptedException {
        for (long end = System.nanoTime() + LIMIT.toNanos(); heard.size() < all.length && System.nanoTime() < end;) {
            Thread.sleep(1);
        }
        assertEquals(List.of(all), heard);
    }

    /** @return its class and subclass */
    private static List<Integer> classesInSlots(VirtualMachine machine) {
        return machine.pciSlots().stream().map(slot -> slot.identity().classCode() >>> 8).toList();
    }

    @Test
    void shouldBeThereUntilTheGuestGivesItBack() throws Exception {
        try (HotplugMachine guest = running("")) {
            plug(guest, listening("net0"));
            assertEquals(List.of("net0"), guest.machine.nics().stream().map(Nic::id).toList());
            assertEquals(NicConfig.FIRST_MAC, guest.machine.nic("net0").config().mac());
            assertEquals(2, guest.machine.slot("net0"));
            assertEquals(0x0200, classesInSlots(guest.machine).getLast());
            assertTrue(guest.machine.ioThreadStatus().stream().anyMatch(thread -> thread.name().equals("io-net0")));

            try (UnixSocket peer = UnixSocket.connect(sockets.resolve("s").toString())) {
                awaitLink(guest.machine.nic("net0"));
                assertEquals(State.REMOVED, guest.machine.removeNic("net0", LIMIT).await(LIMIT), guest.console::text);
                assertTrue((Poll.poll(peer.number(), Poll.POLLIN, 10_000) & Poll.POLLHUP) != 0, "its peer is still connected");
            }
            assertEquals(List.of(), guest.machine.nics());
            assertEquals(-1, guest.machine.slot("net0"));
            assertFalse(classesInSlots(guest.machine).contains(0x0200));
            assertThrows(ConfigException.class, () -> guest.machine.removeNic("net0"));
            awaitHeard("added net0", "removed net0");
            guest.unplug("disk");
            guest.end();
        }
    }

    private static void awaitLink(Nic nic) throws InterruptedException {
        for (long end = System.nanoTime() + LIMIT.toNanos(); !nic.report().linkUp(); Thread.sleep(1)) {
            assertTrue(System.nanoTime() < end, "no peer");
        }
    }

    @Test
    void shouldGiveBackAllThatItTook() throws Exception {
        try (HotplugMachine guest = running("")) {
            comeAndGo(guest, 0);                        // what a process makes once
            awaitNoThreads();
            long descriptors = descriptors();
            for (int cycle = 1; cycle <= CYCLES; cycle++) {
                comeAndGo(guest, cycle);
            }
            awaitNoThreads();
            assertEquals(descriptors, descriptors());
            guest.end();
        }
    }

    /** In turn: with a peer that connects, without, handed in, and with a thread for what it cannot reach. */
    private void comeAndGo(HotplugMachine guest, int cycle) throws Exception {
        UnixSocket[] pair = cycle % 4 == 2 ? UnixSocket.pair() : null;
        NicConfig nic = switch (cycle % 4) {
            case 2 -> NicConfig.builder(NicConfig.Kind.SOCKET).socket(NicSocket.given(pair[0].release().release())).id("net").build();
            case 3 -> NicConfig.ofConnection(StreamAddress.unix(sockets.resolve("no").toString()), 10).toBuilder().id("net").build();
            default -> listening("net");
        };
        plug(guest, nic);
        try (UnixSocket peer = pair != null ? pair[1] : cycle % 4 == 0 ? UnixSocket.connect(sockets.resolve("s").toString()) : null) {
            if (peer != null) {
                awaitLink(guest.machine.nic("net"));
            }
            assertEquals(State.REMOVED, guest.machine.removeNic("net", LIMIT).await(LIMIT), guest.console::text);
        }
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.count();
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName)
                .filter(name -> name.equals("io-net") || name.startsWith("net-") || name.contains("unplug")).count();
    }

    private static void awaitNoThreads() throws InterruptedException {
        for (long end = System.nanoTime() + LIMIT.toNanos(); threads() > 0; Thread.sleep(10)) {
            assertTrue(System.nanoTime() < end, () -> Thread.getAllStackTraces().keySet().toString());
        }
    }

    @Test
    void shouldBeAskedForAgainAndTakenByForce() throws Exception {
        try (HotplugMachine guest = running("deaf=1000000")) {
            plug(guest, listening("net0"));
            DeviceRemoval removal = guest.machine.removeNic("net0", Duration.ofMillis(20));
            assertEquals(State.UNANSWERED, removal.await(LIMIT));
            removal.force();
            assertEquals(State.REMOVED, removal.await(LIMIT));
            awaitHeard("added net0", "unanswered net0", "removed net0");
        }
    }

    /** Disks and network interfaces are of one name space, and so are their slots. */
    @Test
    void shouldShareIdsWithDisks() throws Exception {
        Path image = BuiltInGuest.disk(directory, 16);
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole())
                .nic(listening("nic0")).drive(DriveConfig.of(image.toString()).withId("disk")).balloon(BalloonConfig.parse("id=inflated"))
                .build())) {
            DriveConfig nothing = DriveConfig.parse("format=null");
            assertLine("drive id=nic0: a network interface of this machine has this id; use another",
                    () -> machine.addDrive(nothing.withId("nic0")));
            assertLine("drive id=inflated: another device of this machine has this id; use another",
                    () -> machine.addDrive(nothing.withId("inflated")));
            int[] pair = descriptors(UnixSocket.pair());
            NicConfig given = NicConfig.parse("socket,fd=" + pair[0]);
            assertLine("nic id=disk: a drive of this machine has this id; use another",
                    () -> machine.addNic(given.toBuilder().id("disk").build()));
            assertEquals(-Errno.EBADF, FileIo.statusFlags(pair[0]), "it is the machine's, and closed");

            int[] another = descriptors(UnixSocket.pair());
            assertEquals("nic1", machine.addNic(NicConfig.parse("socket,fd=" + another[0])));
            assertEquals(NicConfig.FIRST_MAC + 1, machine.nic("nic1").config().mac());
            assertEquals(Set.of(1, 2, 4), Set.of(machine.slot("disk"), machine.slot("nic0"), machine.slot("nic1")));
            assertThrows(ConfigException.class, () -> machine.removeNic("disk"));
            assertThrows(ConfigException.class, () -> machine.removeDrive("nic0"));
            assertThrows(ConfigException.class, () -> machine.drive("nic1"));
            int[] third = descriptors(UnixSocket.pair());
            assertLine("nic nic2: mac=52:54:00:12:34:57: another network interface of this machine has this address; use another, or leave it out",
                    () -> machine.addNic(NicConfig.parse("socket,fd=" + third[0] + ",id=nic2,mac=52:54:00:12:34:57")));
            assertEquals(-Errno.EBADF, FileIo.statusFlags(third[0]));
            // One that the machine was made with goes like any other, and leaves its id and its socket.
            assertEquals(State.REMOVED, machine.removeNic("nic0").await(LIMIT));
            assertEquals("nic0", machine.addDrive(nothing.withId("nic0")));
            for (int[] each : List.of(pair, another, third)) {
                Fd.close(each[1]);
            }
        }
    }

    private static int[] descriptors(UnixSocket[] pair) {
        return new int[] {pair[0].release().release(), pair[1].release().release()};
    }

    @Test
    void shouldRefuseWhatCannotBe() throws Exception {
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole())
                .virtio(VirtioTransport.MMIO).nic(listening("first")).build())) {
            assertLine("nic more: with --virtio mmio network interfaces stay as they are while a machine runs; use --virtio pci",
                    () -> machine.addNic(listening("more")));
            assertThrows(ConfigException.class, () -> machine.removeNic("first"));
        }
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole()).build())) {
            assertLine("nic vhost-user: vhost-user=/no: this machine's memory cannot be shared with another process; start it with --shared-memory",
                    () -> machine.addNic(NicConfig.parse("vhost-user=/no")));
            assertThrows(NetException.class, () -> machine.addNic(NicConfig.parse("socket,connect=unix:/no/such,id=lost")));
            assertEquals(List.of(), machine.nics());
        }
    }

    private static void assertLine(String message, org.junit.jupiter.api.function.Executable action) {
        assertEquals(message, assertThrows(ConfigException.class, action).getMessage());
    }
}
