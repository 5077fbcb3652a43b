// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.SettingDefinition;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

@Name("dev.miraflores.SlowRequest")
@Label("Slow Disk Request")
@Description("A request that a disk took longer for than the setting slowerThan says; told when it was answered")
@Category("Miraflores")
@StackTrace(false)
final class SlowRequestEvent extends Event {
    @Label("Drive")
    String drive;

    @Label("Queue")
    int queue;

    @Label("Operation")
    String operation;

    @Label("Offset")
    @DataAmount
    long offset;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Result")
    @Description("0, or a negative errno")
    int result;

    @Label("Latency")
    @Description("From when it was taken from its queue until it was answered")
    @Timespan(Timespan.NANOSECONDS)
    long latency;

    @Label("Before Engine")
    @Description("The part of it in stages, such as throttling, or waiting for room")
    @Timespan(Timespan.NANOSECONDS)
    long beforeEngine;

    @Label("In Engine")
    @Description("The part of it with the host's kernel")
    @Timespan(Timespan.NANOSECONDS)
    long inEngine;

    @Label("After Engine")
    @Description("The part of it on the way back, such as waiting for the target of a mirror")
    @Timespan(Timespan.NANOSECONDS)
    long afterEngine;

    @Name(SlowerThan.NAME)
    @Label("Slower Than")
    @Description("The least latency that is told of")
    @Timespan
    @SettingDefinition
    boolean slowerThan(SlowerThan setting) {
        return latency >= setting.ns();
    }
}
