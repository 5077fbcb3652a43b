// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.launcher.doctor.Finding.Status;
import dev.miraflores.linux.Errno;
import org.junit.jupiter.api.Test;

/** What hv doctor says of the sandbox. */
class SandboxChecksTest {

    @Test
    void shouldSayWhatIsThere() {
        assertEquals(Status.OK, SandboxChecks.seccomp(0).status());
        assertEquals("files are out of reach; version 3", SandboxChecks.landlock(3).detail());
    }

    @Test
    void shouldSayWhatIsLackingAndWhatHelps() {
        assertEquals(Status.LACKING, SandboxChecks.seccomp(-Errno.ENOSYS).status());
        assertTrue(SandboxChecks.landlock(-Errno.ENOSYS).remedy().contains("5.13"));
        assertTrue(SandboxChecks.landlock(-Errno.EOPNOTSUPP).remedy().contains("lsm="));
    }
}
