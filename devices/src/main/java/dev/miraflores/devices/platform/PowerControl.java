// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

/**
 * What a guest can ask of its machine as a whole.
 * <p>Thread: called on the vCPU thread whose write asked for it, which must not be waited for here; may be called
 * again, from several at once.
 */
public interface PowerControl {

    /** Soft off: ACPI S5. */
    void powerOff();

    /** Reset of the whole machine. */
    void reset();

    /** The guest ends the run and says how; the process's exit code is {@code value * 2 + 1}, as QEMU's isa-debug-exit has it. */
    void debugExit(int value);
}
