// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleGroup;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.aio.throttle.ThrottleStage;
import dev.miraflores.devices.block.BlockDeviceConfig.Format;
import dev.miraflores.devices.block.VirtioBlockDevice;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * One disk under random requests, with throttles, mirrors, pauses, resets and unplugging coming and going, and at the end
 * a look at the image itself.
 * <p>Thread: one.
 */
final class BlockSoak {

    private static final int SECTORS = 16 << 20 >> 9;
    private static final int EVENT_INTERVAL = 300;
    private static final int WRITEBACK_OFFSET = 32;
    private static final int OK = 0;
    private static final long PATIENCE_SECONDS = 60;

    private final long seed;
    private final Random random;
    private final SoakPlan plan;
    private final Path directory;
    /** Where the disk is now, and as what: a mirror takes it elsewhere. */
    private Path image;
    private Format format;
    /** Behind the image, as long as that is qcow2: that next to it first. */
    private final List<BackingFile> backing = new ArrayList<>();
    private int targets;
    private MirrorJob mirror;
    private final DiskModel model = new DiskModel(SECTORS);
    /** Requests that are under way on a sector: reads, or −1 for one that changes it. */
    private final int[] busy = new int[SECTORS];
    private final MemorySegment content = Arena.ofAuto().allocate(SoakRequest.MAX_SECTORS * DiskModel.SECTOR_BYTES);
    private VirtioBlockDevice device;
    private ThrottleStage throttle;
    private long requests;

    private BlockSoak(long seed, int index, Path directory) {
        this.seed = seed;
        this.random = new Random(seed);
        SoakPlan chosen = SoakPlan.of(index, random);
        this.plan = chosen.format() == Format.QCOW2 && !QemuImg.isThere() ? chosen.withRaw() : chosen;
        this.directory = directory;
        this.format = plan.format();
        this.image = directory.resolve("soak-" + seed + "-" + index + ".img");
    }

    /**
     * Does {@code count} requests to a disk of the {@code index}th plan.
     *
     * @return what was tried
     * @throws AssertionError on a mismatch, with what it takes to try the same again
     */
    static String run(long seed, int index, long count, Path directory) {
        BlockSoak soak = new BlockSoak(seed, index, directory);
        try {
            soak.run(count);
            return soak.plan.toString();
        } catch (AssertionError | Exception e) {
            throw new AssertionError("seed " + seed + ", plan " + index + " " + soak.plan + ", after " + soak.requests
                + " requests: " + e.getMessage(), e);
        }
    }

    private void run(long count) throws IOException, InterruptedException {
        create();
        try (SoakDriver driver = new SoakDriver()) {
            open(driver);
            try {
                while (requests < count) {
                    step(driver);
                }
                settle(driver);
            } finally {
                close();
            }
            checkImage(image, format, Map.of());
        } finally {
            Files.deleteIfExists(image);
            for (BackingFile file : backing) {
                Files.deleteIfExists(Path.of(file.path()));
            }
        }
    }

    private void create() throws IOException {
        if (format != Format.QCOW2) {
            createRaw(image);
            return;
        }
        for (int layers = random.nextInt(3); layers > 0; layers--) {
            Path layer = directory.resolve(image.getFileName() + ".layer" + layers).toAbsolutePath();
            if (backing.isEmpty()) {
                createRaw(layer);
            } else {
                createQcow2(layer);
            }
            backing.addFirst(BackingFile.of(layer.toString()));
        }
        createQcow2(image);
    }

    /** On top of what there is of {@link #backing}. */
    private void createQcow2(Path path) {
        List<String> words = new ArrayList<>(List.of("create", "-q", "-f", "qcow2", "-o",
            "cluster_size=" + (512 << random.nextInt(9)) + ",refcount_bits=" + (8 << random.nextInt(3))));
        if (!backing.isEmpty()) {
            words.addAll(List.of("-F", backing.size() == 1 ? "raw" : "qcow2", "-b", backing.getFirst().path()));
        }
        words.addAll(List.of(path.toString(), String.valueOf((long) SECTORS << 9)));
        QemuImg.run(words.toArray(new String[0]));
    }

