// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.miraflores.kvm.StopCause;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A machine whose guest works on whatever disk is plugged, and what its listeners heard. */
final class HotplugMachine implements AutoCloseable, DriveListener {

    static final Duration LIMIT = BuiltInGuest.LIMIT;

    final ScriptedConsole console = new ScriptedConsole();
    final VirtualMachine machine;
    private final List<String> heard = new CopyOnWriteArrayList<>();

    /** @param words further ones for {@code mode=hotplug} */
    HotplugMachine(String words) {
        machine = VirtualMachine.create(BuiltInGuest.machine("mode=hotplug " + words, console).build());
        machine.addDriveListener(this);
    }

    /** Lets the guest run, and returns when it waits for disks. */
    HotplugMachine started() throws InterruptedException {
        machine.start();
        console.take("waiting for disks", LIMIT);
        return this;
    }

    /** Plugs a disk, and returns when the guest has verified all of its rounds on it. */
    String plug(String id, Path image) throws InterruptedException {
        assertEquals(id, machine.addDrive(DriveConfig.of(image.toString()).withId(id)));
        console.take("verified slot", LIMIT);
        return id;
    }

    /** Asks for a disk, which the guest gives back. */
    void unplug(String id) throws InterruptedException {
        DeviceRemoval removal = machine.removeDrive(id, LIMIT);
        assertEquals(DeviceRemoval.State.REMOVED, removal.await(LIMIT), console::text);
        console.take("ejected slot", LIMIT);
    }

    /** The guest is well and powers off. */
    void end() throws InterruptedException {
        console.type("q");
        assertNotNull(machine.await(LIMIT), console::text);
        assertEquals(new StopCause.PowerOff(), machine.stopCause(), console::text);
    }

    /** Waits until so many things have happened, and forgets them. Listeners are told just after what they hear of. */
    List<String> heard(int count) throws InterruptedException {
        for (long end = System.nanoTime() + LIMIT.toNanos(); heard.size() < count && System.nanoTime() < end;) {
            Thread.sleep(1);
        }
        List<String> all = List.copyOf(heard);
        heard.clear();
        return all;
    }

    @Override
    public void added(String id) {
        heard.add("added " + id);
    }

    @Override
    public void removed(String id) {
        heard.add("removed " + id);
    }

    @Override
    public void removalUnanswered(String id) {
        heard.add("unanswered " + id);
    }

    @Override
    public void removalFailed(String id, String why) {
        heard.add("failed " + id + ": " + why);
    }

    @Override
    public void close() {
        machine.close();
    }
}
