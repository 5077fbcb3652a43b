// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.devices.balloon.BalloonCounter;
import dev.miraflores.devices.balloon.BalloonStatistic;
import dev.miraflores.devices.balloon.BalloonStatistics;
import dev.miraflores.machine.Balloon;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorException;
import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The balloon's commands. Its statistics are properties of an object, as in QEMU (docs/virtio-balloon-stats.txt), which is the
 * only one that there is here.
 */
final class QmpBalloon {

    private static final String TYPE = "virtio-balloon-pci";
    private static final String STATISTICS = "guest-stats";
    private static final String INTERVAL = "guest-stats-polling-interval";
    private static final long MAX_INTERVAL = 0xFFFF_FFFFL;

    private final Monitor monitor;

    QmpBalloon(Monitor monitor) {
        this.monitor = monitor;
    }

    List<QmpCommand> commands() {
        return List.of(
                QmpCommand.of("balloon", "value:int", arguments -> {
                    monitor.balloon().setTargetBytes(arguments.number("value", 0));
                    return null;
                }),
                QmpCommand.of("query-balloon", "", _ -> object("actual", monitor.balloon().actualBytes())),
                QmpCommand.of("x-hv-hint-free-pages", "", _ -> {
                    monitor.balloon().beginHinting();
                    return null;
                }),
                QmpCommand.of("qom-get", "path:str,property:str", this::get),
                QmpCommand.of("qom-set", "path:str,property:str,value:any", this::set));
    }

    private Object get(QmpArguments arguments) {
        Balloon balloon = monitor.balloon().byPath(arguments.text("path"));
        return switch (arguments.text("property")) {
            case "type" -> TYPE;
            case INTERVAL -> balloon.pollingSeconds();
            case STATISTICS -> object("stats", values(balloon.statistics()), "last-update", balloon.statistics().lastUpdate());
            case "deflate-on-oom" -> balloon.config().options().deflateOnOom();
            case "free-page-reporting" -> balloon.config().options().freePageReporting();
            case "free-page-hint" -> balloon.config().options().freePageHint();
            default -> throw noProperty(arguments.text("property"));
        };
    }

    private Object set(QmpArguments arguments) {
        Balloon balloon = monitor.balloon().byPath(arguments.text("path"));
        String property = arguments.text("property");
        switch (property) {
            case INTERVAL -> balloon.setPollingSeconds(interval(arguments.all().get("value")));
            case "type", STATISTICS -> throw new MonitorException("Property '" + TYPE + "." + property + "' is not writable");
            case "deflate-on-oom", "free-page-reporting", "free-page-hint" -> throw new MonitorException("Attempt to set property '"
                    + property + "' on device '" + balloon.id() + "' (type '" + TYPE + "') after it was realized");
            default -> throw noProperty(property);
        }
        return null;
    }

    private static long interval(Object value) {
        if (!(value instanceof Long seconds)) {
            throw new MonitorException("Invalid parameter type for '" + INTERVAL + "', expected: integer");
        }
        if (seconds < 0) {
            throw new MonitorException("timer value must be greater than zero");
        }
        if (seconds > MAX_INTERVAL) {
            throw new MonitorException("timer value is too big");
        }
        return seconds;
    }

    private static MonitorException noProperty(String property) {
        return new MonitorException("Property '" + TYPE + "." + property + "' not found");
    }

    /** Unsigned, as they are in QEMU: one that is not known is 2^64 − 1. */
    private static Map<String, Object> values(BalloonStatistics statistics) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (BalloonStatistic statistic : BalloonStatistic.values()) {
            long value = statistics.get(statistic);
            values.put(statistic.toString(), value >= 0 ? value : new BigInteger(Long.toUnsignedString(value)));
        }
        return values;
    }

    /** Of {@code x-hv-query-stats}; null where there is none. */
    static Map<String, Object> statistics(Balloon balloon) {
        if (balloon == null) {
            return null;
        }
        Map<String, Object> counters = object("id", balloon.id(), "actual", balloon.actualBytes(), "target", balloon.targetBytes(),
                "hinting", balloon.isHinting());
        for (BalloonCounter counter : BalloonCounter.values()) {
            counters.put(counter.name().toLowerCase(Locale.ROOT).replace('_', '-'), balloon.counters().get(counter));
        }
        return counters;
    }
}
