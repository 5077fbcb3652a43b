// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.KeyValues;
import dev.miraflores.machine.Nearest;
import dev.miraflores.monitor.BlockJob;
import dev.miraflores.monitor.BlockNode;
import dev.miraflores.monitor.MirrorRequest;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorException;
import dev.miraflores.monitor.NodeOptions;
import dev.miraflores.monitor.Throttles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The commands, and what may come next where somebody is typing one.
 * <p>Thread: any.
 */
public final class HmpCommands {

    private static final long MIB = 1L << 20;

    private final Monitor monitor;
    private final HmpInfo info;
    private final List<HmpCommand> all = new ArrayList<>();

    /** @param version this program's */
    public HmpCommands(Monitor monitor, String version) {
        this.monitor = monitor;
        this.info = new HmpInfo(monitor, version);
        addRun();
        addDisks();
        addJobs();
        addNetwork();
        add("info", "SUBCOMMAND", "shows something; without a word, what there is to show", 0, 1,
                String.join("|", info.names()), info::show);
        add("help|?", "[COMMAND]", "shows this", 0, 1, NAMES, this::help);
    }

    private static final String NAMES = "NAMES";

    private void addRun() {
        add("stop|s", "", "holds the machine", 0, 0, HmpCommand.NOTHING, _ -> done(monitor.run()::stop));
        add("cont|c", "", "lets it go on", 0, 0, HmpCommand.NOTHING, _ -> done(monitor.run()::cont));
        add("balloon", "MIB", "asks the guest to make do with so much memory", 1, 1, HmpCommand.NOTHING, words ->
                done(() -> monitor.balloon().setTargetBytes(bytes(words.getFirst()))));
        add("system_powerdown", "", "presses the power button", 0, 0, HmpCommand.NOTHING, _ -> done(monitor.run()::powerDown));
        add("system_reset", "", "presses the reset button: the guest starts anew", 0, 0, HmpCommand.NOTHING,
                _ -> done(monitor.run()::reset));
        add("quit|q", "", "ends the machine", 0, 0, HmpCommand.NOTHING, _ -> done(monitor.run()::quit));
    }

    private void addDisks() {
        add("block_resize", "DEVICE SIZE", "changes a disk's size; a plain number is MiB", 2, 2, HmpCommand.DISKS, words ->
                done(() -> disk(words).resize(bytes(words.get(1)))));
        add("block_set_io_throttle", "DEVICE BPS BPS_RD BPS_WR IOPS IOPS_RD IOPS_WR", "changes a disk's limits; 0 is none",
                7, 7, HmpCommand.DISKS, this::setThrottle);
        add("drive_add", "0 file=FILE,id=ID[,KEY=VALUE]...", "names an image that a disk can be made of", 2, 2,
                HmpCommand.NOTHING, this::driveAdd);
        add("drive_del", "ID", "forgets it", 1, 1, HmpCommand.NOTHING, words -> done(() -> monitor.nodes().delete(words.getFirst())));
        add("device_add", "virtio-blk-pci|virtio-net-pci,drive=ID|netdev=ID,id=ID[,KEY=VALUE]...", "plugs a disk or a network interface", 1, 1, HmpCommand.NOTHING, this::deviceAdd);
        add("device_del", "ID", "asks the guest for one", 1, 1, HmpCommand.DEVICES, words ->
                done(() -> monitor.devices().delete(words.getFirst())));
    }

    private void addNetwork() {
        HmpNet net = new HmpNet(monitor);
        add("netdev_add", "user|tap|socket|stream,id=ID[,KEY=VALUE]...", "names what a network interface can be made of", 1, 1,
                HmpCommand.NOTHING, net::addNetdev);
        add("netdev_del", "ID", "forgets it", 1, 1, HmpCommand.NETDEVS, words -> done(() -> monitor.netdevs().delete(words.getFirst())));
        add("set_link", "NAME on|off", "puts a network interface's cable in, or pulls it", 2, 2, HmpCommand.NICS, net::setLink);
        add("announce_self", "[NAME[,NAME]...]", "has the guest tell the network where it is", 0, 1, HmpCommand.NICS, net::announce);
    }

