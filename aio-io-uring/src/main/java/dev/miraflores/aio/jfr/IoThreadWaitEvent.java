// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

@Name("dev.miraflores.IoThreadWait")
@Label("I/O Thread Wait")
@Description("An I/O thread had nothing to do; the duration is until it had")
@Category("Miraflores")
@StackTrace(false)
@Enabled(false)
final class IoThreadWaitEvent extends Event {
    @Label("Poll Time")
    @Description("For how long it was to look for work before it slept")
    @Timespan(Timespan.NANOSECONDS)
    long pollTime;

    @Label("Slept")
    @Description("Whether it did sleep")
    boolean slept;

    @Label("Next Poll Time")
    @Description("What it has made of that")
    @Timespan(Timespan.NANOSECONDS)
    long nextPollTime;
}