    private static void createRaw(Path path) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength((long) SECTORS << 9);
        }
    }

    private void open(SoakDriver driver) {
        device = VirtioBlockDevice.open(plan.config(image, format, backing));
        throttle = null;
        driver.start(device, plan);
    }

    /** With whatever is under way. */
    private void close() throws IOException, InterruptedException {
        device.close();
        if (mirror != null) {
            if (!mirror.awaitEnd(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("the mirror goes on without a disk: " + mirror);
            }
            Files.delete(target());
            mirror = null;
        }
    }

    private void step(SoakDriver driver) throws IOException, InterruptedException {
        if (random.nextInt(EVENT_INTERVAL) == 0) {
            event(driver);
        }
        int wanted = 1 + random.nextInt(SoakDriver.SLOTS);
        while (driver.inFlight() < wanted && send(driver)) {
            requests++;
        }
        boolean any = false;
        for (SoakRequest request; (request = driver.poll()) != null; any = true) {
            finish(request);
            driver.giveBack(request);
        }
        if (!any && driver.inFlight() != 0) {
            driver.await();
        }
    }

    /** Waits until nothing is in flight. */
    private void settle(SoakDriver driver) throws InterruptedException {
        while (driver.inFlight() != 0) {
            SoakRequest request = driver.poll();
            if (request == null) {
                driver.await();
            } else {
                finish(request);
                driver.giveBack(request);
            }
        }
    }

    private boolean send(SoakDriver driver) {
        SoakRequest request = driver.take();
        if (request == null) {
            return false;
        }
        choose(request);
        if (!driver.send(random.nextInt(driver.queueCount()), request, random.nextBoolean())) {
            release(request);
            driver.giveBack(request);
            return false;
        }
        return true;
    }

    private void choose(SoakRequest request) {
        request.wrong = false;
        request.sectors = 1 + random.nextInt(random.nextInt(8) == 0 ? SoakRequest.MAX_SECTORS : 24);
        request.sector = random.nextInt(SECTORS - request.sectors);
        int dice = random.nextInt(100);
        request.type = dice < 45 ? SoakRequest.IN : dice < 80 ? SoakRequest.OUT : dice < 85 ? SoakRequest.FLUSH
            : dice < 90 ? SoakRequest.DISCARD : dice < 96 ? SoakRequest.WRITE_ZEROES
            : dice < 98 ? SoakRequest.GET_ID : SoakRequest.UNKNOWN;
        if (request.type == SoakRequest.UNKNOWN && random.nextBoolean()) {
            request.type = random.nextBoolean() ? SoakRequest.IN : SoakRequest.OUT;
            request.sector = SECTORS - random.nextInt(request.sectors);
            request.wrong = true;
        } else if (isTransfer(request)) {
            occupy(request);
        }
        if (request.type == SoakRequest.OUT) {
            request.version = model.newVersion();
            for (int i = 0; i < request.sectors; i++) {
                DiskModel.fill(content, (long) i * DiskModel.SECTOR_BYTES, request.sector + i, request.version);
            }
        }
        request.describe(random, content);
    }

    private static boolean isTransfer(SoakRequest request) {
        return switch (request.type) {
            case SoakRequest.IN, SoakRequest.OUT, SoakRequest.DISCARD, SoakRequest.WRITE_ZEROES -> !request.wrong;
            default -> false;
        };
    }

    /** Takes the sectors, or makes it a flush where another request is at them; what is in doubt is only read. */
    private void occupy(SoakRequest request) {
        boolean taken = false;
        boolean read = request.type == SoakRequest.IN;
        for (int i = request.sector; i < request.sector + request.sectors; i++) {
            read |= model.isInDoubt(i);
        }
        for (int i = request.sector; i < request.sector + request.sectors; i++) {
            taken |= read ? busy[i] < 0 : busy[i] != 0;
        }
        if (taken) {
            request.type = SoakRequest.FLUSH;
            return;
        }
        request.type = read ? SoakRequest.IN : request.type;
        for (int i = request.sector; i < request.sector + request.sectors; i++) {
            busy[i] = read ? busy[i] + 1 : -1;
        }
    }

    private void release(SoakRequest request) {
        if (isTransfer(request)) {
            for (int i = request.sector; i < request.sector + request.sectors; i++) {
                busy[i] = request.type == SoakRequest.IN ? busy[i] - 1 : 0;
            }
        }
    }

    private void finish(SoakRequest request) {
        int expected = request.wrong ? 1 : request.type == SoakRequest.UNKNOWN ? 2 : OK;
        if (request.status() != expected) {
            throw new AssertionError("status " + request.status() + " and not " + expected + ": " + request);
        }
        if (isTransfer(request)) {
            if (request.type == SoakRequest.IN) {
                request.copy(content, false);
            }
            for (int i = 0; i < request.sectors; i++) {
                finish(request, request.sector + i, (long) i * DiskModel.SECTOR_BYTES);
            }
        }
        release(request);
    }

    private void finish(SoakRequest request, int sector, long offset) {
        switch (request.type) {
            case SoakRequest.IN -> model.check(content, offset, sector, true);
            case SoakRequest.OUT -> model.set(sector, request.version);
            case SoakRequest.WRITE_ZEROES -> model.set(sector, DiskModel.ZEROES);
            default -> model.setMaybe(sector, DiskModel.ZEROES);
        }
    }

    private void event(SoakDriver driver) throws IOException, InterruptedException {
        switch (random.nextInt(9)) {
            case 0 -> limit();
            case 1 -> device.writeConfig(WRITEBACK_OFFSET, 1, random.nextInt(2));
            case 2 -> {
                device.pause();
                device.resume();
            }
            case 3 -> {
                device.reset();
                giveUp(driver);
                driver.start(device, plan);
            }
            case 4 -> {
                close();
                giveUp(driver);
                open(driver);
            }
            case 5, 6, 7 -> mirror(driver);
            default -> unlimit();
        }
    }

    private void limit() {
        ThrottleConfig config = ThrottleConfig.UNLIMITED.with(random.nextBoolean() ? ThrottleKind.IOPS_TOTAL : ThrottleKind.IOPS_WRITE,
            ThrottleLimit.of(2000 + random.nextInt(20_000)));
        if (throttle != null) {
            throttle.group().setConfig(config);
        } else {
            throttle = new ThrottleStage(new ThrottleGroup("soak", config));
            device.insertStage(0, throttle);
        }
    }

    private void unlimit() {
        if (throttle != null) {
            device.removeStage(throttle);
            throttle = null;
        }
    }

    private Path target() {
        return directory.resolve(image.getFileName() + ".mirror" + targets);
    }

    /** Begins to mirror the disk, or ends what was begun one way or the other. */
    private void mirror(SoakDriver driver) throws IOException, InterruptedException {
        if (mirror == null) {
            targets++;
            createRaw(target());
            mirror = device.mirror(MirrorTarget.file(target().toString(), plan.cache()),
                MirrorConfig.DEFAULTS.withGranularity(4096 << random.nextInt(5)).withChunks(1 << 16 + random.nextInt(4), 4),
                (job, state) -> { });
            return;
        }
        if (mirror.state() == MirrorState.FAILED) {
            throw new AssertionError("the mirror failed: " + mirror.failure());
        }
        if (mirror.state() != MirrorState.READY) {
            if (random.nextInt(3) == 0) {
                endMirror();
            }
            return;
        }
        switch (random.nextInt(3)) {
            case 0 -> endMirror();
            case 1 -> {
                mirror.stop();
                checkImage(target(), Format.RAW, driver.pending());
                Files.delete(target());
                mirror = null;
            }
            default -> {
                mirror.complete();
                Files.delete(image);
                Path old = image;
                image = directory.resolve(image.getFileName() + "m");
                Files.move(directory.resolve(old.getFileName() + ".mirror" + targets), image);
                format = Format.RAW;
                mirror = null;
            }
        }
    }

    private void endMirror() throws IOException {
        mirror.cancel();
        Files.delete(target());
        mirror = null;
    }

    /** The disk was reset: what came back came back, and the rest was done or not. */
    private void giveUp(SoakDriver driver) {
        for (SoakRequest request; (request = driver.poll()) != null; ) {
            finish(request);
            driver.giveBack(request);
        }
        for (SoakRequest request : driver.abandoned()) {
            if (request.changes()) {
                for (int i = request.sector; i < request.sector + request.sectors; i++) {
                    model.setMaybe(i, request.type == SoakRequest.OUT ? request.version : DiskModel.ZEROES);
                }
            }
            release(request);
            driver.giveBack(request);
        }
    }

    /** @param pending what requests that are in flight may have made of sectors */
    private void checkImage(Path path, Format kind, Map<Integer, Integer> pending) throws IOException {
        Path raw = path;
        if (kind == Format.QCOW2) {
            QemuImg.run("check", "-q", "-f", "qcow2", path.toString());
            raw = path.resolveSibling(path.getFileName() + ".raw");
            QemuImg.run("convert", "-f", "qcow2", "-O", "raw", path.toString(), raw.toString());
        }
        try (FileChannel file = FileChannel.open(raw); Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
            for (int sector = 0; sector < SECTORS; sector++) {
                long offset = (long) sector * DiskModel.SECTOR_BYTES;
                Integer version = pending.get(sector);
                if (version == null || !DiskModel.holds(bytes, offset, sector, version)) {
                    model.check(bytes, offset, sector, false);
                }
            }
        } catch (AssertionError e) {
            throw new AssertionError("in " + path + ": " + e.getMessage(), e);
        } finally {
            if (raw != path) {
                Files.deleteIfExists(raw);
            }
        }
    }

    /** {@code main}: see fuzz/soak. */
    static final class Main {

        private static final long REQUESTS = 20_000;
        /** Has no divisor in common with their number. */
        private static final int PLAN_STEP = 19;

        private Main() {
        }

        /** All of them in turn, in leaps, and from another on with each seed: a short run has seen some of everything too. */
        private static int plan(long seed, int disks) {
            return Math.floorMod(seed + (long) PLAN_STEP * disks, SoakPlan.COUNT);
        }

        public static void main(String[] args) throws IOException {
            long seconds = Long.parseLong(args[0]);
            long seed = args.length > 1 ? Long.parseLong(args[1]) : System.nanoTime();
            Path directory = Files.createDirectories(Path.of(System.getProperty("soak.directory", "target/soak")));
            if (args.length > 2) {
                System.out.println("ok " + BlockSoak.run(seed, Integer.parseInt(args[2]), REQUESTS, directory));
                return;
            }
            long end = System.nanoTime() + seconds * 1_000_000_000L;
            int disks = 0;
            try {
                for (; System.nanoTime() < end; disks++) {
                    BlockSoak.run(seed + disks, plan(seed, disks), REQUESTS, directory);
                }
            } catch (AssertionError e) {
                System.out.println("FAILED " + e.getMessage());
                System.out.println("again: fuzz/soak 0 " + (seed + disks) + " " + plan(seed, disks));
                e.printStackTrace(System.out);
                System.exit(1);
            }
            System.out.println("soak: seed " + seed + ", " + disks + " disks, " + disks * REQUESTS + " requests, no mismatch");
        }
    }
}
