// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.IoUring;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.RingMode;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import java.util.Arrays;

/** An I/O thread's io_uring: what it waits in, and what its engines submit to. */
final class UringPort extends EventPort {

    private final KernelFeatures features;
    private final RingMode polledMode;

    final EngineRing engineRing;
    private final IoUring ring;
    /** Where drives are polled. Made at once, since a process in a sandbox makes no rings later. */
    private final PolledRing polled;
    private boolean polling;

    private UringBlockEngine[] engines = {};
    private Runnable[] unarmed = {};

    private static final class WakeUp implements EventHandler {
        @Override
        public void onEvent() {
        }
    }

    /**
     * @param polledMode anything but IO_POLL is for tests, on hosts whose devices cannot be asked for completions
     */
    UringPort(KernelFeatures features, IoThreadOptions options, RingMode polledMode) {
        this.features = features;
        this.polledMode = polledMode;
        this.engineRing = new EngineRing(features, options.sqPoll() ? RingMode.SQ_POLL : RingMode.PLAIN);
        this.ring = engineRing.ring;
        this.polled = options.ioPoll() ? polledRing() : null;
    }

    private PolledRing polledRing() {
        try {
            return new PolledRing(this, features, polledMode);
        } catch (RuntimeException | Error e) {
            ring.close();
            throw e;
        }
    }

    static UringPort create(KernelFeatures features, IoThreadOptions options) {
        try {
            return new UringPort(features, options, RingMode.IO_POLL);
        } catch (ErrnoException e) {
            if (options.sqPoll()) {
                throw new DriveException("sqpoll: the kernel refuses it: " + e.getMessage() + "; go without");
            }
            throw e;
        }
    }

    @Override
    String whyNoUring() {
        return null;
    }

    @Override
    void enable() {
        ring.enable();
        if (polled != null) {
            polled.enable();
        }
    }

    @Override
    boolean hasEvents() {
        return ring.hasCompletions();
    }

    @Override
    void look() {
        // hasEvents sees all
    }

    @Override
    void submit() {
        ring.submit();
        handedOver();
    }

    private void handedOver() {
        for (UringBlockEngine engine : engines) {
            engine.handedOver();
        }
    }

    /** Hands over what has been queued, so that descriptors in it may be closed. */
    void submitFully() {
        ring.submitFully();
    }

    @Override
    void await(long timeoutNs) {
        handedOver();
        ring.submitAndWait(timeoutNs);
    }

    @Override
    int dispatch() {
        int count = engineRing.dispatch();
        if (unarmed.length != 0) {
            armAgain();
        }
        submitHeldBack();
        return count;
    }

    /** There may be room again. */
    void submitHeldBack() {
        for (UringBlockEngine engine : engines) {
            engine.submitHeldBack();
        }
    }

    private void armAgain() {
        Runnable[] waiting = unarmed;
        unarmed = new Runnable[0];
        for (Runnable arm : waiting) {
            arm.run();
        }
    }

    @Override
    Watch watch(EventFd event, EventHandler handler) {
        UringWatch watch = new UringWatch(this, event, handler, features.hasMultishotPoll());
        watch.arm();
        return watch;
    }

    @Override
    Watch wakeOn(EventFd event) {
        return watch(event, new WakeUp());
    }

    @Override
    DescriptorWatch watch(int descriptor, DescriptorHandler handler) {
        return new UringDescriptorWatch(this, descriptor, handler);
    }

    /** The ring was full: tried again next turn. */
    void armLater(Runnable arm) {
        unarmed = Arrays.copyOf(unarmed, unarmed.length + 1);
        unarmed[unarmed.length - 1] = arm;
    }

    @Override
    BlockEngine openEngine(IoThread thread, BlockFile file, LinkOptions options) {
        UringBlockEngine engine = new UringBlockEngine(thread, this, polled == null ? null : polled(thread, file), file, options);
        engines = Arrays.copyOf(engines, engines.length + 1);
        engines[engines.length - 1] = engine;
        return engine;
    }

    private PolledRing polled(IoThread thread, BlockFile file) {
        if (!polling) {
            polling = true;
            thread.addEngine(polled);
        }
        if (polledMode == RingMode.IO_POLL) {
            PolledDevice.check(file, polled);
        }
        return polled;
    }

    void removeEngine(UringBlockEngine engine) {
        UringBlockEngine[] left = new UringBlockEngine[engines.length - 1];
        int count = 0;
        for (UringBlockEngine each : engines) {
            if (each != engine) {
                left[count++] = each;
            }
        }
        engines = left;
    }

    @Override
    int inFlight() {
        int sum = 0;
        for (UringBlockEngine engine : engines) {
            sum += engine.inFlight();
        }
        return sum;
    }

    @Override
    void close() {
        if (polled != null) {
            polled.close();
        }
        ring.close();
    }
}
