// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import java.nio.file.Path;
import java.util.List;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;

/** Files that recordings end in: JFR makes them at once, and opens them again at the end. Loaded only where it records. */
final class FlightPaths {

    private FlightPaths() {
    }

    static void addFiles(List<String> paths) {
        for (Recording recording : FlightRecorder.getFlightRecorder().getRecordings()) {
            Path file = recording.getDestination();
            if (file != null) {
                paths.add(file.toString());
            }
        }
    }
}
