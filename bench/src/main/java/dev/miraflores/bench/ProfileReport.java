// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.devices.block.BlockDeviceConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedMethod;
import jdk.jfr.consumer.RecordingFile;

/**
 * {@code bench/run profile}: where the time of a request goes that nobody does anything for: the device, its ring, the
 * driver, the loop. Samples are JFR's of processor time; a method's share is that of samples taken in it, what it calls
 * left out unless the compiler lost the frame.
 */
public final class ProfileReport {

    private static final int REQUEST_BYTES = 4096;
    private static final int WARM_UP_REQUESTS = 20_000_000;
    private static final long SAMPLED_NS = 10_000_000_000L;
    private static final String EVENT = "jdk.CPUTimeSample";
    private static final Duration SAMPLE_PERIOD = Duration.ofMillis(1);
    private static final int METHODS = 20;

    private ProfileReport() {
    }

    public static void main(String[] args) throws IOException {
        int depth = args.length == 0 ? 32 : Integer.parseInt(args[0]);
        Path file = Files.createTempFile("bench-profile", ".jfr");
        try (BlockWork work = new BlockWork(BlockDeviceConfig.nothing("null"), REQUEST_BYTES, false);
                Recording recording = new Recording()) {
            work.run(WARM_UP_REQUESTS, depth);
            recording.enable(EVENT).with("throttle", SAMPLE_PERIOD.toMillis() + "ms").withStackTrace();
            recording.start();
            BlockRate rate = BlockRate.of(work, depth, SAMPLED_NS);
            recording.stop();
            recording.dump(file);
            System.out.printf("profile.null.depth%d ours=%.0fiops peer=none ratio=none cpu=%.0fns%n",
                depth, rate.iops(), rate.cpuNs());
            print(RecordingFile.readAllEvents(file), work.device().thread().name());
        } finally {
            Files.delete(file);
        }
    }

    private static void print(List<RecordedEvent> events, String threadName) {
        Map<String, Integer> samples = new HashMap<>();
        int sum = 0;
        for (RecordedEvent event : events) {
            if (event.getThread("eventThread").getJavaName().equals(threadName)) {
                samples.merge(place(event), 1, Integer::sum);
                sum++;
            }
        }
        int all = sum;
        samples.entrySet().stream().sorted(Map.Entry.comparingByValue(Comparator.reverseOrder())).limit(METHODS)
            .forEach(entry -> System.out.printf("  %5.1f %%  %s%n", 100.0 * entry.getValue() / all, entry.getKey()));
        System.out.printf("  of %d samples%n", all);
    }

    /** The innermost of our own methods, and what of the JDK's it was in: accesses to memory say little by themselves. */
    private static String place(RecordedEvent event) {
        if (event.getStackTrace() == null) {
            return "(no stack)";
        }
        for (RecordedFrame frame : event.getStackTrace().getFrames()) {
            RecordedMethod method = frame.getMethod();
            String type = method.getType().getName();
            if (type.startsWith("dev.miraflores.")) {
                return type.substring(type.lastIndexOf('.') + 1) + "." + method.getName();
            }
        }
        return event.getStackTrace().getFrames().getFirst().getMethod().getName();
    }
}
