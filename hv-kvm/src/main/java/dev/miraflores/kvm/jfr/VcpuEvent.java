// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("dev.miraflores.Vcpu")
@Label("Virtual CPU")
@Description("A virtual CPU started, paused, resumed or ended")
@Category("Miraflores")
@StackTrace(false)
final class VcpuEvent extends Event {
    @Label("Virtual Machine")
    String vm;

    @Label("Virtual CPU")
    int vcpu;

    @Label("State")
    String state;
}
