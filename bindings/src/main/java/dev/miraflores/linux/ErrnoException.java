// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

/** A system call failed where no one can go on. The message names call, arguments and errno: {@code KVM_RUN(vcpu=3): EFAULT (14)}. */
public final class ErrnoException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * @param call the call with the arguments that matter, such as {@code open(/dev/kvm)}
     * @param errno positive, as in errno(3)
     */
    public ErrnoException(String call, int errno) {
        super(call + ": " + Errno.name(errno) + " (" + errno + ")");
        this.call = call;
        this.errno = errno;
    }

    /** The call with its arguments. */
    public String call() {
        return call;
    }

    /** The error number, positive. */
    public int errno() {
        return errno;
    }

    /** Passes a result on, or throws when it is −errno. */
    static int check(String call, int result) {
        if (result < 0) {
            throw new ErrnoException(call, -result);
        }
        return result;
    }
}
