// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What one disk comes to stays with it: not with the machine's other disks, nor with another machine of the process. */
@KvmTest
class FailureDomainTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final ScriptedConsole hostile = new ScriptedConsole();
    private final ScriptedConsole other = new ScriptedConsole();
    private final List<String> heard = new CopyOnWriteArrayList<>();

    private final class Listener implements DriveListener {
        @Override
        public void needsReset(String id, String why) {
            heard.add(id);
        }
    }

    /** The hostile guest has seen DEVICE_NEEDS_RESET before its other disk goes on. */
    @Test
    void shouldLeaveAnotherMachineAloneWhenADiskNeedsAReset() throws Exception {
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=16 every=0", other)
                 .drive(DriveConfig.of(BuiltInGuest.disk(directory, 16).toString())).build());
             VirtualMachine attacker = VirtualMachine.create(
                 HostileGuest.machine("mode=break rounds=2", directory, hostile).build())) {
            attacker.addDriveListener(new Listener());
            machine.start();
            other.await("holding", BuiltInGuest.LIMIT);
            attacker.start();
            hostile.await("'q' ends", BuiltInGuest.LIMIT);
            awaitRounds(2);
            assertNull(machine.stopCause());

            hostile.type("q");
            HostileGuest.awaitEnd(attacker, hostile);
            awaitRounds(2);
            other.type("q");
            HostileGuest.awaitEnd(machine, other);
        }
        HostileGuest.figures(hostile);
        assertEquals(List.of(HostileGuest.ATTACKED), heard);
    }

    /** More rounds than it had done, each verified by the guest. */
    private void awaitRounds(int more) throws InterruptedException {
        for (int i = 0; i < more; i++) {
            other.take(" requests, ", BuiltInGuest.LIMIT);
        }
    }
}
