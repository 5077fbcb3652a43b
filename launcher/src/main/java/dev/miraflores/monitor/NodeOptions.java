// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.qcow2.Qcow2Image;
import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.DriveBuilder;
import dev.miraflores.machine.DriveConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a node of what {@code blockdev-add} is given (BlockdevOptions in QEMU's qapi/block-core.json). What QEMU has and this
 * has not is refused by name.
 * <p>Thread: one.
 */
public final class NodeOptions {

    private static final int MAX_DEPTH = 4;

    private final BlockNodes nodes;

    public NodeOptions(BlockNodes nodes) {
        this.nodes = nodes;
    }

    /** The node, whose image has been looked at. */
    public BlockNode node(Map<String, Object> options) {
        Reader reader = new Reader(options, "");
        String name = reader.text("node-name");
        if (name == null) {
            throw new MonitorException("'node-name' must be specified for the root node");
        }
        if (!isName(name)) {
            throw new MonitorException("Invalid node-name: '" + name + "'");
        }
        BlockNode node = node(name, reader, 0);
        look(node);
        return node;
    }

    /** As QEMU's id_wellformed: a letter, then letters, digits, and three signs; and not longer than its names are. */
    private static boolean isName(String name) {
        return name.length() < 32 && name.matches("[A-Za-z][A-Za-z0-9._-]*");
    }

    private BlockNode node(String name, Reader options, int depth) {
        if (depth > MAX_DEPTH) {
            throw new MonitorException("nodes within nodes; name them one by one");
        }
        String driver = options.need("driver");
        DriveBuilder drive = DriveConfig.builder();
        String child = switch (driver) {
            case "file", "host_device" -> file(options, drive);
            case "raw" -> onFile(options, drive, depth);
            case "qcow2" -> qcow2(options, drive, depth);
            case "null-co", "null-aio" -> nothing(options, drive);
            default -> throw new MonitorException("Parameter 'driver' does not accept value '" + driver + "'");
        };
        common(options, drive);
        options.end();
        try {
            return new BlockNode(name, driver, drive.build(), child, true);
        } catch (ConfigException e) {
            throw new MonitorException(e.getMessage());
        }
    }

    private static String file(Reader options, DriveBuilder drive) {
        drive.format(DriveConfig.Format.RAW).file(options.need("filename"));
        String aio = options.text("aio");
        if (aio != null) {
            EngineKind kind = EngineKind.of(aio);
            if (kind == null) {
                throw new MonitorException("Parameter '" + options.name("aio") + "' does not accept value '" + aio + "'");
            }
            drive.aio(kind);
        }
        String locking = options.text("locking");
        if (locking != null && !locking.equals("on") && !locking.equals("auto")) {
            throw new MonitorException("locking=" + locking + ": images are always locked; leave it out");
        }
        return null;
    }

    /** What a format stands on: a node by name, or a description of one. */
    private String onFile(Reader options, DriveBuilder drive, int depth) {
        Object file = options.take("file");
        BlockNode below;
        String child = null;
        switch (file) {
            case String name -> {
                below = nodes.get(name);
                child = name;
            }
            case Map<?, ?> inner -> below = node("#file", new Reader(inner, options.name("file.")), depth + 1);
            case null -> throw new MonitorException("Parameter '" + options.name("file") + "' is missing");
            default -> throw new MonitorException("Invalid parameter type for '" + options.name("file") + "', expected: BlockdevRef");
        }
        if (!below.driver().equals("file") && !below.driver().equals("host_device")) {
            throw new MonitorException("Node " + below.name() + " is a " + below.driver() + ": a format stands on file or host_device here");
        }
        copyOptions(below.drive(), drive);
        return child;
    }

    private static void copyOptions(DriveConfig from, DriveBuilder to) {
        to.file(from.file()).aio(from.aio()).cache(from.cache()).readOnly(from.readOnly());
    }

    private String qcow2(Reader options, DriveBuilder drive, int depth) {
        String child = onFile(options, drive, depth);
        drive.format(DriveConfig.Format.QCOW2);
        Object backing = options.take("backing");
        switch (backing) {
            case null -> { }
            case String name -> drive.backing(backing(nodes.get(name)));
            case Map<?, ?> inner -> drive.backing(backing(node("#backing", new Reader(inner, options.name("backing.")), depth + 1)));
            default -> throw new MonitorException("Invalid parameter type for '" + options.name("backing") + "', expected: BlockdevRefOrNull");
        }
        return child;
    }

    /** A node and all that stands behind it. */
    private static List<BackingFile> backing(BlockNode node) {
        List<BackingFile> chain = new ArrayList<>();
        switch (node.drive().format()) {
            case RAW -> chain.add(new BackingFile(node.drive().file(), BackingFile.Format.RAW));
            case QCOW2 -> chain.add(new BackingFile(node.drive().file(), BackingFile.Format.QCOW2));
            case NULL -> throw new MonitorException("Node " + node.name() + " is a " + node.driver() + ": nothing is behind it to read");
        }
        chain.addAll(node.drive().backing());
        return chain;
    }

    private static String nothing(Reader options, DriveBuilder drive) {
        drive.format(DriveConfig.Format.NULL);
        Long size = options.number("size");
        if (size != null) {
            drive.nullBytes(size);
        }
        options.truth("read-zeroes");
        return null;
    }

    private static void common(Reader options, DriveBuilder drive) {
        options.text("node-name");
        Boolean readOnly = options.truth("read-only");
        if (readOnly != null) {
            drive.readOnly(readOnly);
        }
        options.truth("auto-read-only");
        String discard = options.text("discard");
        // Here QEMU ignores discards unless it is told otherwise.
        drive.discard(discard != null && isUnmap(options, discard));
        String zeroes = options.text("detect-zeroes");
        if (zeroes != null && !zeroes.equals("off")) {
            throw new MonitorException("detect-zeroes=" + zeroes + " is not built; leave it out");
        }
        Object cache = options.take("cache");
        if (cache instanceof Map<?, ?> words) {
            Reader mode = new Reader(words, options.name("cache."));
            drive.cache(mode(Boolean.TRUE.equals(mode.truth("direct")), Boolean.TRUE.equals(mode.truth("no-flush"))));
            mode.end();
        } else if (cache != null) {
            throw new MonitorException("Invalid parameter type for '" + options.name("cache") + "', expected: object");
        }
    }

    private static boolean isUnmap(Reader options, String discard) {
        return switch (discard) {
            case "unmap", "on" -> true;
            case "ignore", "off" -> false;
            default -> throw new MonitorException("Parameter '" + options.name("discard") + "' does not accept value '" + discard + "'");
        };
    }

    private static CacheMode mode(boolean direct, boolean noFlush) {
        if (direct && noFlush) {
            throw new MonitorException("cache: direct and no-flush together are not built; leave one out");
        }
        return noFlush ? CacheMode.UNSAFE : direct ? CacheMode.NONE : CacheMode.WRITEBACK;
    }

    /** Opens the image and closes it, so that what is wrong with it is said now. */
    public static void look(BlockNode node) {
        DriveConfig drive = node.drive();
        if (drive.vhostUser() != null) {
            return;
        }
        try {
            switch (drive.format()) {
                case RAW -> open(node).close();
                // Whoever writes it opens it anew; one that is only looked at stays as it is.
                case QCOW2 -> Qcow2Image.open(drive.file(), drive.cache(), true,
                        drive.backing()).close();
                case NULL -> { }
            }
        } catch (DriveException e) {
            throw new MonitorException(e.getMessage());
        }
    }

    /** A file without a format may be one that has none of a disk's length, as an image in some format. */
    private static BlockFile open(BlockNode node) {
        DriveConfig drive = node.drive();
        return node.driver().equals("raw") ? BlockFile.open(drive.file(), drive.cache(), drive.readOnly())
                : BlockFile.openContainer(drive.file(), drive.cache(), drive.readOnly());
    }

    /** The members of an object, each to be taken once, with their places in errors. */
    private static final class Reader {

        private final Map<String, Object> left = new HashMap<>();
        private final String prefix;

        Reader(Map<?, ?> members, String prefix) {
            this.prefix = prefix;
            members.forEach((name, value) -> left.put((String) name, value));
        }

        String name(String member) {
            return prefix + member;
        }

        Object take(String name) {
            return left.remove(name);
        }

        String text(String name) {
            return of(name, String.class, "string");
        }

        Long number(String name) {
            return of(name, Long.class, "integer");
        }

        Boolean truth(String name) {
            return of(name, Boolean.class, "boolean");
        }

        String need(String name) {
            String value = text(name);
            if (value == null) {
                throw new MonitorException("Parameter '" + name(name) + "' is missing");
            }
            return value;
        }

        private <T> T of(String name, Class<T> type, String word) {
            Object value = left.remove(name);
            if (value != null && !type.isInstance(value)) {
                throw new MonitorException("Invalid parameter type for '" + name(name) + "', expected: " + word);
            }
            return type.cast(value);
        }

        void end() {
            if (!left.isEmpty()) {
                throw new MonitorException("Parameter '" + name(left.keySet().iterator().next()) + "' is unexpected");
            }
        }
    }
}
