// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.linux.AioSyscalls;
import dev.miraflores.linux.Errno;

/**
 * Asks the kernel, once per process and only for what is wanted.
 * <p>Thread: any.
 *
 * @param whyNoUring why there is no io_uring on an I/O thread, or {@code null}
 */
record HostProbe(String whyNoUring) implements EngineProbe {

    /** Of this process. */
    static HostProbe host() {
        return new HostProbe(KernelFeatures.host().whyNot());
    }

    private static final class Native {
        static final String WHY_NOT = probe();
    }

    @Override
    public String whyNot(EngineKind kind) {
        return switch (kind) {
            case IO_URING -> whyNoUring;
            case NATIVE -> Native.WHY_NOT;
            case THREADS -> null;
        };
    }

    private static String probe() {
        long context = AioSyscalls.setup(1);
        if (context > 0) {
            AioDestroyer.destroy(context);
            return null;
        }
        return whyNoNative((int) -context);
    }

    static String whyNoNative(int errno) {
        return switch (errno) {
            case Errno.ENOSYS -> "Linux AIO is not in this kernel, or a seccomp filter hides it";
            case Errno.EPERM, Errno.EACCES ->
                "Linux AIO is denied to this process by a seccomp filter or security module, a container's for example";
            case Errno.EAGAIN -> "Linux AIO has no more room on this host: raise sysctl fs.aio-max-nr";
            default -> "io_setup failed: " + Errno.name(errno) + " (" + errno + ")";
        };
    }
}
