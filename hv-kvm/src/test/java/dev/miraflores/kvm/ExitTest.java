// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What a guest does reaches the handler, and what the handler answers reaches the guest. */
@KvmTest
class ExitTest {

    @Test
    void shouldPassPortAccessesOfAllWidths() throws InterruptedException {
        RecordingHandler handler = new RecordingHandler(0xFFFF_FFFF_FFFF_FF81L, 0x8283, 0x8485_8687L);
        try (TinyGuest guest = TinyGuest.realMode(handler, """
            ba 23 01                       mov dx,0x123
            b0 11                          mov al,0x11
            ee                             out dx,al
            b8 33 22                       mov ax,0x2233
            ef                             out dx,ax
            66 b8 77 66 55 44              mov eax,0x44556677
            66 ef                          out dx,eax
            ec                             in al,dx
            88 c3                          mov bl,al
            ed                             in ax,dx
            89 c1                          mov cx,ax
            66 ed                          in eax,dx
            66 89 c6                       mov esi,eax
            f4                             hlt
            """)) {
            assertEquals(new StopCause.Halted(0), guest.run());
            Registers regs = guest.vcpu().registers();
            assertEquals(0x81, regs.rbx() & 0xFF);
            assertEquals(0x8283, regs.rcx() & 0xFFFF);
            assertEquals(0x8485_8687L, regs.rsi() & 0xFFFF_FFFFL);
        }
        assertEquals(
                List.of("out 0x123/1 = 0x11", "out 0x123/2 = 0x2233", "out 0x123/4 = 0x44556677",
                        "in 0x123/1", "in 0x123/2", "in 0x123/4"),
                handler.accesses());
    }
}