    private void addJobs() {
        add("drive_mirror", "[-n] DEVICE FILE", "mirrors a disk to a file, which is made unless -n is said", 2, 3,
                HmpCommand.DISKS, this::mirror);
        add("block_job_complete", "JOB", "lets the disk go on with its mirror", 1, 1, HmpCommand.JOBS, words ->
                done(() -> monitor.jobs().complete(words.getFirst())));
        add("block_job_cancel", "[-f] JOB", "ends a mirror; the copy is good if it was ready and -f is not said", 1, 2,
                HmpCommand.JOBS, this::cancel);
        add("block_job_pause", "JOB", "copies nothing for now", 1, 1, HmpCommand.JOBS, words ->
                done(() -> monitor.jobs().pause(words.getFirst())));
        add("block_job_resume", "JOB", "copies on", 1, 1, HmpCommand.JOBS, words ->
                done(() -> monitor.jobs().resume(words.getFirst())));
        add("block_job_set_speed", "JOB SPEED", "copies at most that much a second; 0 is any", 2, 2, HmpCommand.JOBS, words ->
                done(() -> monitor.jobs().setSpeed(words.getFirst(), scaled(words.get(1), 1))));
    }

    private void add(String name, String usage, String help, int least, int most, String complete, HmpCommand.Action action) {
        all.add(new HmpCommand(name, usage, help, least, most, complete, action));
    }

    private static String done(Runnable action) {
        action.run();
        return "";
    }

    /** What a line does, as text of whole lines; errors too. */
    public String run(String line) {
        List<String> words = words(line);
        if (words.isEmpty()) {
            return "";
        }
        HmpCommand command = find(words.getFirst());
        if (command == null) {
            List<String> names = all.stream().flatMap(one -> one.names().stream()).toList();
            return "unknown command: '" + printable(words.getFirst()) + "'; the nearest is '" + Nearest.to(words.getFirst().substring(0,
                    Math.min(40, words.getFirst().length())), names) + "', and help tells all\n";
        }
        List<String> given = words.subList(1, words.size());
        if (given.size() < command.least() || given.size() > command.most()) {
            return usage(command);
        }
        try {
            return command.action().run(given);
        } catch (RuntimeException e) {
            return "Error: " + printable(e.getMessage() == null ? e.toString() : e.getMessage()) + "\n";
        }
    }

    private static String usage(HmpCommand command) {
        return ("usage: " + command.names().getFirst() + " " + command.usage()).strip() + "\n";
    }

    /** What a terminal would act on is not passed back to it. */
    private static String printable(String text) {
        StringBuilder printable = new StringBuilder();
        text.codePoints().limit(1000).forEach(c -> printable.appendCodePoint(Character.isISOControl(c) ? '?' : c));
        return printable.toString();
    }

    private HmpCommand find(String name) {
        for (HmpCommand command : all) {
            if (command.names().contains(name)) {
                return command;
            }
        }
        return null;
    }

