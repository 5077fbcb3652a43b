// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

@Name("dev.miraflores.IoThread")
@Label("I/O Thread")
@Description("What an I/O thread has done since it was last told of: how often it worked, polled and slept")
@Category("Miraflores")
@StackTrace(false)
@Period("1 s")
final class IoThreadEvent extends Event {
    @Label("I/O Thread")
    String ioThread;

    @Label("Span")
    @Description("What the numbers are of: since the last of these events, or since the thread noticed that someone records")
    @Timespan(Timespan.NANOSECONDS)
    long span;

    @Label("Turns")
    long turns;

    @Label("Events")
    @Description("Completions and doorbells taken")
    long events;

    @Label("Sleeps")
    long sleeps;

    @Label("Poll Hits")
    @Description("Times polling found work")
    long pollHits;

    @Label("Poll Misses")
    @Description("Times polling found none, so that it went to sleep after all")
    long pollMisses;

    @Label("Polled For")
    @Timespan(Timespan.NANOSECONDS)
    long polledFor;

    @Label("Slept For")
    @Description("Sleeps that have ended; one may have begun before the span")
    @Timespan(Timespan.NANOSECONDS)
    long sleptFor;
}
