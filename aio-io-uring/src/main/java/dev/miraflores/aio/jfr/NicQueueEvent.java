// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

@Name("dev.miraflores.NicQueue")
@Label("NIC Queue")
@Description("What one direction of a network interface's queue pair has done since it was last told of")
@Category("Miraflores")
@StackTrace(false)
@Period("1 s")
final class NicQueueEvent extends Event {
    @Label("NIC")
    String nic;

    @Label("Queue Pair")
    int pair;

    @Label("Direction")
    @Description("receive, to the guest, or transmit")
    String direction;

    @Label("Span")
    @Description("What the numbers are of: since the last of these events, or since the network interface noticed that someone records")
    @Timespan(Timespan.NANOSECONDS)
    long span;

    @Label("Packets")
    long packets;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Drops")
    @Description("Packets that did not get through")
    long drops;

    @Label("Malformed")
    @Description("Buffers given back unused, because nothing could be made of them")
    long malformed;

    @Label("Waits")
    @Description("Times that the queue stood still: for room in the back end, or for buffers of the driver's to receive into")
    long waits;

    @Label("Interrupts")
    @Description("Used buffer notifications sent")
    long interrupts;
}
