// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * QEMU's words for a disk behind a vhost-user back end: {@code --chardev socket,id=C,path=PATH} names the socket,
 * {@code --device vhost-user-blk-pci,chardev=C} makes a disk of it. They say what {@code --drive vhost-user=PATH} says.
 * <p>Thread: one.
 */
public final class VhostUserOptions {

    private static final String CHARDEV = "--chardev";
    private static final String DEVICE = "--device";
    private static final List<String> MODELS = List.of("vhost-user-blk-pci", "vhost-user-blk", "vhost-user-blk-device");
    private static final List<String> DEVICE_KEYS = List.of("chardev", "id", "num-queues", "queue-size", "packed");

    private VhostUserOptions() {
    }

    /**
     * The disks that devices make of chardevs.
     *
     * @throws ConfigException where one says something that is unknown or wrong, names no chardev, or leaves one over
     */
    public static List<DriveConfig> parse(List<String> chardevs, List<String> devices) {
        Map<String, String> paths = new LinkedHashMap<>();
        for (String chardev : chardevs) {
            addSocket(paths, chardev);
        }
        List<DriveConfig> drives = new ArrayList<>();
        List<String> left = new ArrayList<>(paths.keySet());
        for (String device : devices) {
            Map<String, String> pairs = pairs(DEVICE, device, MODELS);
            String id = pairs.get("chardev");
            if (id == null || !paths.containsKey(id)) {
                throw new ConfigException(DEVICE + " " + device + ": " + (id == null ? "no chardev is named; write chardev=ID"
                        : "no --chardev has id=" + id + "; give it one: --chardev socket,id=" + id + ",path=PATH"));
            }
            if (!left.remove(id)) {
                throw new ConfigException(DEVICE + " " + device + ": another device has chardev=" + id
                        + ", and a back end serves one; use a chardev of its own");
            }
            drives.add(drive(device, pairs, paths.get(id)));
        }
        if (!left.isEmpty()) {
            throw new ConfigException(CHARDEV + " id=" + left.getFirst() + ": no device uses it; add --device "
                    + MODELS.getFirst() + ",chardev=" + left.getFirst());
        }
        return drives;
    }

    private static void addSocket(Map<String, String> paths, String text) {
        Map<String, String> pairs = pairs(CHARDEV, text, List.of("socket"));
        for (Map.Entry<String, String> pair : pairs.entrySet()) {
            switch (pair.getKey()) {
                case "id", "path" -> { }
                // We always connect, and connect again when the back end is gone.
                case "server", "wait" -> {
                    if (!pair.getValue().equals("off")) {
                        throw wrong(CHARDEV, text, pair.getKey() + "=" + pair.getValue()
                                + ": the back end listens and hv connects; leave it out");
                    }
                }
                case "reconnect", "reconnect-ms" -> {
                    if (Quantity.parse(pair.getValue()) < 0) {
                        throw wrong(CHARDEV, text, pair.getKey() + "=" + pair.getValue()
                                + ": not a number; leave it out, hv tries again at least once a second");
                    }
                }
                default -> throw wrong(CHARDEV, text, "unknown key '" + pair.getKey() + "'; the nearest is '"
                        + Nearest.to(pair.getKey(), List.of("id", "path", "server", "reconnect")) + "'");
            }
        }
        String id = pairs.get("id");
        String path = pairs.get("path");
        if (id == null || id.isEmpty() || path == null || path.isEmpty()) {
            throw wrong(CHARDEV, text, "it needs both id=ID and path=PATH");
        }
        if (paths.put(id, path) != null) {
            throw wrong(CHARDEV, text, "two have this id; change one");
        }
    }

    private static DriveConfig drive(String device, Map<String, String> pairs, String path) {
        StringBuilder text = new StringBuilder("vhost-user=").append(path.replace(",", ",,"));
        for (Map.Entry<String, String> pair : pairs.entrySet()) {
            if (!DEVICE_KEYS.contains(pair.getKey())) {
                throw wrong(DEVICE, device, "unknown key '" + pair.getKey() + "'; the nearest is '"
                        + Nearest.to(pair.getKey(), DEVICE_KEYS) + "'");
            }
            if (!pair.getKey().equals("chardev")) {
                String key = pair.getKey().equals("num-queues") ? "queues" : pair.getKey();
                text.append(',').append(key).append('=').append(pair.getValue().replace(",", ",,"));
            }
        }
        return DriveConfig.parse(text.toString());
    }

    /** What follows the word in front, which is one of {@code words}. */
    private static Map<String, String> pairs(String option, String text, List<String> words) {
        int comma = text.indexOf(',');
        String word = comma < 0 ? text : text.substring(0, comma);
        if (!words.contains(word)) {
            throw wrong(option, text, "'" + word + "' is not built; use " + words.getFirst());
        }
        return comma < 0 ? Map.of() : KeyValues.parse(option, text.substring(comma + 1));
    }

    private static ConfigException wrong(String option, String text, String what) {
        return new ConfigException(option + " " + text + ": " + what);
    }
}
