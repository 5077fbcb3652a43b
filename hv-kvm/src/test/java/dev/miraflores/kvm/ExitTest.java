// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    @Test
    void shouldPassEveryElementOfStringInstructions() throws InterruptedException {
        RecordingHandler handler = new RecordingHandler(0x1112, 0x1314, 0x1516);
        try (TinyGuest guest = TinyGuest.realMode(handler, """
            fc                             cld
            ba 40 00                       mov dx,0x40
            be 00 20                       mov si,0x2000
            b9 05 00                       mov cx,0x5
            f3 6e                          rep outs dx,BYTE PTR ds:[si]
            bf 00 30                       mov di,0x3000
            b9 03 00                       mov cx,0x3
            f3 6d                          rep ins WORD PTR es:[di],dx
            f4                             hlt
            """)) {
            guest.put(0x2000, "hello".getBytes(StandardCharsets.US_ASCII));
            assertEquals(new StopCause.Halted(0), guest.run());
            assertEquals("121114131615", guest.hex(0x3000, 6));
            assertEquals(0, guest.vcpu().registers().rcx());
        }
        assertEquals(
                List.of("out 0x40/1 = 0x68", "out 0x40/1 = 0x65", "out 0x40/1 = 0x6c", "out 0x40/1 = 0x6c",
                        "out 0x40/1 = 0x6f", "in 0x40/2", "in 0x40/2", "in 0x40/2"),
                handler.accesses());
    }

    /** More than the page that KVM buffers: the instruction goes on after each part. */
    @Test
    void shouldPassLongStringInstructions() throws InterruptedException {
        long[] sum = new long[2];
        ExitHandler handler = new PortHandler() {
            @Override
            public void portWrite(int port, int byteSize, long value) {
                sum[0] += value;
                sum[1]++;
            }
        };
        try (TinyGuest guest = TinyGuest.realMode(handler, """
            fc                             cld
            ba 40 00                       mov dx,0x40
            be 00 20                       mov si,0x2000
            b9 00 50                       mov cx,0x5000
            f3 6e                          rep outs dx,BYTE PTR ds:[si]
            f4                             hlt
            """)) {
            byte[] ones = new byte[0x5000];
            Arrays.fill(ones, (byte) 1);
            guest.put(0x2000, ones);
            assertEquals(new StopCause.Halted(0), guest.run());
        }
        assertArrayEquals(new long[] {0x5000, 0x5000}, sum);
    }

    @Test
    void shouldPassMemoryAccessesOfAllWidths() throws InterruptedException {
        RecordingHandler handler = new RecordingHandler(0xFFFF_FFFF_FFFF_FF81L, 0x8283, 0x8485_8687L);
        try (TinyGuest guest = TinyGuest.realMode(handler, """
            b8 00 d0                       mov ax,0xd000
            8e c0                          mov es,ax
            26 c6 06 00 00 11              mov BYTE PTR es:0x0,0x11
            26 c7 06 02 00 33 22           mov WORD PTR es:0x2,0x2233
            26 66 c7 06 04 00 77 66 55 44  mov DWORD PTR es:0x4,0x44556677
            26 a0 08 00                    mov al,es:0x8
            26 8b 1e 0a 00                 mov bx,WORD PTR es:0xa
            26 66 8b 0e 0c 00              mov ecx,DWORD PTR es:0xc
            f4                             hlt
            """)) {
            assertEquals(new StopCause.Halted(0), guest.run());
            Registers regs = guest.vcpu().registers();
            assertEquals(0x81, regs.rax() & 0xFF);
            assertEquals(0x8283, regs.rbx() & 0xFFFF);
            assertEquals(0x8485_8687L, regs.rcx() & 0xFFFF_FFFFL);
        }
        assertEquals(
                List.of("write 0xd0000/1 = 0x11", "write 0xd0002/2 = 0x2233", "write 0xd0004/4 = 0x44556677",
                        "read 0xd0008/1", "read 0xd000a/2", "read 0xd000c/4"),
                handler.accesses());
    }

    /** An access over the end of a page comes from KVM in two parts of odd sizes; devices get powers of two. */
    @Test
    void shouldSplitAccessesOverPageEndsIntoPowersOfTwo() throws InterruptedException {
        RecordingHandler handler = new RecordingHandler(0x99AA_BBCC_DDEE_FF00L);
        try (TinyGuest guest = TinyGuest.longMode(handler, false, """
            bb 00 00 00 10                 mov ebx,0x10000000
            48 b8 88 77 66 55 44 33 22 11  movabs rax,0x1122334455667788
            48 89 03                       mov QWORD PTR [rbx],rax
            48 8b 4b 08                    mov rcx,QWORD PTR [rbx+0x8]
            48 89 83 fd 0f 00 00           mov QWORD PTR [rbx+0xffd],rax
            f4                             hlt
            """)) {
            assertEquals(new StopCause.Halted(0), guest.run());
            assertEquals(0x99AA_BBCC_DDEE_FF00L, guest.vcpu().registers().rcx());
        }
        List<String> accesses = handler.accesses();
        assertEquals(List.of("write 0x10000000/8 = 0x1122334455667788", "read 0x10000008/8"), accesses.subList(0, 2));
        byte[] written = new byte[8];
        for (String access : accesses.subList(2, accesses.size())) {
            Matcher matcher = Pattern.compile("write 0x(1000[01]...)/([1248]) = 0x(.*)").matcher(access);
            assertTrue(matcher.matches(), access);
            long gpa = Long.parseLong(matcher.group(1), 16);
            int byteSize = Integer.parseInt(matcher.group(2));
            assertEquals(0, gpa % byteSize, access);
            for (int i = 0; i < byteSize; i++) {
                written[(int) (gpa - 0x1000_0FFD) + i] = (byte) (Long.parseUnsignedLong(matcher.group(3), 16) >>> 8 * i);
            }
        }
        assertEquals("8877665544332211", HexFormat.of().formatHex(written));
    }

    @Test
    void shouldReportTripleFault() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.longMode(new RecordingHandler(), false, """
            0f 01 1d 02 00 00 00           lidt [rip+0x2]
            0f 0b                          ud2
            00 00                          limit
            00 00 00 00 00 00 00 00        base
            """)) {
            CrashReport report = assertInstanceOf(StopCause.GuestCrash.class, guest.run()).report();
            assertEquals("vCPU 0: KVM_EXIT_SHUTDOWN (triple fault)", report.headline());
            assertTrue(report.details().contains("rip "), report.details());
            assertTrue(report.details().contains("cr0 "), report.details());
        }
    }

    /** Instructions cannot come out of device memory. */
    @Test
    void shouldReportWhatKvmCannotEmulate() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.longMode(new RecordingHandler(), false, """
            b8 00 00 00 10                 mov eax,0x10000000
            ff e0                          jmp rax
            """)) {
            CrashReport report = assertInstanceOf(StopCause.GuestCrash.class, guest.run()).report();
            assertTrue(
                    report.headline().startsWith(
                            "vCPU 0: KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_EMULATION (1)"),
                    report.headline());
            assertTrue(report.details().contains("rip 0000000010000000"), report.details());
            assertTrue(report.details().contains("code not readable at linear address 0x10000000"), report.details());
        }
    }

    @Test
    void shouldStopTheVmWithTheCauseWhenTheHandlerThrows() throws InterruptedException {
        IllegalStateException bug = new IllegalStateException("a bug of ours");
        ExitHandler handler = new PortHandler() {
            @Override
            public void portWrite(int port, int byteSize, long value) {
                throw bug;
            }
        };
        try (TinyGuest guest = TinyGuest.realMode(handler, """
            e6 80                          out 0x80,al
            eb fc                          jmp 0x1000
            """)) {
            StopCause.HostFailure failure = assertInstanceOf(StopCause.HostFailure.class, guest.run());
            assertSame(bug, failure.failure());
            String details = failure.report().details();
            // rip is already past the instruction on some hosts; the bytes are shown from it on.
            assertTrue(details.contains("code e6 80") || details.contains("code eb fc"), details);
        }
    }

    @Test
    void shouldRefuseRegistersOfARunningVcpu() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), """
            eb fe                          jmp 0x1000
            """)) {
            guest.vm().start();
            assertThrows(IllegalStateException.class, guest.vcpu()::registers);
            guest.vm().pause();
            assertEquals(TinyGuest.CODE_GPA, guest.vcpu().registers().rip());
            guest.vm().stop();
            assertEquals(TinyGuest.CODE_GPA, guest.vcpu().registers().rip());
            assertEquals(new StopCause.HostRequest(), guest.awaitEnd());
        }
    }

    /** A handler of ports alone. */
    private abstract static class PortHandler implements ExitHandler {
        @Override
        public long portRead(int port, int byteSize) {
            return 0;
        }

        @Override
        public long mmioRead(long gpa, int byteSize) {
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int byteSize, long value) {}
    }
}
