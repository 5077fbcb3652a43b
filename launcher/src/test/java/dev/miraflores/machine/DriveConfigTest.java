// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.devices.block.ErrorPolicy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
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
        assertEquals(0, drive.queues());
        assertEquals(1, drive.ioThreads());
        assertEquals(null, drive.aio());
        assertEquals(true, drive.discard());
        assertEquals(true, drive.dataplane());
        assertEquals(ErrorPolicy.REPORT, drive.readErrors());
        assertEquals(ErrorPolicy.ENOSPC, drive.writeErrors());
    }

    @Test
    void shouldTakeEveryKeyThatIsBuilt() {
        DriveConfig drive = DriveConfig.parse("file=/d,id=root,format=qcow2,backing=/b,if=virtio,cache=none,aio=io_uring,"
                + "readonly=on,serial=S123,dataplane=on,queues=4,queue-size=512,packed=off,in-order=on,logical_block_size=4K,"
                + "poll-max-ns=5000,poll-grow=3,poll-shrink=4,sqpoll=on,iopoll=on,discard=ignore,rerror=stop,werror=report,stage=count,stage.every=2,stage.x=a=b");
        assertEquals(DriveConfig.builder().file("/d").id("root").format(DriveConfig.Format.QCOW2).backing("/b")
                .cache(CacheMode.NONE).aio(EngineKind.IO_URING).readOnly(true).serial("S123").queues(4)
                .queueSize(512).packed(false).inOrder(true).logicalBlockBytes(4096).pollMaxNs(5000).pollGrow(3).pollShrink(4).sqPoll(true).ioPoll(true).discard(false)
                .readErrors(ErrorPolicy.STOP).writeErrors(ErrorPolicy.REPORT)
                .stage(DriveStage.of("count", Map.of("every", "2", "x", "a=b"))).build(), drive);
    }

    /** QEMU's names; docs/throttle.txt there. */
    @Test
    void shouldTakeEveryLimit() {
        DriveConfig drive = DriveConfig.parse("file=d,throttling.bps-read=1000,throttling.bps-read-max=2000,"
                + "throttling.bps-write=3000,throttling.iops-total=10,throttling.iops-total-max=20,"
                + "throttling.iops-total-max-length=60,throttling.iops-size=4096,throttling.group=slow");
        assertEquals("slow", drive.throttleGroup());
        assertEquals(ThrottleConfig.UNLIMITED
                .with(ThrottleKind.BPS_READ, ThrottleLimit.of(1000, 2000))
                .with(ThrottleKind.BPS_WRITE, ThrottleLimit.of(3000))
                .with(ThrottleKind.IOPS_TOTAL, new ThrottleLimit(10, 20, 60)).withIopsSize(4096), drive.throttle());
        assertEquals(drive, DriveConfig.parse(drive.toString()));
    }

    /** In QEMU's words, or in fewer; in any order. */
    @Test
    void shouldTakeAChainOfBackingFiles() {
        DriveConfig drive = DriveConfig.parse("backing.backing.driver=raw,file=t,format=qcow2,backing.file.filename=m,"
                + "backing.driver=qcow2,backing.backing=b,,1");
        assertEquals(List.of(new BackingFile("m", BackingFile.Format.QCOW2), new BackingFile("b,1", BackingFile.Format.RAW)),
                drive.backing());
        assertEquals("file=t,format=qcow2,backing=m,backing.driver=qcow2,backing.backing=b,,1,backing.backing.driver=raw",
                drive.toString());
        assertEquals(drive, DriveConfig.parse(drive.toString()));
        assertEquals(BackingFile.chain("a", "b", "c"), DriveConfig.parse(
                "file=t,format=qcow2,backing=a,backing.backing=b,backing.backing.backing.file.filename=c").backing());
        assertEquals(List.of(), DriveConfig.parse("file=t,format=qcow2").backing());
    }

    @Test
    void shouldRefuseAChainWithoutEnd() {
        String[] files = new String[DriveConfig.MAX_BACKING + 1];
        Arrays.fill(files, "b");
        DriveBuilder drive = DriveConfig.builder().file("t").format(DriveConfig.Format.QCOW2).backing(files);
        String refusal = assertThrows(ConfigException.class, drive::build).getMessage();
        assertTrue(refusal.endsWith("a chain of more than 32 backing files; make it shorter with: qemu-img rebase"), refusal);
        String key = "backing" + ".backing".repeat(DriveConfig.MAX_BACKING);
        refusal = assertThrows(ConfigException.class, () -> DriveConfig.parse("file=t,format=qcow2," + key + "=b"))
                .getMessage();
        assertTrue(refusal.endsWith("a chain of more than 32 backing files; make it shorter with: qemu-img rebase"), refusal);
    }

    @Test
    void shouldMakeADiskOfNothing() {
        assertEquals(DriveConfig.DEFAULT_NULL_BYTES, DriveConfig.parse("format=null").nullBytes());
        assertEquals(2, DriveConfig.parse("format=null,iothreads=2").ioThreads());
        assertEquals(EngineKind.NATIVE, DriveConfig.parse("file=d,aio=native").aio());
        assertEquals(3L << 30, DriveConfig.parse("size=3G,format=null,dataplane=off").nullBytes());
        assertEquals(512, DriveConfig.parse("format=null,size=512").nullBytes());
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
        "file=d,iops=10                  | iops is written throttling.iops-total here",
        "file=d,bps_wr_max_length=10     | bps_wr_max_length is written throttling.bps-write-max-length here",
        "file=d,iops_size=10             | iops_size is written throttling.iops-size here",
        "file=d,throttling.group=g       | drive without id: throttling.group=g: its limits are to be said here as well, as in throttling.iops-total=N",
        "file=d,throttling.group=g,throttling.iops-total=0 | drive throttling.group=g has no limit; say one too, such as throttling.iops-total=N",
        "file=d,id=x,throttling.iops-total=1K | drive x: throttling.iops-total=1K is not a whole number of 0 or more",
        "file=d,detect-zeroes=on         | detect-zeroes is not built yet; leave it out",
        "file=d,num-queues=2             | num-queues is written queues here",
        "file=d,read-only=on             | read-only is written readonly here",
        "file=d,if=ide                   | if=ide is not built yet; use if=virtio",
        "file=d,if=nvme                  | if=nvme is unknown; use if=virtio",
        "file=d,format=vmdk              | format=vmdk is not built; make a qcow2 image of it with: qemu-img convert -O qcow2",
        "file=d,format=rwa               | format=rwa is unknown; use raw, qcow2 or null",
        "format=null-co                  | format=null-co is written format=null here",
        "file=d,format=null              | drive file=d: format=null has no file; leave one of the two out",
        "format=null,size=513            | drive size=513; use a multiple of 512, above 0",
        "format=null,size=0              | drive size=0; use a multiple of 512, above 0",
        "format=null,size=1X             | size=1X: not a size; write a number of bytes, or one with K, M, G or T",
        "format=null,size=9999999999G    | size=9999999999G: not a size; write a number of bytes, or one with K, M, G or T",
        "file=d,size=1G,format=qcow2     | drive size=1073741824: format=qcow2 has its file's size; leave it out, or change it with: truncate -s",
        "file=d,backing=e                | drive backing=e: only format=qcow2 can have one; leave it out",
        "file=d,format=qcow2,backing=    | backing=: no file is named; write backing=PATH",
        "file=d,format=qcow2,backing.backing=b | backing.backing without a file before it; write backing=PATH too",
        "file=d,format=qcow2,backing.driver=raw | backing.driver without a file before it; write backing=PATH too",
        "file=d,format=qcow2,backing=b,backing.driver=vmdk | backing.driver=vmdk; use raw or qcow2",
        "file=d,format=qcow2,backing=b,backing.file.filename=b | backing and backing.file.filename are the same; leave one",
        "file=d,format=qcow2,backing=b,backing.driver=raw,backing.backing=c | drive backing.backing=c: a raw file has no backing file; leave it out",
        "file=d,format=qcow2,backing=b,backing.drvier=raw | unknown key 'backing.drvier'; the nearest is 'backing.driver'",
        "file=d,format=qcow2,backing=b,backing.file=c | backing.file is written backing here",
        "file=d,cache=always             | cache=always is unknown; use none, writeback, writethrough, directsync or unsafe",
        "file=d,aio=uring                | aio=uring is unknown; use io_uring, native or threads",
        "file=d,dataplane=x              | dataplane=x; use on or off",
        "file=d,queues=0                 | queues=0; use 1 to 64",
        "file=d,queues=65                | queues=65; use 1 to 64",
        "file=d,iothreads=0              | iothreads=0; use 1 to 64",
        "file=d,queues=2,iothreads=3     | drive iothreads=3: more than queues=2 keep busy; use at most as many",
        "file=d,iothreads=2,dataplane=off | drive iothreads=2: with dataplane=off the main loop serves it; leave one of the two out",
        "file=d,poll-max-ns=9,dataplane=off | drive poll-max-ns=9: with dataplane=off nothing polls; leave one of the two out",
        "file=d,poll-max-ns=-1           | poll-max-ns=-1; use 0 (no polling) to 1000000000 ns",
        "file=d,poll-max-ns=9000000000   | poll-max-ns=9000000000; use 0 (no polling) to 1000000000 ns",
        "file=d,poll-grow=1001           | poll-grow=1001; use 0 (the usual) to 1000",
        "file=d,poll-shrink=-2           | poll-shrink=-2; use 0 (the usual) to 1000",
        "file=d,sqpoll=on,aio=threads    | drive sqpoll=on: only io_uring has that; use aio=io_uring",
        "file=d,iopoll=on                | drive iopoll=on: the page cache is not to be asked; use cache=none or cache=directsync",
        "file=d,iopoll=on,dataplane=off  | drive iopoll=on: with dataplane=off nothing polls; leave one of the two out",
        "file=d,format=qcow2,iothreads=2 | drive iothreads=2: a qcow2 image is served by one I/O thread; leave one of the two out",
        "file=d,discard=yes              | discard=yes is unknown; use unmap or ignore",
        "file=d,rerror=enospc            | drive rerror=enospc: no read needs room; use report, ignore or stop",
        "file=d,rerror=auto              | rerror=auto is unknown; use report, ignore or stop",
        "file=d,werror=pause             | werror=pause is unknown; use report, ignore, stop or enospc",
        "file=d,stage=                   | drive stage=: no stage is named; write stage=NAME",
        "file=d,stage.x=1                | stage.x without a stage; write stage=NAME too",
        "file=d,readonly=maybe           | readonly=maybe; use on or off",
        "file=d,logical_block_size=1000  | drive logical_block_size=1000; use 512, 1024, 2048 or 4096",
        "file=d,logical_block_size=8192  | logical_block_size=8192; use 512, 1024, 2048 or 4096",
        "file=d,logical-block-size=4096  | logical-block-size is written logical_block_size here",
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
