// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The first CPU starts the second (Intel SDM vol. 3, §9.4.4). */
@KvmTest
class StartUpIpiTest {
    private static final int SECOND_CODE_GPA = 0x3000;
    private static final int PORT = 0x511;

    @Test
    void shouldStartTheSecondCpuInRealMode() throws InterruptedException {
        AtomicReference<TinyGuest> self = new AtomicReference<>();
        RecordingHandler first = new RecordingHandler();
        ExitHandler second = new ExitHandler() {
            @Override
            public long portRead(int port, int byteSize) {
                return 0;
            }

            @Override
            public void portWrite(int port, int byteSize, long value) {
                self.get().vm().requestStop(new StopCause.GuestExit((int) (port << 16 | value)));
            }

            @Override
            public long mmioRead(long gpa, int byteSize) {
                return 0;
            }

            @Override
            public void mmioWrite(long gpa, int byteSize, long value) {}
        };
        try (TinyGuest guest = TinyGuest.longMode(first, true, """
            b9 1b 00 00 00                 mov ecx,0x1b
            0f 32                          rdmsr
            0d 00 0c 00 00                 or eax,0xc00
            0f 30                          wrmsr
            b9 0f 08 00 00                 mov ecx,0x80f
            b8 ff 01 00 00                 mov eax,0x1ff
            31 d2                          xor edx,edx
            0f 30                          wrmsr
            b9 30 08 00 00                 mov ecx,0x830
            ba 01 00 00 00                 mov edx,0x1
            b8 00 45 00 00                 mov eax,0x4500
            0f 30                          wrmsr
            b8 03 46 00 00                 mov eax,0x4603
            0f 30                          wrmsr
            f3 90                          pause
            eb fc                          jmp pause
            """)) {
            self.set(guest);
            guest.put(SECOND_CODE_GPA, Listing.bytes("""
                    8c c8                          mov ax,cs
                    ba 11 05                       mov dx,0x511
                    ef                             out dx,ax
                    fa                             cli
                    f4                             hlt
                    """));
            guest.vm().createVcpu(1, second);
            // cs is the page that the start-up IPI names.
            assertEquals(new StopCause.GuestExit(PORT << 16 | SECOND_CODE_GPA >> 4), guest.run());
        }
        assertEquals(List.of(), first.accesses());
    }
}
