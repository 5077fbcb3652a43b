// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code bench/run vhost-user}: requests of 4 KiB, all over a disk, from the same client through our back end and through
 * QEMU's storage daemon with an I/O thread, in alternating rounds. Processor time is the back end's.
 * <p>Arguments: the hv command, the client, the daemon; {@code NAME=FILE[,direct]} for each disk, which is written, or
 * {@code null}; {@code --rounds N}, {@code --depth N}.
 */
public final class VhostUserReport {

    private static final int REQUEST_BYTES = 4096;
    /** Odd in blocks, so that it comes to each block of a disk whose size is a power of two. */
    private static final long STEP = 1281L * REQUEST_BYTES;
    private static final long NULL_BYTES = 1L << 30;
    private static final long ROUND_NS = 1_000_000_000L;
    /** What a first round of unknown speed has; also what both are warmed with, this many times. */
    private static final long FIRST_COUNT = 20_000;
    private static final int WARM_UPS = 8;

    private final String hv;
    private final List<String> client;
    private final String daemon;
    private final Path directory = Files.createTempDirectory("bench-vhost-user");
    private int rounds = 5;
    private List<Integer> depths = List.of(1, 32, 128);
    private final List<String> disks = new ArrayList<>();

    private VhostUserReport(String[] args) throws IOException {
        hv = args[0];
        client = List.of(args[1]);
        daemon = args[2];
        for (int i = 3; i < args.length; i++) {
            switch (args[i]) {
                case "--rounds" -> rounds = Integer.parseInt(args[++i]);
                case "--depth" -> depths = List.of(Integer.parseInt(args[++i]));
                default -> disks.add(args[i]);
            }
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        VhostUserReport report = new VhostUserReport(args);
        for (String disk : report.disks) {
            report.compare(disk);
        }
        Files.delete(report.directory);
    }

    private void compare(String disk) throws IOException, InterruptedException {
        String name = disk.contains("=") ? disk.substring(0, disk.indexOf('=')) : disk;
        Path ourSocket = directory.resolve("ours");
        Path peerSocket = directory.resolve("peer");
        try (VhostUserServer ours = VhostUserServer.start(ourCommand(disk, ourSocket), ourSocket);
                VhostUserServer peer = VhostUserServer.start(peerCommand(disk, peerSocket), peerSocket)) {
            for (int i = 0; i < WARM_UPS; i++) {
                run(ours, i % 2 != 0, FIRST_COUNT, 32);
                run(peer, i % 2 != 0, FIRST_COUNT, 32);
            }
            for (boolean write : new boolean[] {false, true}) {
                for (int depth : depths) {
                    compare("vhost-user." + name + (write ? ".write4k" : ".read4k") + ".depth" + depth, ours, peer, write, depth);
                }
            }
        } finally {
            Files.deleteIfExists(ourSocket);
            Files.deleteIfExists(peerSocket);
        }
    }

    private void compare(String name, VhostUserServer ours, VhostUserServer peer, boolean write, int depth)
            throws IOException, InterruptedException {
        List<BlockRate> ourRates = new ArrayList<>();
        List<BlockRate> peerRates = new ArrayList<>();
        long count = (long) (run(peer, write, FIRST_COUNT, depth).iops() * ROUND_NS / 1e9);
        for (int round = 0; round < rounds; round++) {
            ourRates.add(run(ours, write, count, depth));
            peerRates.add(run(peer, write, count, depth));
        }
        BlockRate.median(ourRates).print(name, BlockRate.median(peerRates));
    }

    private BlockRate run(VhostUserServer server, boolean write, long count, int depth)
            throws IOException, InterruptedException {
        return server.run(client, write, count, depth, REQUEST_BYTES, STEP);
    }

    private List<String> ourCommand(String disk, Path socket) {
        return List.of(hv, "vhost-user-blk", "--num-queues", "1", "--socket", socket.toString(), "--drive",
            disk.equals("null") ? "format=null,size=" + NULL_BYTES
                : "file=" + file(disk) + ",aio=io_uring,cache=" + (isDirect(disk) ? "none" : "writeback"));
    }

    private List<String> peerCommand(String disk, Path socket) {
        return List.of(daemon, "--object", "iothread,id=io", "--blockdev",
            disk.equals("null") ? "driver=null-co,node-name=disk,read-zeroes=off,size=" + NULL_BYTES
                : "driver=file,node-name=disk,locking=off,aio=io_uring,filename=" + file(disk) + ",cache.direct="
                    + (isDirect(disk) ? "on" : "off"),
            "--export", "type=vhost-user-blk,id=export,node-name=disk,writable=on,iothread=io,num-queues=1,addr.type=unix,"
                + "addr.path=" + socket);
    }

    private static String file(String disk) {
        String words = disk.substring(disk.indexOf('=') + 1);
        return isDirect(disk) ? words.substring(0, words.lastIndexOf(',')) : words;
    }

    private static boolean isDirect(String disk) {
        return disk.endsWith(",direct");
    }
}
