// SPDX-License-Identifier: Apache-2.0

/** Virtual machines as a library, and the command line over it. */
module dev.miraflores.launcher {
    requires transitive dev.miraflores.devices;
    requires transitive dev.miraflores.kvm;
    requires info.picocli;
    requires com.fasterxml.jackson.core;
    requires org.jline.reader;
    requires org.jline.terminal;
    // What JLine takes signals with.
    requires jdk.unsupported;
    requires static jdk.jfr;

    exports dev.miraflores.machine;
    exports dev.miraflores.sandbox;
}
