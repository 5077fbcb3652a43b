// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever stands behind {@code --drive}: a drive that keeps its own rules, or a refusal in one line. */
class DriveConfigFuzzTest {

    static Stream<byte[]> seeds() {
        return Stream.of("file=disk.img", "disk.img", "file=a,,b.img,id=root,format=raw,if=virtio,cache=none",
                        "file=d,aio=io_uring,readonly=on,serial=S123,dataplane=on,queues=1,queue-size=512",
                        "file=d,throttling.iops-total=10", "file=d,queue-size=99999999999", "file=d,fromat=raw",
                        "file=d,cache=directsync,format=qcow2", "=,",
                        "format=null,size=4G,dataplane=off,packed=off,in-order=on,discard=ignore,poll-grow=2",
                        "file=d,format=qcow2,backing.driver=raw,backing.file.filename=b",
                        "file=d,format=qcow2,backing=b,backing.backing=c,backing.backing.backing.driver=qcow2",
                        "file=d,format=qcow2,backing=b,aio=native,rerror=stop,werror=enospc,stage=x,stage.k=v",
                        "file=d,queues=8,iothreads=4,poll-max-ns=100,poll-shrink=2,sqpoll=on,iopoll=on,cache=none",
                        "file=d,throttling.bps-total=10,throttling.bps-total-max=20,throttling.bps-total-max-length=9,"
                            + "throttling.group=g", "file=d,throttling.iops-size=9223372036854775807", "file=d,iops_wr=1", "file=a\nb,x=1",
                        "vhost-user=/run/a.sock,queues=2,queue-size=64,packed=off", "vhost-user=s,file=d")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldReadOrRefuse(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try (Bounds _ = new Bounds()) {
            DriveConfig drive = DriveConfig.parse(text);
            assertTrue(drive.vhostUser() != null ? drive.file() == null && !drive.vhostUser().isEmpty()
                : drive.file() == null ? drive.nullBytes() > 0 && drive.nullBytes() % 512 == 0 : !drive.file().isEmpty());
            assertTrue(drive.queues() <= DriveConfig.MAX_QUEUES && drive.ioThreads() <= DriveConfig.MAX_QUEUES);
            assertEquals(drive, DriveConfig.parse(drive.toString()));
            assertTrue(drive.serial().length() <= DriveConfig.SERIAL_BYTES);
            assertTrue(drive.queueSize() >= 2 && drive.queueSize() <= 1024);
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }
}
