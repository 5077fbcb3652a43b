// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("dev.miraflores.DriveEngine")
@Label("Drive Engine")
@Description("A drive was opened on an I/O thread, with the engine that hands its requests to the kernel")
@Category("Miraflores")
@StackTrace(false)
final class DriveEngineEvent extends Event {
    @Label("Drive")
    String drive;

    @Label("Engine")
    String engine;

    @Label("Fallback")
    @Description("Whether a better engine was passed over")
    boolean fallback;

    @Label("Why Not A Better One")
    String whyNot;
}
