// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.kvm.CrashReport;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.DriveError;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

/** What a run says at its end. */
class ForegroundTest {

    private final ByteArrayOutputStream said = new ByteArrayOutputStream();
    private final Foreground foreground = new Foreground(new PrintStream(said, true));
    private final RuntimeException closeFailure = new IllegalStateException("closing a machine failed: drive d: it hangs");

    @Test
    void shouldTellOfACrashWhateverFailsAfterIt() {
        foreground.reportEnd(new StopCause.GuestCrash(new CrashReport(0, "triple fault", "RIP 0")), closeFailure);
        assertEquals("hv: the guest crashed: triple fault\nRIP 0\nhv: closing a machine failed: drive d: it hangs\n",
                said.toString());
    }

    @Test
    void shouldFailWhereTheGuestEndedWellAndTheMachineDidNot() {
        RuntimeException e = assertThrows(RuntimeException.class,
                () -> foreground.reportEnd(new StopCause.PowerOff(), closeFailure));
        assertSame(closeFailure, e);
    }

    @Test
    void shouldSayThatTheGuestWaitsAndHowItGoesOn() {
        foreground.paused("by request");
        assertEquals("", said.toString());
        foreground.ioError(new DriveError("d", BlockIo.Operation.WRITE, 0, 512, 28, true));
        foreground.paused("drive d: write of 512 bytes at offset 0 failed: ENOSPC (28)");
        assertEquals("hv: drive d: write of 512 bytes at offset 0 failed: ENOSPC (28); the guest waits: put it right and type"
                + " ^A r, or end hv\n", said.toString());
    }
}
