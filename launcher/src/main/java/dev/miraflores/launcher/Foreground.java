// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.launcher.terminal.TerminalUser;
import dev.miraflores.machine.DriveError;
import dev.miraflores.machine.MachineConfig;
import dev.miraflores.machine.MachineListener;
import dev.miraflores.machine.VirtualMachine;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A machine that runs for as long as its command: from start to end, whatever ends it.
 * <p>Thread: {@code run}, the command's; the rest, any.
 */
final class Foreground implements TerminalUser, MachineListener {

    static final int OK = 0;
    static final int HOST_FAILURE = 1;
    static final int GUEST_CRASH = 3;

    // A host's disk that takes longer to finish what is in flight holds up no one's shutdown.
    private static final long END_SECONDS = 20;

    private final PrintStream err;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile VirtualMachine machine;
    private volatile boolean quitting;
    private volatile boolean diskFailed;

    Foreground(PrintStream err) {
        this.err = err;
    }

    /** Ends the machine as if its power was cut, whether it runs already or not. */
    @Override
    public void quit() {
        quitting = true;
        VirtualMachine running = machine;
        if (running != null) {
            running.requestStop();
        }
    }

    @Override
    public void resume() {
        VirtualMachine running = machine;
        if (running != null) {
            running.resume();
        }
    }

    @Override
    public void ioError(DriveError error) {
        diskFailed |= error.stops();
    }

    /** A disk that failed is told to whoever is at the terminal; who asked for a pause knows of it. */
    @Override
    public void paused(String why) {
        if (!diskFailed) {
            return;
        }
        diskFailed = false;
        err.println("hv: ".concat(why).concat("; the guest waits: put it right and type ^A r, or end hv"));
    }

    /** Until it is closed. */
    interface Guard extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Once: SIGINT and SIGTERM end the machine in good order, its I/O finished and the files of its sockets removed, and the process only
     * when the guard is closed.
     */
    Guard guard() {
        Thread hook = new Thread(this::endBeforeProcess, "end-machine");
        Runtime.getRuntime().addShutdownHook(hook);
        return () -> {
            ended.countDown();
            unhook(hook);
        };
    }

    /**
     * Makes the machine, runs it, closes it.
     *
     * @param companion goes along with it
     * @return why it ended; its crash report has been printed
     */
    StopCause run(MachineConfig config, Companion companion) throws InterruptedException {
        return run(VirtualMachine.create(config), companion);
    }

    private StopCause run(VirtualMachine made, Companion companion) throws InterruptedException {
        StopCause cause = null;
        RuntimeException closeFailure;
        try {
            cause = runToEnd(made, companion);
        } finally {
            companion.ended(cause);
            closeFailure = close(made);
        }
        // Only now is all that the guest said out, and the terminal as it was.
        reportEnd(cause, closeFailure);
        return cause;
    }

    /** A crash came first and tells more than what it was that could not be closed then. */
    void reportEnd(StopCause cause, RuntimeException closeFailure) {
        report(cause);
        if (closeFailure != null && exitCode(cause) == OK) {
            throw closeFailure;
        }
        if (closeFailure != null) {
            err.println("hv: ".concat(closeFailure.getMessage()));
        }
    }

    private StopCause runToEnd(VirtualMachine made, Companion companion) throws InterruptedException {
        made.addListener(this);
        companion.attach(made);
        machine = made;
        if (quitting) {
            made.requestStop();
        }
        made.start();
        return made.await();
    }

    private static RuntimeException close(VirtualMachine made) {
        try {
            made.close();
            return null;
        } catch (RuntimeException failure) {
            return failure;
        }
    }

    /** Another machine may come in this process: nothing of this one stays. */
    private static void unhook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is on its way out, and the hook with it.
        }
    }

    private void endBeforeProcess() {
        quit();
        try {
            ended.await(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void report(StopCause cause) {
        switch (cause) {
            case StopCause.GuestCrash(var report) -> {
                err.println("hv: the guest crashed: " + report.headline());
                err.println(report.details());
            }
            case StopCause.HostFailure(Throwable failure, var report) -> {
                err.println("hv: " + (failure.getMessage() == null ? failure.toString() : failure.getMessage()));
                if (report != null) {
                    err.println(report);
                }
            }
            case StopCause.Halted(int cpu) -> err.println("hv: vCPU " + cpu + " halted and nothing can wake it");
            default -> { }
        }
    }

    /** What the process exits with. */
    static int exitCode(StopCause cause) {
        return switch (cause) {
            case StopCause.PowerOff() -> OK;
            case StopCause.Reset _ -> OK;
            case StopCause.HostRequest() -> OK;
            // As QEMU's isa-debug-exit; a process's exit code has eight bits.
            case StopCause.GuestExit(int status) -> (status << 1 | 1) & 0xFF;
            case StopCause.GuestCrash _ -> GUEST_CRASH;
            case StopCause.Halted _ -> GUEST_CRASH;
            case StopCause.HostFailure _ -> HOST_FAILURE;
        };
    }
}
