// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.monitor.json.Json;
import java.util.Map;

/**
 * Whether the machine runs, and the buttons that change it.
 * <p>Thread: any.
 */
public final class RunControl {

    private final MonitoredMachine machine;
    private final EventHub events;
    /** A disk failed and has not paused the machine yet. */
    private volatile boolean failing;
    private volatile boolean failedOnHost;
    private volatile String endReason;
    private boolean endTold;

    RunControl(MonitoredMachine machine, EventHub events) {
        this.machine = machine;
        this.events = events;
    }

    /** In QEMU's words (RunState): running, paused, io-error, shutdown, guest-panicked or internal-error. */
    public String status() {
        return switch (machine.stopCause()) {
            case null -> !machine.isPaused() ? "running" : failedOnHost ? "io-error" : "paused";
            case StopCause.GuestCrash _, StopCause.Halted _ -> "guest-panicked";
            case StopCause.HostFailure _ -> "internal-error";
            default -> "shutdown";
        };
    }

    public boolean isRunning() {
        return machine.stopCause() == null && !machine.isPaused();
    }

    /** Holds vCPUs and disks; what is in flight is finished by then. */
    public void stop() {
        machine.pause();
    }

    /** Lets them go on. */
    public void cont() {
        machine.resume();
    }

    /** Presses the power button. */
    public void powerDown() {
        machine.pressPowerButton();
        events.tell("POWERDOWN", Map.of());
    }

    /** Presses the reset button: the guest starts anew, or the machine ends, where it was made so. */
    public void reset() {
        machine.requestReset();
    }

    /** Ends the machine, its disks' I/O finished. */
    public void quit() {
        endReason = "host-qmp-quit";
        machine.requestStop();
    }

    void paused() {
        failedOnHost = failing;
        failing = false;
        events.tell("STOP", Map.of());
    }

    void resumed() {
        events.tell("RESUME", Map.of());
    }

    /** A disk failed and holds the machine up. */
    void failed() {
        failing = true;
    }

    /** Says once how the machine ended. */
    synchronized void ended(StopCause cause) {
        if (endTold) {
            return;
        }
        endTold = true;
        if (cause instanceof StopCause.GuestCrash || cause instanceof StopCause.Halted) {
            events.tell("GUEST_PANICKED", Json.object("action", "poweroff"));
        }
        events.tell("SHUTDOWN", Json.object("guest", isGuests(cause), "reason", reason(cause)));
    }

    private boolean isGuests(StopCause cause) {
        return switch (cause) {
            case StopCause.HostRequest _, StopCause.HostFailure _ -> false;
            case StopCause.Reset(boolean byGuest) -> byGuest;
            default -> true;
        };
    }

    /** In QEMU's words (ShutdownCause). */
    static String resetReason(boolean byGuest) {
        return byGuest ? "guest-reset" : "host-qmp-system-reset";
    }

    /** In QEMU's words (ShutdownCause). */
    private String reason(StopCause cause) {
        return switch (cause) {
            case StopCause.PowerOff _, StopCause.GuestExit _ -> "guest-shutdown";
            case StopCause.Reset(boolean byGuest) -> resetReason(byGuest);
            case StopCause.GuestCrash _, StopCause.Halted _ -> "guest-panic";
            case StopCause.HostFailure _ -> "host-error";
            case StopCause.HostRequest _ -> "host-qmp-quit".equals(endReason) ? endReason : "host-signal";
        };
    }
}
