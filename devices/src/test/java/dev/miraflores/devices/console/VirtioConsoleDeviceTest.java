// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.character.CharInput;
import dev.miraflores.devices.character.RecordingBackend;
import dev.miraflores.devices.character.UnixSocketBackend;
import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioMmioTransport;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The device on either transport, served by its thread, from doorbell to message. */
@Timeout(60)
class VirtioConsoleDeviceTest {

    private static final long RING = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    private static final long SIZE = 1;
    private static final long MULTIPORT = 2;
    private static final long EMERG_WRITE = 4;
    private static final int CONTROL_RECEIVE = 2;
    private static final int CONTROL_TRANSMIT = 3;
    private static final int QUEUES = 6;
    private static final int BUFFER_BYTES = 4096;
    private static final long MMIO = 0xfeb0_0000L;

    @TempDir
    Path directory;

    private final TestMachine machine = new TestMachine();
    private final IoThread ioThread = IoThread.start("test-console");
    private final RecordingBackend terminal = new RecordingBackend() {
        @Override
        public void connect(CharInput to) {
            super.connect(to);
            if (columns > 0) {
                to.resized(columns, 25);
            }
        }
    };
    private final BlockingQueue<String> guestChanges = new LinkedBlockingQueue<>();
    private final List<VirtqueueDriver> rings = new ArrayList<>();
    private int columns = 80;
    private AutoCloseable transport;
    private VirtioConsoleDevice device;
    private TransportDriver driver;

    @AfterEach
    void close() throws Exception {
        if (transport != null) {
            transport.close();
        }
        ioThread.close();
        machine.close();
    }

    private void make(boolean pci, PortConfig... ports) {
        device = new VirtioConsoleDevice(ioThread, List.of(ports), (id, open) -> guestChanges.add(id + " " + open));
        if (pci) {
            VirtioPciTransport onPci = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
            driver = new PciDriver(machine, machine.pci.add(onPci.function()), true);
            transport = () -> {
                machine.pci.remove(onPci.function());
                onPci.close();
            };
        } else {
            VirtioMmioTransport onMmio = new VirtioMmioTransport(device, machine.ram(), MMIO, machine.gsis[5], machine.doorbells);
            machine.memory.map(MMIO, VirtioMmioTransport.WINDOW_BYTES, onMmio);
            driver = new MmioDriver(machine, MMIO, machine.gsis[5]);
            transport = onMmio;
        }
    }

    private PortConfig console() {
        return PortConfig.console("con", terminal);
    }

    private PortConfig port(Path socket) throws IOException {
        return new PortConfig(1, "one", "org.example.one", UnixSocketBackend.open(socket));
    }

