// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * A guest that counts for ever and tells every count to a port and to a device in memory, reads both back, and halts
 * when one of them did not answer what it was told: an access lost or done twice, by whatever pauses, does not stay
 * hidden. {@link #check} does the same from outside, at any pause.
 */
final class CountingGuest implements ExitHandler, AutoCloseable {
    private static final long COUNT_GPA = 0x2000;

    // Where the instructions begin that change what check compares.
    private static final long LOOP = 0x1008;
    private static final long AFTER_WRITE = 0x1016;
    private static final long AFTER_OUT = 0x1018;
    private static final long AFTER_READ = 0x101E;
    private static final long AFTER_IN = 0x1020;

    private final TinyGuest guest;
    // Written on the vCPU's thread; whoever reads them has paused it, which orders the two.
    private long written;
    private long sent;
    private long memoryReads;
    private long portReads;
    private String wrong;

    CountingGuest() {
        guest = TinyGuest.realMode(this, """
            b8 00 d0                       mov ax,0xd000
            8e c0                          mov es,ax
            ba 80 00                       mov dx,0x80
            66 ff 06 00 20                 inc DWORD PTR ds:0x2000
            66 a1 00 20                    mov eax,ds:0x2000
            26 66 a3 00 00                 mov es:0x0,eax
            66 ef                          out dx,eax
            26 66 8b 0e 04 00              mov ecx,DWORD PTR es:0x4
            66 ed                          in eax,dx
            66 39 c8                       cmp eax,ecx
            74 e3                          je 0x1008
            f4                             hlt
            """);
    }

    Vm vm() {
        return guest.vm();
    }

    Vcpu vcpu() {
        return guest.vcpu();
    }

    /** Counts so far; the VM is paused or ended. */
    long count() {
        return guest.longAt(COUNT_GPA) & 0xFFFF_FFFFL;
    }

    /** What does not fit together, or null; the VM is paused or ended. */
    String check() {
        if (wrong != null) {
            return wrong;
        }
        Registers regs = guest.vcpu().registers();
        long rip = regs.rip();
        long count = count();
        boolean good = written == done(count, rip, AFTER_WRITE);
        good &= sent == done(count, rip, AFTER_OUT);
        good &= memoryReads == done(count, rip, AFTER_READ);
        good &= portReads == done(count, rip, AFTER_IN);
        good &= rip < AFTER_READ || (regs.rcx() & 0xFFFF_FFFFL) == count;
        good &= rip < AFTER_IN || (regs.rax() & 0xFFFF_FFFFL) == count;
        return good ? null
                : "at 0x%x: count %d, written %d, sent %d, read %d and %d, eax %d, ecx %d".formatted(
                        rip, count, written, sent, memoryReads, portReads, regs.rax(), regs.rcx());
    }

    /** How often an access was done when rip is before or after it: the round's count, or one less. */
    private static long done(long count, long rip, long after) {
        return rip <= LOOP || rip >= after ? count : count - 1;
    }

    @Override
    public long portRead(int port, int byteSize) {
        portReads++;
        return sent;
    }

    @Override
    public void portWrite(int port, int byteSize, long value) {
        if (value != sent + 1) {
            wrong = "sent " + value + " after " + sent;
        }
        sent = value;
    }

    @Override
    public long mmioRead(long gpa, int byteSize) {
        memoryReads++;
        return written;
    }

    @Override
    public void mmioWrite(long gpa, int byteSize, long value) {
        if (value != written + 1) {
            wrong = "wrote " + value + " after " + written;
        }
        written = value;
    }

    @Override
    public void close() {
        guest.close();
    }
}
