// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("dev.miraflores.VcpuExit")
@Label("Virtual CPU Exit")
@Description("A virtual CPU left the guest; the duration is that of its handling")
@Category("Miraflores")
@StackTrace(false)
@Enabled(false)
final class VcpuExitEvent extends Event {
    @Label("Virtual Machine")
    String vm;

    @Label("Virtual CPU")
    int vcpu;

    @Label("Reason")
    String reason;
}