    private void start(long features, int queues) {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(RING | features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        rings.clear();
        for (int queue = 0; queue < queues; queue++) {
            QueueGeometry geometry = new QueueGeometry(16, at(queue), at(queue) + 0x400, at(queue) + 0x800);
            machine.ram().write(at(queue), new byte[0x1000]);
            driver.placeQueue(queue, geometry);
            rings.add(VirtqueueDriver.create(machine.ram(), geometry, RING));
            driver.enableQueue(queue);
        }
        driver.addStatus(DeviceStatus.DRIVER_OK);
    }

    private static long at(int queue) {
        return 0x1_0000L + queue * 0x1000L;
    }

    private static long buffer(int queue) {
        return 0x4_0000L + queue * (long) BUFFER_BYTES;
    }

    private void expose(int queue, BufferElements elements) {
        assertTrue(rings.get(queue).add(elements) >= 0);
        if (rings.get(queue).needsNotification()) {
            driver.notifyQueue(queue);
        }
    }

    private int awaitUsed(int queue) throws InterruptedException {
        while (rings.get(queue).pollUsed() < 0) {
            Thread.sleep(1);
        }
        return (int) rings.get(queue).usedBytes();
    }

    private void send(int queue, byte[] bytes) throws InterruptedException {
        machine.ram().write(buffer(queue), bytes);
        expose(queue, new BufferElements().readable(buffer(queue), bytes.length));
        assertEquals(0, awaitUsed(queue));
    }

    private void say(int port, int event, int value) throws InterruptedException {
        send(CONTROL_TRANSMIT, new byte[] {(byte) port, 0, 0, 0, (byte) event, 0, (byte) value, 0});
    }

    private byte[] receive(int queue) throws InterruptedException {
        expose(queue, new BufferElements().writable(buffer(queue), BUFFER_BYTES));
        byte[] bytes = new byte[awaitUsed(queue)];
        machine.ram().read(buffer(queue), bytes);
        return bytes;
    }

    private void hear(int port, int event, int value, String rest) throws InterruptedException {
        byte[] message = receive(CONTROL_RECEIVE);
        byte[] header = {(byte) port, 0, 0, 0, (byte) event, 0, (byte) value, 0};
        byte[] tail = rest.getBytes(StandardCharsets.ISO_8859_1);
        byte[] expected = java.util.Arrays.copyOf(header, 8 + tail.length);
        System.arraycopy(tail, 0, expected, 8, tail.length);
        assertArrayEquals(expected, message);
    }

    private void assertGuest(String change) throws InterruptedException {
        assertEquals(change, guestChanges.poll(20, TimeUnit.SECONDS));
    }

    @Test
    @Tag("virtio:2.2.2/only-supported")
    void shouldOfferWhatItsPortsNeed() throws IOException {
        make(true, console(), port(directory.resolve("one")));
        assertEquals(3, driver.deviceId());
        assertEquals(RING | SIZE | MULTIPORT | EMERG_WRITE, driver.deviceFeatures());
        assertEquals(64, driver.queueSize(5));
        assertEquals(0, driver.queueSize(6));
        assertEquals(80, driver.readConfig(0, 2));
        assertEquals(25, driver.readConfig(2, 2));
        assertEquals(2, driver.readConfig(4, 4));
        assertEquals(0, driver.readConfig(8, 4));
    }

    /** A console alone needs no control queues, and its size is where any driver finds it. */
    @Test
    void shouldOfferNoPortsBesidesAConsoleAlone() {
        columns = 0;
        make(true, console());
        assertEquals(RING | EMERG_WRITE, driver.deviceFeatures());
        assertEquals(0, driver.queueSize(2));
    }

    @Test
    void shouldOfferNoConsoleWhereThereIsNone() throws IOException {
        make(true, new PortConfig(7, "seven", "seven", new RecordingBackend()));
        assertEquals(RING | MULTIPORT, driver.deviceFeatures());
        assertEquals(8, driver.readConfig(4, 4));
        assertEquals(64, driver.queueSize(17));
        assertEquals(0, driver.queueSize(18));
        driver.writeConfig(8, 4, 'x');
    }

    /** virtio 1.3 §5.3.5: a driver that knows of one port has it without a word. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldServeADriverWithoutMultiport(boolean pci) throws Exception {
        make(pci, console(), port(directory.resolve("one")));
        start(0, 2);
        assertGuest("con true");
        send(1, "hello".getBytes(StandardCharsets.US_ASCII));
        assertEquals(5, terminal.awaitWritten(5));
        assertEquals("hello", terminal.written());
        terminal.input().offer("typed".getBytes(StandardCharsets.US_ASCII), 0, 5);
        assertArrayEquals("typed".getBytes(StandardCharsets.US_ASCII), receive(0));
        driver.writeStatus(0);
        assertGuest("con false");
    }

    /** virtio 1.3 §5.3.5.1: before any negotiation, and the lower byte alone. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @Tag("virtio:5.3.5.1/emerg-wr")
    @Tag("virtio:5.3.5.1/emerg-wr-output")
    void shouldTakeEmergencyWritesInAnyState(boolean pci) throws InterruptedException {
        make(pci, console());
        driver.writeConfig(8, 4, 0x1_0000 + 'a');
        start(SIZE, 2);
        driver.writeConfig(8, 4, 'b');
        machine.ram().write(at(1) + 0x402, new byte[] {(byte) 0xff, 0x7f});
        driver.notifyQueue(1);
        while ((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) == 0) {
            Thread.sleep(1);
        }
        driver.writeConfig(8, 4, 'c');
        assertEquals(3, terminal.awaitWritten(3));
        assertEquals("abc", terminal.written());
    }

    /** A guest that writes there without end fills what there is room for, and is done. */
    @Test
    @Tag("class:endless")
    void shouldDropEmergencyWritesThatNobodyTakes() {
        make(true, console());
        terminal.block(true);
        for (int i = 0; i < 100_000; i++) {
            driver.writeConfig(8, 4, 'x');
        }
        terminal.block(false);
    }

    @Test
    void shouldTellOfTheTerminalsSize() throws InterruptedException {
        make(true, console());
        start(SIZE, 2);
        int generation = driver.configGeneration();
        driver.readConfig(0, 2);
        terminal.input().resized(132, 43);
        while (!driver.takeConfigNotification()) {
            Thread.sleep(1);
        }
        assertTrue(generation != driver.configGeneration());
        assertEquals(132, driver.readConfig(0, 2));
        assertEquals(43, driver.readConfig(2, 2));
        assertEquals(43, driver.readConfig(2, 1));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @Tag("virtio:5.3.6.2.1/add-range")
    void shouldTalkThroughANamedPort(boolean pci) throws Exception {
        Path socket = directory.resolve("one");
        make(pci, console(), port(socket));
        start(SIZE | MULTIPORT, QUEUES);
        say(0, ConsoleLayout.DEVICE_READY, 1);
        hear(0, ConsoleLayout.DEVICE_ADD, 0, "");
        hear(1, ConsoleLayout.DEVICE_ADD, 0, "");
        say(0, ConsoleLayout.PORT_READY, 1);
        hear(0, ConsoleLayout.CONSOLE_PORT, 1, "");
        hear(0, ConsoleLayout.RESIZE, 0, "\120\0\31\0");
        hear(0, ConsoleLayout.PORT_OPEN, 1, "");
        say(0, ConsoleLayout.PORT_OPEN, 1);
        assertGuest("con true");
        say(1, ConsoleLayout.PORT_READY, 1);
        hear(1, ConsoleLayout.PORT_NAME, 1, "org.example.one");
        for (int round = 0; round < 3; round++) {
            talk(socket, round);
        }
        terminal.input().resized(100, 30);
        hear(0, ConsoleLayout.RESIZE, 0, "\144\0\36\0");
        PortStatus status = device.status().get(1);
        assertEquals(15, status.receivedBytes());
        assertFalse(status.hostOpen());
        assertFalse(status.guestOpen());
    }

    /** A client that comes, talks both ways and goes; the guest opens and closes around it. */
    private void talk(Path socket, int round) throws IOException, InterruptedException {
        byte[] hello = ("hell" + round).getBytes(StandardCharsets.US_ASCII);
        try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            hear(1, ConsoleLayout.PORT_OPEN, 1, "");
            assertTrue(device.status().get(1).hostOpen());
            say(1, ConsoleLayout.PORT_OPEN, 1);
            assertGuest("one true");
            client.write(ByteBuffer.wrap(hello));
            assertArrayEquals(hello, receive(4));
            send(5, hello);
            ByteBuffer answer = ByteBuffer.allocate(hello.length);
            while (answer.hasRemaining() && client.read(answer) >= 0) {
                Thread.onSpinWait();
            }
            assertArrayEquals(hello, answer.array());
        }
        hear(1, ConsoleLayout.PORT_OPEN, 0, "");
        say(1, ConsoleLayout.PORT_OPEN, 0);
        assertGuest("one false");
        assertTrue(machine.ram() != null && rings.get(4).inFlight() == 0);
    }

    /** Reset waits for the thread; the next driver finds a device that has told nobody of anything. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
    void shouldStartAnewAfterReset() throws Exception {
        make(true, console(), port(directory.resolve("one")));
        for (int round = 0; round < 20; round++) {
            start(MULTIPORT, QUEUES);
            say(0, ConsoleLayout.DEVICE_READY, 1);
            hear(0, ConsoleLayout.DEVICE_ADD, 0, "");
            hear(1, ConsoleLayout.DEVICE_ADD, 0, "");
            say(0, ConsoleLayout.PORT_READY, 1);
            say(0, ConsoleLayout.PORT_OPEN, 1);
            assertGuest("con true");
            for (int i = 0; i < 8; i++) {
                rings.get(0).add(new BufferElements().writable(buffer(0), BUFFER_BYTES));
            }
            rings.get(0).publish();
            driver.notifyQueue(0);
            driver.writeStatus(0);
            assertGuest("con false");
            byte[] before = new byte[BUFFER_BYTES];
            machine.ram().read(buffer(0), before);
            terminal.input().offer("late".getBytes(StandardCharsets.US_ASCII), 0, 4);
            Thread.sleep(1);
            byte[] after = new byte[BUFFER_BYTES];
            machine.ram().read(buffer(0), after);
            assertArrayEquals(before, after);
        }
    }

    /** Reset takes back the look at a far end that is stuck, which the next driver's console waits for. */
    @Test
    @Tag("class:starvation")
    void shouldGiveUpOnAStuckFarEndAfterAReset() throws InterruptedException {
        make(true, console());
        start(0, 2);
        terminal.block(true);
        do {
            expose(1, new BufferElements().readable(buffer(1), BUFFER_BYTES));
        } while (isUsedSoon(1));
        driver.writeStatus(0);

        start(0, 2);
        expose(1, new BufferElements().readable(buffer(1), BUFFER_BYTES));
        assertEquals(0, awaitUsed(1));
        terminal.block(false);
    }

    private boolean isUsedSoon(int queue) throws InterruptedException {
        for (int i = 0; i < 200; i++) {
            if (rings.get(queue).pollUsed() >= 0) {
                return true;
            }
            Thread.sleep(1);
        }
        return false;
    }

    /** A driver that talks without end and gives no buffer to be answered in costs nothing that lasts. */
    @Test
    @Tag("class:memory")
    @Tag("class:endless")
    void shouldOutliveAControlStorm() throws Exception {
        make(true, console(), port(directory.resolve("one")));
        start(MULTIPORT, QUEUES);
        for (int i = 0; i < 3000; i++) {
            say(i % 3, i % 9, i % 9 == ConsoleLayout.PORT_READY ? 0 : i & 1);
        }
        say(0, ConsoleLayout.DEVICE_READY, 1);
        hear(0, ConsoleLayout.DEVICE_ADD, 0, "");
        hear(1, ConsoleLayout.DEVICE_ADD, 0, "");
        assertEquals(0, guestChanges.size());
        // Too short, too long, for nobody.
        send(CONTROL_TRANSMIT, new byte[7]);
        send(CONTROL_TRANSMIT, new byte[BUFFER_BYTES]);
        say(99, ConsoleLayout.PORT_READY, 1);
        // Buffers that hold no header, and one that holds no name.
        say(1, ConsoleLayout.PORT_READY, 1);
        expose(CONTROL_RECEIVE, new BufferElements().writable(buffer(CONTROL_RECEIVE), 7));
        assertEquals(0, awaitUsed(CONTROL_RECEIVE));
        expose(CONTROL_RECEIVE, new BufferElements().writable(buffer(CONTROL_RECEIVE), 12));
        assertEquals(0, awaitUsed(CONTROL_RECEIVE));
        say(1, ConsoleLayout.PORT_READY, 1);
        hear(1, ConsoleLayout.PORT_NAME, 1, "org.example.one");
    }
}
