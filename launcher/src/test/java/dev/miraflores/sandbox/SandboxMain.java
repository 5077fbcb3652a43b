// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineChoice;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.linux.SyscallNumber;
import dev.miraflores.linux.ThreadRole;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;

/**
 * A process in a sandbox that tries things, on each kind of thread, and says what came of it.
 * <pre>  DIRECTORY           all that is refused: tells each
 *   DIRECTORY CALL THREAD  what ends the process </pre>
 */
final class SandboxMain {

    private SandboxMain() {
    }

    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[0]);
        String allowed = Files.writeString(directory.resolve("inside").resolve("file"), "x").toString();
        String forbidden = Files.writeString(directory.resolve("outside"), "x").toString();
        KernelFeatures.host(); // as a machine has it by then
        try (ExecutorService old = Executors.newSingleThreadExecutor(); IoThread io = IoThread.start("io-old")) {
            old.submit(() -> { }).get(); // the thread is there before the sandbox
            List<String> missing = Sandbox.enter(new SandboxPolicy().changeable(directory.resolve("inside").toString())
                    .ioThreads(List.of(io)));
            System.out.println("missing: " + missing);
            if (args.length > 1) {
                end(args[1], args[2], io);
                System.exit(9);
            }
            tryAll(allowed, forbidden, old, io);
            work(directory);
            tellStatus();
        }
        System.out.println("done");
    }

    private static void tryAll(String allowed, String forbidden, ExecutorService old, IoThread io) throws Exception {
        Attempts here = new Attempts("main", allowed, forbidden);
        here.run();
        Attempts before = new Attempts("old", allowed, forbidden);
        old.submit(before).get();
        Attempts ioBefore = new Attempts("old io", allowed, forbidden);
        io.call(ioBefore);
        Attempts ioAfter = new Attempts("new io", allowed, forbidden);
        try (IoThread later = IoThread.start("io-new")) {
            later.call(ioAfter);
        }
        Attempts vcpu = new Attempts("vcpu", allowed, forbidden);
        Thread thread = new Thread(() -> {
            ThreadRole.VCPU.enter();
            vcpu.run();
        });
        thread.start();
        thread.join();
        for (Attempts attempts : List.of(here, before, ioBefore, ioAfter, vcpu)) {
            attempts.results().forEach(System.out::println);
        }
    }

    /** What has to go on working: classes, memory, compilers, threads, files within reach. */
    private static void work(Path directory) throws IOException, InterruptedException {
        try {
            new ProcessBuilder("true").start();
            System.out.println("program: started");
        } catch (IOException e) {
            System.out.println("program: " + e.getMessage());
        }
        open("image", directory.resolve("outside"));
        open("image of others", directory.resolve("inside").resolve("others"));
        System.out.println("engine: " + EngineChoice.of(null, CacheMode.WRITEBACK));
        Path made = Files.createDirectory(directory.resolve("inside").resolve("made"));
        Files.delete(Files.writeString(made.resolve("file"), "x"));
        Files.delete(made);
        List<byte[]> memory = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            memory.add(new byte[1 << 18]); // the heap grows
        }
        long sum = 0;
        for (int i = 0; i < 300_000; i++) {
            sum += Pattern.matches("a+b?", i % 2 == 0 ? "aab" : "c") ? 1 : memory.size(); // compiled
        }
        System.out.println("work: " + sum + " " + java.time.ZonedDateTime.now().getZone().getId().isEmpty());
        Thread.ofVirtual().start(() -> System.out.println("virtual threads run")).join();
        System.gc();
    }

    private static void tellStatus() throws IOException {
        try (var tasks = Files.list(Path.of("/proc/self/task"))) {
            for (Path task : tasks.toList()) {
                StringBuilder line = new StringBuilder("status:");
                for (String field : Files.readAllLines(task.resolve("status"))) {
                    if (field.startsWith("Cap") || field.startsWith("NoNewPrivs") || field.startsWith("Seccomp:")) {
                        line.append(' ').append(field.replace("\t", ""));
                    }
                }
                System.out.println(line);
            }
        }
        for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
            if (line.startsWith("Max core")) {
                System.out.println(line.replaceAll(" +", " "));
            }
        }
    }

    private static void end(String call, String thread, IoThread io) throws Exception {
        Arena arena = Arena.global();
        long program = arena.allocateFrom("/bin/true").address();
        Runnable attempt = switch (call) {
            case "execve" -> () -> Attempts.call(SyscallNumber.EXECVE, program, 0, 0, 0);
            case "ptrace" -> () -> Attempts.call(SyscallNumber.PTRACE, 0, 0, 0, 0);
            case "unshare" -> () -> Attempts.call(SyscallNumber.UNSHARE, 0x1000_0000, 0, 0, 0);
            case "x32" -> () -> Attempts.call(0x4000_0000L | SyscallNumber.GETPID, 0, 0, 0, 0);
            default -> throw new IllegalArgumentException(call);
        };
        switch (thread) {
            case "main" -> attempt.run();
            case "io" -> io.call(attempt);
            case "vcpu" -> {
                Thread vcpu = new Thread(() -> {
                    ThreadRole.VCPU.enter();
                    attempt.run();
                });
                vcpu.start();
                vcpu.join();
            }
            default -> throw new IllegalArgumentException(thread);
        }
    }

    private static void open(String what, Path image) {
        try {
            BlockFile.open(image.toString(), CacheMode.WRITEBACK, false).close();
        } catch (DriveException e) {
            System.out.println(what + ": " + e.getMessage());
        }
    }
}
