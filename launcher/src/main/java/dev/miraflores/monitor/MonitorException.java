// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

/** A command cannot do what it was asked. The message is one line, in QEMU's words where it has some. */
public final class MonitorException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final ErrorClass errorClass;

    public MonitorException(ErrorClass errorClass, String message) {
        super(message);
        this.errorClass = errorClass;
    }

    /** One of {@link ErrorClass#GENERIC}. */
    public MonitorException(String message) {
        this(ErrorClass.GENERIC, message);
    }

    public ErrorClass errorClass() {
        return errorClass;
    }
}
