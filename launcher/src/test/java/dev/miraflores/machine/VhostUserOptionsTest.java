// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.MemoryBacking;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Drives that another process serves, in our words and in QEMU's. */
class VhostUserOptionsTest {

    @Test
    void shouldTakeWhatIsForTheFrontEndToSay() {
        DriveConfig drive = DriveConfig.parse("vhost-user=/run/a,,b,if=virtio,id=far,queues=4,queue-size=128,packed=off");
        assertEquals(DriveConfig.builder().vhostUser("/run/a,b").id("far").queues(4).queueSize(128).packed(false).build(), drive);
        assertEquals(drive, DriveConfig.parse(drive.toString()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "vhost-user=|no socket is named",
        "vhost-user=/s,file=/f|leave one of the two out",
        "vhost-user=/s,cache=none|cache=none is for the back end to say",
        "vhost-user=/s,readonly=on|readonly=on is for the back end",
        "vhost-user=/s,format=qcow2|format=qcow2 is for the back end",
        "vhost-user=/s,serial=x,dataplane=off|serial=x,dataplane=off is for the back end",
        "vhost-user=/s,throttling.iops-total=5|throttling.iops-total=5 is for the back end",
        "vhost-user=/s,iothreads=2,queues=2|iothreads=2 is for the back end",
        "vhost-user=/s,queue-size=3|queue-size=3; use a power of two",
        "vhost-usr=/s|the nearest is 'vhost-user'"})
    void shouldRefuseWhatIsNot(String words, String why) {
        assertRefused(why, assertThrows(ConfigException.class, () -> DriveConfig.parse(words)));
    }

    private static void assertRefused(String why, ConfigException e) {
        assertTrue(e.getMessage().contains(why), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
    }

    /** QEMU: docs/system/devices/vhost-user.rst. */
    @Test
    void shouldTakeQemusWords() {
        assertEquals(
                List.of(DriveConfig.parse("vhost-user=/run/b"),
                        DriveConfig.parse("vhost-user=/run/a,id=far,queues=2,queue-size=64,packed=on")),
                VhostUserOptions.parse(
                        List.of("socket,id=a,path=/run/a,reconnect=1", "socket,path=/run/b,id=b,server=off"),
                        List.of("vhost-user-blk-pci,chardev=b",
                                "vhost-user-blk,id=far,chardev=a,num-queues=2,queue-size=64,packed=on")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "socket,id=a,path=/s|vhost-user-blk-pci,chardev=b|no --chardev has id=b",
        "socket,id=a,path=/s|vhost-user-blk-pci|no chardev is named",
        "socket,id=a,path=/s|virtio-net-pci,chardev=a|'virtio-net-pci' is not built",
        "pty,id=a|vhost-user-blk-pci,chardev=a|'pty' is not built",
        "socket,id=a|vhost-user-blk-pci,chardev=a|it needs both id=ID and path=PATH",
        "socket,id=a,path=/s,server=on|vhost-user-blk-pci,chardev=a|the back end listens",
        "socket,id=a,path=/s,reconnect=x|vhost-user-blk-pci,chardev=a|not a number",
        "socket,id=a,pth=/s|vhost-user-blk-pci,chardev=a|the nearest is 'path'",
        "socket,id=a,path=/s|vhost-user-blk-pci,chardev=a,num-queue=2|the nearest is 'num-queues'"})
    void shouldRefuseOtherWords(String chardev, String device, String why) {
        assertRefused(why, assertThrows(ConfigException.class,
                () -> VhostUserOptions.parse(List.of(chardev), List.of(device))));
    }

    @Test
    void shouldRefuseSocketsThatDoNotMatchDevices() {
        String socket = "socket,id=a,path=/s";
        String device = "vhost-user-blk-pci,chardev=a";
        assertRefused("no device uses it", assertThrows(ConfigException.class,
                () -> VhostUserOptions.parse(List.of(socket), List.of())));
        assertRefused("another device has chardev=a", assertThrows(ConfigException.class,
                () -> VhostUserOptions.parse(List.of(socket), List.of(device, device))));
        assertRefused("two have this id", assertThrows(ConfigException.class,
                () -> VhostUserOptions.parse(List.of(socket, socket), List.of(device))));
    }

    /** Guest memory can be shared where it has to be, and is private otherwise. */
    @Test
    void shouldShareMemoryOnlyWhereADriveNeedsIt() {
        MachineConfig.Builder machine = MachineConfig.builder().kernel(Path.of("k")).drive(DriveConfig.of("d"));
        assertEquals(MemoryBacking.ANONYMOUS, machine.build().memoryBacking());
        machine.drive(DriveConfig.parse("vhost-user=/s"));
        assertEquals(MemoryBacking.MEMFD, machine.build().memoryBacking());
        assertEquals(MemoryBacking.HUGE_PAGES, machine.memoryBacking(MemoryBacking.HUGE_PAGES).build().memoryBacking());
    }
}
