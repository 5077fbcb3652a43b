// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vm;
import java.time.Duration;

/**
 * A virtual machine: a PC with virtio disks, made from a {@link MachineConfig}.
 * <p>{@link #create} opens all it needs, checks it and puts the kernel into memory; {@link #start} lets it run. The end,
 * whoever caused it, is a {@link StopCause} from {@link #await}.
 * <p>Thread: any. {@code pause}, {@code await} and {@code close} wait for the vCPUs.
 * <p>Lifetime: until {@link #close}, which stops a machine that runs, finishes its I/O, and leaves no thread, mapping or
 * descriptor behind. Any number of machines live in one JVM; none ends it or another.
 */
public final class VirtualMachine implements AutoCloseable {

    private final Cleanup cleanup;
    private final Vm vm;
    private final Board board;
    private boolean closed;

    VirtualMachine(Cleanup cleanup, Vm vm, Board board) {
        this.cleanup = cleanup;
        this.vm = vm;
        this.board = board;
    }

    /**
     * Makes a machine that is ready to start. Where it fails, all is given back and no file was changed.
     *
     * @throws ConfigException where the host cannot give what is asked for
     * @throws dev.miraflores.kvm.KvmUnavailableException where there is no KVM, or none that may be used
     * @throws dev.miraflores.kvm.boot.BootException where the kernel or the initrd is none, or does not fit
     * @throws dev.miraflores.aio.DriveException where an image cannot be a disk, or is in use
     */
    public static VirtualMachine create(MachineConfig config) {
        Cleanup cleanup = new Cleanup();
        try {
            return new Assembly(config, cleanup).build();
        } catch (RuntimeException | Error failure) {
            try {
                cleanup.close();
            } catch (RuntimeException another) {
                failure.addSuppressed(another);
            }
            throw failure;
        }
    }

    /**
     * Lets the vCPUs run; once in a machine's life. One that was asked to stop already ends at once.
     *
     * @throws IllegalStateException when it was started before, or is closed
     */
    public synchronized void start() {
        if (closed) {
            throw new IllegalStateException("the machine is closed");
        }
        vm.start();
    }

    /**
     * Holds all vCPUs outside of the guest and returns when they are; disk I/O under way goes on to its end.
     *
     * @return false when the machine stopped instead
     */
    public boolean pause() {
        return vm.pause();
    }

    /** Lets paused vCPUs go on. */
    public void resume() {
        vm.resume();
    }

    public boolean isPaused() {
        return vm.isPaused();
    }

    /** Presses the power button: a guest that listens powers itself off. */
    public void pressPowerButton() {
        board.pressPowerButton();
    }

    /** Asks the machine to end, without waiting for it. Does nothing where it has ended. */
    public void requestStop() {
        vm.requestStop(new StopCause.HostRequest());
    }

    /** Why the machine ended, or null. */
    public StopCause stopCause() {
        return vm.stopCause();
    }

    /** Waits for the machine's end. What the guest has printed by then may still be on its way out until {@code close}. */
    public StopCause await() throws InterruptedException {
        return vm.await();
    }

    /** As {@link #await()}; null when the time is up. */
    public StopCause await(Duration timeout) throws InterruptedException {
        return vm.await(timeout);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            cleanup.close();
        }
    }
}
