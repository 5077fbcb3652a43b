// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

/** The classes of QMP's errors (QEMU's qapi/error.json). */
public enum ErrorClass {
    /** Whatever has no class of its own. */        GENERIC("GenericError"),
    /** There is no such command. */                COMMAND_NOT_FOUND("CommandNotFound"),
    /** The machine has no such device at work. */  DEVICE_NOT_ACTIVE("DeviceNotActive"),
    /** There is no device of that name. */         DEVICE_NOT_FOUND("DeviceNotFound");

    private final String word;

    ErrorClass(String word) {
        this.word = word;
    }

    @Override
    public String toString() {
        return word;
    }
}
