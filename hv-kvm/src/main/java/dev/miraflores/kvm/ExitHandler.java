// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * What a guest's access does that KVM could not finish: device registers, in short.
 * <p>Values are little-endian in the low {@code byteSize} bytes; a handler may leave anything in the bytes above of a
 * value that it returns, and finds zeros there in one that it is given. What a guest does is never a reason to throw:
 * an exception stops the VM as a fault of ours.
 * <p>Thread: each vCPU's own, so several at once. A handler that blocks holds up its vCPU, and every pause of the VM. A
 * signal that calls the vCPU may interrupt a system call of the handler instead, which then returns −EINTR.
 */
public interface ExitHandler {

    /**
     * IN: reads a port.
     *
     * @param port     0 to 0xFFFF
     * @param byteSize 1, 2 or 4
     */
    long portRead(int port, int byteSize);

    /** OUT: writes a port. */
    void portWrite(int port, int byteSize, long value);

    /**
     * Reads where no memory is.
     *
     * @param gpa      unsigned
     * @param byteSize 1, 2, 4 or 8
     */
    long mmioRead(long gpa, int byteSize);

    /** Writes where no memory is. */
    void mmioWrite(long gpa, int byteSize, long value);

    /**
     * The guest asks for a reset in a way that KVM itself understands.
     *
     * @return whether it comes, and the vCPU is to wait for it; otherwise the VM ends
     */
    default boolean reset() {
        return false;
    }
}
