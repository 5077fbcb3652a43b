// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

@Name("dev.miraflores.Throttle")
@Label("Throttle")
@Description("A disk's reads or writes were held back by its limits; told once none is any more, and each second until then")
@Category("Miraflores")
@StackTrace(false)
final class ThrottleEvent extends Event {
    @Label("Group")
    String group;

    @Label("Write")
    boolean write;

    @Label("Held For")
    @Timespan(Timespan.NANOSECONDS)
    long heldFor;

    @Label("Requests Held")
    @Description("How many were held back in that time")
    long requests;
}
