// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.linux.EventFd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** What has to work in a process without io_uring. Says so on standard output; what fails ends it. */
final class WithoutIoUringMain {

    private WithoutIoUringMain() {
    }

    public static void main(String[] args) throws InterruptedException, IOException {
        KernelFeatures features = KernelFeatures.host();
        if (features.isAvailable()) {
            workWithoutARing();
        } else {
            System.out.println("why: " + features.whyNot());
            refuseTheWish();
            System.out.println("choice: " + EngineChoice.of(null, CacheMode.WRITEBACK));
            System.out.println("choice: " + EngineChoice.of(null, CacheMode.NONE));
        }
        work();
        WithoutIoUringDrives.work(Path.of(args[0]));
        System.out.println("done");
    }

    /** The kernel has it, and gives none. */
    private static void workWithoutARing() {
        try (IoThread thread = IoThread.start("without")) {
            System.out.println("choice: " + thread.choose(null, CacheMode.NONE));
            try {
                thread.choose(EngineKind.IO_URING, CacheMode.NONE);
                throw new AssertionError("a wish that cannot be met");
            } catch (DriveException e) {
                System.out.println("wish: " + e.getMessage());
            }
        }
    }

    private static void refuseTheWish() {
        try {
            EngineChoice.of(EngineKind.IO_URING, CacheMode.NONE);
            throw new AssertionError("a wish that cannot be met");
        } catch (DriveException e) {
            System.out.println("wish: " + e.getMessage());
        }
    }

    private static void work() throws InterruptedException {
        try (IoThread thread = IoThread.start("without"); EventFd event = EventFd.create()) {
            CountDownLatch done = new CountDownLatch(3);
            thread.call(() -> {
                thread.watch(event, done::countDown);
                thread.timer(done::countDown).set(System.nanoTime() + 3_000_000);
            });
            event.signal();
            thread.execute(done::countDown);
            check(done.await(60, TimeUnit.SECONDS), "waited in vain for " + done.getCount());
        }
        System.out.println("timers, events and messages");
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}
