// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.launcher.doctor.Finding.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostReportTest {

    private static final HostReport SAMPLE = new HostReport(List.of(
            Finding.ok("/dev/kvm", "up to 4 vCPUs"),
            Finding.lacking("memlock", "64K: \"small\"", "raise it:\tulimit -l \\ unlimited")));

    @Test
    void shouldShowEachFindingAndItsRemedy() {
        assertEquals("""
                ok       /dev/kvm  up to 4 vCPUs
                lacking  memlock   64K: "small"
                                   -> raise it:\tulimit -l \\ unlimited
                This host can run virtual machines.
                """, SAMPLE.text());
    }

    @Test
    void shouldWriteJsonThatNeedsNoCare() {
        assertEquals("""
                {"fit": true, "findings": [
                  {"name": "/dev/kvm", "status": "ok", "detail": "up to 4 vCPUs", "remedy": ""},
                  {"name": "memlock", "status": "lacking", "detail": "64K: \\"small\\"", \
                "remedy": "raise it:\\u0009ulimit -l \\\\ unlimited"}
                ]}
                """, SAMPLE.json());
    }

    @Test
    void shouldNotBeFitWhenSomethingFailed() {
        HostReport report = new HostReport(List.of(Finding.failed("/dev/kvm", "no such device", "load kvm_amd")));
        assertFalse(report.fit());
        assertTrue(report.text().contains("cannot run"));
    }

    /** Whatever host this is: every line that is not ok says what to do. */
    @Test
    void shouldGiveARemedyForAllThatIsLackingHere() {
        HostReport report = HostReport.make();
        assertTrue(report.findings().size() >= 6, report.text());
        for (Finding finding : report.findings()) {
            assertEquals(finding.status() == Status.OK, finding.remedy().isEmpty(), finding.toString());
            assertFalse(finding.detail().isEmpty(), finding.toString());
        }
    }

    @Test
    void shouldSayWhyADeviceIsNotToBeHad() {
        Finding missing = DeviceChecks.device("/dev/no-such-device", "nothing", "modprobe nothing");
        assertEquals(new Finding("/dev/no-such-device", Status.LACKING, "ENOENT: no nothing", "as root: modprobe nothing"),
                missing);
        assertEquals(Status.OK, DeviceChecks.device("/dev/null", "nothing", "").status());
    }

    @Test
    void shouldTellHugePagesThatAreFreeFromThoseThatAreNot(@TempDir Path sysfs) throws IOException {
        assertEquals(Status.LACKING, MemoryChecks.hugePages(sysfs).status());
        Files.writeString(sysfs.resolve("nr_hugepages"), "512\n");
        Files.writeString(sysfs.resolve("free_hugepages"), "0\n");
        assertEquals("0 of 512 pages of 2 MiB free", MemoryChecks.hugePages(sysfs).detail());
        assertEquals(Status.LACKING, MemoryChecks.hugePages(sysfs).status());
        Files.writeString(sysfs.resolve("free_hugepages"), "500\n");
        assertEquals(Status.OK, MemoryChecks.hugePages(sysfs).status());
    }

    @Test
    void shouldReadTheModeOfTransparentHugePages(@TempDir Path sysfs) throws IOException {
        Path file = sysfs.resolve("enabled");
        assertEquals(Status.LACKING, MemoryChecks.transparent(file).status());
        Files.writeString(file, "always [madvise] never\n");
        assertEquals("where asked for", MemoryChecks.transparent(file).detail());
        Files.writeString(file, "always madvise [never]\n");
        assertEquals(Status.LACKING, MemoryChecks.transparent(file).status());
    }

    @Test
    void shouldComplainOfASmallMemlockLimit() {
        assertEquals(Status.LACKING, MemoryChecks.memlock(64 << 10).status());
        assertEquals("8M", MemoryChecks.memlock(8 << 20).detail());
        assertEquals("none", MemoryChecks.memlock(Long.MAX_VALUE).detail());
    }
}
