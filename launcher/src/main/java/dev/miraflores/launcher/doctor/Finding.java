// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

/**
 * One thing that was looked at.
 *
 * @param name   what it is called on the host: a device, a capability, a limit
 * @param status how it is
 * @param detail what was found
 * @param remedy what to do; empty where nothing is lacking
 */
public record Finding(String name, Status status, String detail, String remedy) {

    /** How a thing is. */
    public enum Status {
        /** There, and good enough. */
        OK("ok"),
        /** Lacking; machines run, but some feature or speed is not to be had. */
        LACKING("lacking"),
        /** Lacking, and without it no machine runs. */
        FAILED("failed");

        private final String word;

        Status(String word) {
            this.word = word;
        }

        /** For people and for scripts. */
        public String word() {
            return word;
        }
    }

    static Finding ok(String name, String detail) {
        return new Finding(name, Status.OK, detail, "");
    }

    static Finding lacking(String name, String detail, String remedy) {
        return new Finding(name, Status.LACKING, detail, remedy);
    }

    static Finding failed(String name, String detail, String remedy) {
        return new Finding(name, Status.FAILED, detail, remedy);
    }
}
