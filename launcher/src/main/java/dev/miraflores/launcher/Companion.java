// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.VirtualMachine;

/** What goes along with a machine in the foreground. Thread: the command's. */
interface Companion {

    Companion NONE = new Companion() {

        @Override
        public void attach(VirtualMachine machine) {
        }

        @Override
        public void ended(StopCause cause) {
        }
    };

    /** The machine is made, and about to start. */
    void attach(VirtualMachine machine);

    /** It has ended, and is about to be closed. */
    void ended(StopCause cause);
}
