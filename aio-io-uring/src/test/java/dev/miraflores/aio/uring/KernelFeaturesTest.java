// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import org.junit.jupiter.api.Test;

class KernelFeaturesTest {

    /** On any host: either it is there and says what it can do, or there is one line that says why not. */
    @Test
    void shouldSayWhatTheHostHas() {
        KernelFeatures features = KernelFeatures.host();
        assertEquals(features.isAvailable(), features.whyNot() == null);
        assertNotNull(features.describe());
        assertFalse(features.describe().contains("\n"));
        if (features.isAvailable()) {
            assertTrue(features.hasOpcode(1), "IORING_OP_READV");
        }
        assertFalse(features.hasOpcode(-1));
        assertFalse(features.hasOpcode(1000));
    }

    @Test
    void shouldNameTheWayOut() {
        assertTrue(KernelFeatures.whyNot(Errno.ENOSYS, 0).contains("not in this kernel"));
        assertTrue(KernelFeatures.whyNot(Errno.EPERM, 2).contains("sysctl kernel.io_uring_disabled=0"));
        assertTrue(KernelFeatures.whyNot(Errno.EPERM, 1).contains("kernel.io_uring_group"));
        assertTrue(KernelFeatures.whyNot(Errno.EPERM, 0).contains("seccomp"));
        assertTrue(KernelFeatures.whyNot(Errno.ENOMEM, 0).contains("ulimit -l"));
        assertTrue(KernelFeatures.whyNot(Errno.EFAULT, 0).contains("EFAULT (14)"));
    }
}
