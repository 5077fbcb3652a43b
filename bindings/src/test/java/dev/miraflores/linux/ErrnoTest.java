// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ErrnoTest {
    @Test
    void shouldNameErrorNumbers() {
        assertEquals("EPERM", Errno.name(Errno.EPERM));
        assertEquals("EAGAIN", Errno.name(11));
        assertEquals("EHWPOISON", Errno.name(Errno.EHWPOISON));
    }

    @Test
    void shouldNameWhatHasNoName() {
        assertEquals("errno 0", Errno.name(0));
        assertEquals("errno 41", Errno.name(41)); // EWOULDBLOCK's old number, unused
        assertEquals("errno 4096", Errno.name(4096));
        assertEquals("errno -1", Errno.name(-1));
    }

    @Test
    void shouldNameCallArgumentsAndErrno() {
        ErrnoException e = new ErrnoException("KVM_RUN(vcpu=3)", Errno.EFAULT);

        assertEquals("KVM_RUN(vcpu=3): EFAULT (14)", e.getMessage());
        assertEquals("KVM_RUN(vcpu=3)", e.call());
        assertEquals(Errno.EFAULT, e.errno());
    }

    /** A case label needs a constant: this fails to compile when they are not. */
    @Test
    void shouldOfferConstantsToSwitchOn() {
        String kind = switch (-4) {
            case -Errno.EINTR, -Errno.EAGAIN -> "kicked";
            default -> "other";
        };

        assertEquals("kicked", kind);
    }
}
