// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.character.CharInput;
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.VirtualMachine;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * A machine in a sandbox whose disks change while its guest runs: files within reach are plugged and mirrored to, others are not.
 * Says on standard output what happened.
 */
final class SandboxMachineMain {

    private static final Duration LIMIT = Duration.ofSeconds(90);

    private SandboxMachineMain() {
    }

    /** What the guest says, and what is typed. */
    private static final class Talk implements CharBackend {
        private final StringBuilder said = new StringBuilder();
        private CharInput input;

        @Override
        public synchronized void connect(CharInput toGuest) {
            input = toGuest;
        }

        @Override
        public synchronized void write(byte[] bytes, int offset, int length) {
            said.append(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
            notifyAll();
        }

        synchronized void take(String text) throws InterruptedException {
            long end = System.nanoTime() + LIMIT.toNanos();
            while (said.indexOf(text) < 0) {
                if (System.nanoTime() > end) {
                    throw new AssertionError("no '" + text + "' in: " + said);
                }
                wait(100);
            }
            said.delete(0, said.indexOf(text) + text.length());
        }

        void type(String keys) throws InterruptedException {
            input.put(keys.getBytes(StandardCharsets.ISO_8859_1), 0, keys.length());
        }

        @Override
        public void close() {
        }
    }

    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[0]);
        Talk talk = new Talk();
        try (InputStream guest = SandboxMachineMain.class.getResourceAsStream("/dev/miraflores/launcher/guest.elf");
                VirtualMachine machine = VirtualMachine.create(MachineConfig.builder()
                        .kernel("guest.elf", guest.readAllBytes()).append("mode=hotplug").memoryBytes(32L << 20).debugExit(true)
                        .console(talk).build())) {
            System.out.println("missing: " + Sandbox.enter(new SandboxPolicy().changeable(directory.resolve("inside").toString())
                    .ioThreads(machine.ioThreads())));
            machine.start();
            talk.take("waiting for disks");
            try {
                machine.addDrive(DriveConfig.of(directory.resolve("outside.img").toString()));
            } catch (DriveException e) {
                System.out.println("outside: " + e.getMessage());
            }
            machine.addDrive(DriveConfig.of(directory.resolve("inside").resolve("plug.img").toString()).withId("p"));
            talk.take("verified slot");
            System.out.println("plugged: " + machine.drive("p").status().engine());
            MirrorJob job = machine.drive("p").mirror(directory.resolve("inside").resolve("copy.img").toString(),
                    MirrorConfig.DEFAULTS, MirrorListener.NONE);
            System.out.println("mirror: " + job.awaitReady(LIMIT.toSeconds(), TimeUnit.SECONDS) + " " + job.failure());
            job.complete();
            System.out.println("mirrored to: " + Path.of(machine.drive("p").status().file()).getFileName());
            DeviceRemoval removal = machine.removeDrive("p", LIMIT);
            System.out.println("unplugged: " + removal.await(LIMIT));
            talk.type("q");
            System.out.println("ended: " + machine.await(LIMIT));
        }
        System.out.println("done");
    }
}
