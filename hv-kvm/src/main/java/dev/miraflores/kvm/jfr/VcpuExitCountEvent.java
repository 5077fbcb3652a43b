// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("dev.miraflores.VcpuExitCount")
@Label("Virtual CPU Exit Count")
@Description("How often a virtual CPU left the guest for one reason since it started; once a second while it does")
@Category("Miraflores")
@StackTrace(false)
@Enabled(false)
final class VcpuExitCountEvent extends Event {
    @Label("Virtual Machine")
    String vm;

    @Label("Virtual CPU")
    int vcpu;

    @Label("Reason")
    String reason;

    @Label("Count")
    long count;
}
