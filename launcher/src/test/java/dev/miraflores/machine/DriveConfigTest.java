// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DriveConfigTest {

    @Test
    void shouldHaveQemusDefaultsWhenOnlyAFileIsNamed() {
        assertEquals(DriveConfig.of("disk.img"), DriveConfig.parse("file=disk.img"));
        DriveConfig drive = DriveConfig.parse("file=disk.img");
        assertEquals(CacheMode.WRITEBACK, drive.cache());
        assertEquals(256, drive.queueSize());
        assertEquals("", drive.serial());
    }

    @Test
    void shouldTakeEveryKeyThatIsBuilt() {
        DriveConfig drive = DriveConfig.parse("file=/d,id=root,format=raw,if=virtio,cache=none,aio=io_uring,readonly=on,"
                + "serial=S123,dataplane=on,queues=1,queue-size=512");
        assertEquals(new DriveConfig("root", "/d", DriveConfig.Format.RAW, CacheMode.NONE, DriveConfig.Aio.IO_URING, true,
                "S123", 512), drive);
    }

    @Test
    void shouldReadADoubledCommaAsOne() {
        assertEquals("a,b,c.img", DriveConfig.parse("file=a,,b,,c.img,readonly=on").file());
        assertEquals("a=b", DriveConfig.parse("file=a=b").file());
    }

    /** The text after "--drive ARGUMENT: ". */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "file=d,chache=none              | unknown key 'chache'; the nearest is 'cache'",
        "fiel=d                          | unknown key 'fiel'; the nearest is 'file'",
        "file=d,read_only=on             | unknown key 'read_only'; the nearest is 'readonly'",
        "file=d,queue_size=8             | unknown key 'queue_size'; the nearest is 'queue-size'",
        "file=d,poll-max-ns=5            | poll-max-ns is not built yet; leave it out",
        "file=d,throttling.iops-total=10 | throttling.iops-total is not built yet; leave it out",
        "file=d,if=ide                   | if=ide is not built yet; use if=virtio",
        "file=d,if=nvme                  | if=nvme is unknown; use if=virtio",
        "file=d,format=qcow2             | format=qcow2 is not built yet; make a raw image of it with: qemu-img convert -O raw",
        "file=d,format=rwa               | format=rwa is unknown; use format=raw",
        "file=d,cache=always             | cache=always is unknown; use none, writeback, writethrough, directsync or unsafe",
        "file=d,aio=native               | aio=native is not built yet; use aio=io_uring",
        "file=d,aio=uring                | aio=uring is unknown; use aio=io_uring",
        "file=d,dataplane=off            | dataplane=off is not built yet; leave it on",
        "file=d,queues=4                 | queues=4 is not built yet; use one",
        "file=d,readonly=maybe           | readonly=maybe; use on or off",
        "file=d,queue-size=100           | drive queue-size=100; use a power of two from 2 to 1024",
        "file=d,queue-size=lots          | queue-size=lots; use a power of two from 2 to 1024",
        "file=d,queue-size=99999999999   | queue-size=99999999999; use a power of two from 2 to 1024",
        "file=d,id=1st                   | drive id=1st: not an id; use a letter, then letters, digits, '-', '.' or '_'",
        "file=d,serial=123456789012345678901 | drive serial=123456789012345678901; use at most 20 characters of ASCII",
        "readonly=on                     | no file is named; write file=PATH",
        "file=                           | no file is named; write file=PATH",
        "disk.img                        | 'disk.img' is not key=value; a comma within a value is written twice",
        "file=d,                         | '' is not key=value; a comma within a value is written twice",
        "file=d,=x                       | '=x' is not key=value; a comma within a value is written twice",
        "file=a,file=b                   | 'file' is given twice; leave one",
    })
    void shouldSayInOneLineWhatIsWrong(String argument, String what) {
        ConfigException e = assertThrows(ConfigException.class, () -> DriveConfig.parse(argument));
        assertEquals("--drive " + argument + ": " + what, e.getMessage());
    }

    @Test
    void shouldKeepTheMessageOnOneLineWhenTheValueHasSeveral() {
        ConfigException e = assertThrows(ConfigException.class, () -> DriveConfig.parse("file=a\nb,cach\u001b[2J=1"));
        assertEquals("--drive file=a?b,cach?[2J=1: unknown key 'cach?[2J'; the nearest is 'cache'", e.getMessage());
    }

    @Test
    void shouldFindTheNearestWord() {
        assertEquals(1, Nearest.distance("fiel", "file"));
        assertEquals(3, Nearest.distance("kitten", "sitting"));
        assertEquals(4, Nearest.distance("", "file"));
        assertTrue(Nearest.distance("a".repeat(300), "file") > 290);
    }
}
