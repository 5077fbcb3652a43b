// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("dev.miraflores.Vm")
@Label("Virtual Machine")
@Description("A virtual machine was created, started, paused, resumed, asked to stop or closed")
@Category("Miraflores")
@StackTrace(false)
final class VmEvent extends Event {
    @Label("Virtual Machine")
    String vm;

    @Label("State")
    String state;

    @Label("Cause")
    String cause;
}