    /** The words of a line; one with spaces is put in double quotes. */
    private static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '"') {
                quoted = !quoted;
                word = word == null ? new StringBuilder() : word;
            } else if (!quoted && Character.isWhitespace(c)) {
                if (word != null) {
                    words.add(word.toString());
                    word = null;
                }
            } else {
                word = word == null ? new StringBuilder() : word;
                word.append(c);
            }
        }
        if (word != null) {
            words.add(word.toString());
        }
        return words;
    }

    /** What the last word may become, of those before it; none where that is not known. */
    public List<String> candidates(List<String> before) {
        if (before.isEmpty()) {
            return all.stream().map(command -> command.names().getFirst()).toList();
        }
        HmpCommand command = find(before.getFirst());
        if (command == null) {
            return List.of();
        }
        return switch (command.complete()) {
            case HmpCommand.NOTHING -> List.of();
            case HmpCommand.NICS -> new HmpNet(monitor).names();
            case HmpCommand.NETDEVS -> monitor.netdevs().names();
            case HmpCommand.DEVICES -> Stream.concat(monitor.disks().all().stream().map(Drive::id),
                    new HmpNet(monitor).names().stream()).toList();
            case HmpCommand.DISKS -> monitor.disks().all().stream().map(Drive::id).toList();
            case HmpCommand.JOBS -> monitor.jobs().all().stream().map(BlockJob::id).toList();
            case NAMES -> candidates(List.of());
            default -> List.of(command.complete().split("\\|"));
        };
    }

    private String help(List<String> words) {
        StringBuilder text = new StringBuilder();
        for (HmpCommand command : all) {
            if (words.isEmpty() || command.names().contains(words.getFirst())) {
                text.append((command.name() + " " + command.usage()).strip()).append(" -- ").append(command.help()).append('\n');
            }
        }
        if (text.isEmpty()) {
            throw new MonitorException("there is no command '" + words.getFirst() + "'; help tells all");
        }
        return text.toString();
    }

    private Drive disk(List<String> words) {
        String name = words.getFirst();
        try {
            return monitor.disks().byDeviceOrNode(name);
        } catch (MonitorException e) {
            return monitor.disks().byId(name);
        }
    }

    private static long bytes(String text) {
        return scaled(text, MIB);
    }

    private static long scaled(String text, long unit) {
        int end = text.length();
        int suffix = end == 0 ? -1 : "BKMGT".indexOf(Character.toUpperCase(text.charAt(end - 1)));
        try {
            long number = Long.parseLong(suffix < 0 ? text : text.substring(0, end - 1));
            return Math.multiplyExact(number, suffix < 0 ? unit : 1L << 10 * suffix);
        } catch (NumberFormatException | ArithmeticException e) {
            throw new MonitorException("'" + text + "' is not a size; write a number, or one with K, M, G or T");
        }
    }

    private String setThrottle(List<String> words) {
        Map<String, Long> values = new LinkedHashMap<>();
        for (ThrottleKind kind : ThrottleKind.values()) {
            values.put(Throttles.name(kind), scaled(words.get(1 + kind.ordinal()), 1));
        }
        disk(words).setThrottle(Throttles.config(name -> values.getOrDefault(name, 0L)));
        return "";
    }

    private String driveAdd(List<String> words) {
        String options = ("," + words.get(1)).replace(",if=none", "");
        if (options.isEmpty()) {
            throw new MonitorException("no file is named; write file=FILE,id=ID");
        }
        DriveConfig drive = DriveConfig.parse(options.substring(1));
        if (drive.id() == null) {
            throw new MonitorException("a drive that is added needs a name; write id=NAME");
        }
        String driver = drive.format() == DriveConfig.Format.NULL ? "null-co" : drive.format().toString();
        BlockNode node = new BlockNode(drive.id(), driver, drive.withId(null), null, true);
        NodeOptions.look(node);
        monitor.nodes().add(node);
        return "OK\n";
    }

    private String deviceAdd(List<String> words) {
        String text = words.getFirst();
        Map<String, String> pairs = KeyValues.parse("device_add", text.startsWith("driver=") ? text : "driver=" + text);
        monitor.devices().add(new LinkedHashMap<>(pairs));
        return "";
    }

    private String mirror(List<String> words) {
        boolean existing = words.getFirst().equals("-n");
        List<String> given = existing ? words.subList(1, words.size()) : words;
        if (given.size() != 2) {
            return usage(find("drive_mirror"));
        }
        Drive drive = disk(given);
        monitor.jobs().mirrorToFile(new MirrorRequest(drive.id(), monitor.disks().node(drive).name(), 0, 0, 0), given.get(1), !existing, null);
        return "";
    }

    private String cancel(List<String> words) {
        boolean force = words.getFirst().equals("-f");
        if (words.size() != (force ? 2 : 1)) {
            return usage(find("block_job_cancel"));
        }
        monitor.jobs().cancel(words.getLast(), force);
        return "";
    }
}
