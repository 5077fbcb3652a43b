// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.jfr.FlightEvents;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.NativeThread;
import dev.miraflores.linux.ThreadRole;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * A thread that does I/O, and all of the work around it, for the disks and network devices it was given.
 * <p>It waits in one place, io_uring_enter(2) or where that is not to be had epoll_wait(2), for doorbells, completions and
 * messages alike. Before it sleeps it looks for work in memory
 * for a while that adapts to the load. A turn takes what has come, hands everything over in one system call, and
 * publishes and notifies once for all of it.
 * <p>Thread: {@code start}, {@code execute}, {@code close} and the counters, any; the rest, the I/O thread, to which
 * {@code execute} is the way.
 * <p>Lifetime: until {@link #close}, which lets requests in flight finish first.
 */
public final class IoThread implements Executor, AutoCloseable {

    private static final int POLL_CLOCK_INTERVAL = 16;
    /** Messages may send messages; requests get their turn in between. */
    private static final int MESSAGES_PER_TURN = 256;

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(IoThread.class.getName());
    }

    private final EventPort port;
    private final IoThreadOptions options;
    private final Mailbox mailbox;
    private final PollTime pollTime;
    private final Counters<IoThreadCounter> counters = new Counters<>(IoThreadCounter.values().length);
    private final Thread thread;

    private final PolledSources sources = new PolledSources();
    private final EngineQueues engines;
    private final OpenLinks links;
    private final TimerHeap timers = new TimerHeap();
    /** What time it is, where somebody has asked since the thread last called the kernel. */
    private long turnNs;
    private boolean turnNsKnown;
    /** An engine waits for the end of the turn. */
    private boolean turnEndsSoon;
    /** The last turn may have left some in the mailbox. */
    private boolean messagesLeft;
    /** Made once somebody records. */
    private IoThreadFlight flight;
    private final List<Runnable> whenRecorded = new ArrayList<>();
    private volatile boolean closing;
    private volatile int threadId;

    private IoThread(String name, IoThreadOptions options, EventPort port, Mailbox mailbox) {
        this.port = port;
        this.engines = new EngineQueues(port);
        this.links = new OpenLinks(this, port);
        this.options = options;
        this.mailbox = mailbox;
        this.pollTime = new PollTime(options.pollMaxNs(), options.pollGrow(), options.pollShrink());
        this.thread = new Thread(new Loop(), name);
        thread.setDaemon(true);
    }

    /** With the usual options. */
    public static IoThread start(String name) {
        return start(name, IoThreadOptions.DEFAULTS);
    }

    /**
     * Starts a thread.
     *
     * @param name for the eyes of the operator; the kernel shows the first 15 bytes
     * @throws DriveException where the options ask for what the kernel does not have
     */
    public static IoThread start(String name, IoThreadOptions options) {
        return start(name, options, EventPort.open(options));
    }

    static IoThread start(String name, IoThreadOptions options, EventPort port) {
        Mailbox mailbox = null;
        try {
            mailbox = new Mailbox();
            IoThread ioThread = new IoThread(name, options, port, mailbox);
            ioThread.thread.start();
            return ioThread;
        } catch (RuntimeException | Error e) {
            if (mailbox != null) {
                mailbox.close();
            }
            port.close();
            throw e;
        }
    }

    public String name() {
        return thread.getName();
    }

    /** The kernel's id of it; 0 until it runs. */
    public int threadId() {
        return threadId;
    }

    /** How it was set up. */
    public IoThreadOptions options() {
        return options;
    }

    /** Whether the caller is this thread. */
    public boolean isCurrent() {
        return Thread.currentThread() == thread;
    }

    public Counters<IoThreadCounter> counters() {
        return counters;
    }

    /**
     * Has {@code begin} run once, when this thread finds that somebody records for JFR, or soon where that is so already; on another
     * thread, since it may load events. Any thread.
     *
     * @throws RejectedExecutionException where the thread has ended
     */
    public void whenRecorded(Runnable begin) {
        execute(() -> {
            if (flight == null) {
                whenRecorded.add(begin);
            } else {
                IoThreadFlight.load(begin);
            }
        });
    }

    /** Sets how long it may poll before it sleeps; 0 is not at all. Any thread. */
    public void setPollMaxNs(long maxNs) {
        pollTime.setMax(maxNs);
    }

    /**
     * Runs {@code action} on this thread, soon, after what was sent before it by the same thread. Does not wait.
     *
     * @throws RejectedExecutionException where the thread has ended; the action will not run
     */
    @Override
    public void execute(Runnable action) {
        if (!mailbox.send(action)) {
            throw new RejectedExecutionException("I/O thread " + name() + " has ended");
        }
    }

    /**
     * Runs {@code action} on this thread and waits until it has; at once where this is that thread. What it throws is
     * thrown here.
     *
     * @throws RejectedExecutionException where the thread has ended; the action will not run
     */
    public void call(Runnable action) {
        if (isCurrent()) {
            action.run();
            return;
        }
        AwaitedAction call = new AwaitedAction(action);
        execute(call);
        call.await();
    }

    /** Calls {@code handler} when {@code event} is signalled. */
    public Watch watch(EventFd event, EventHandler handler) {
        checkCurrent();
        return port.watch(event, handler);
    }

    /**
     * Waits for {@code descriptor} to become readable or writable whenever the watch is asked to.
     *
     * @param descriptor anything that poll(2) takes, and not watched by this thread already; to stay open until the watch is closed
     */
    public DescriptorWatch watch(int descriptor, DescriptorHandler handler) {
        checkCurrent();
        return port.watch(descriptor, handler);
    }

    /** Only ends a sleep when {@code event} is signalled: awake, the thread looks at all of its engines and sources. */
    Watch wakeOn(EventFd event) {
        checkCurrent();
        return port.wakeOn(event);
    }

    /** Looks after {@code source}, which {@code event} is signalled for when nobody looks. */
    public Watch watch(EventFd event, PolledSource source) {
        checkCurrent();
        Watch doorbell = port.wakeOn(event);
        sources.add(source);
        return new SourceWatch(doorbell, source);
    }

    private final class SourceWatch implements Watch {
        private final Watch doorbell;
        private final PolledSource source;

        SourceWatch(Watch doorbell, PolledSource source) {
            this.doorbell = doorbell;
            this.source = source;
        }

        @Override
        public void close() {
            doorbell.close();
            sources.remove(source);
        }
    }

    /**
     * A link to {@code file} on this thread.
     *
     * @param options how
     * @throws DriveException where the engine that they name is not to be had
     */
    public BlockEngine open(BlockFile file, LinkOptions options) {
        checkCurrent();
        return links.open(file, options);
    }

    /** For an engine of {@link #open}: it is closed. */
    void closed(BlockEngine engine) {
        links.remove(engine);
    }

    /**
     * How many requests have not completed on links of {@link #open} whose options name {@code memory}, whoever made them:
     * as long as there is one the kernel may touch that memory. I/O thread only.
     */
    public int inFlight(IoMemory memory) {
        checkCurrent();
        return links.inFlight(memory);
    }

    /**
     * What {@link #open} uses for a file, and why nothing better. Any thread.
     *
     * @throws DriveException where the wish cannot be met on this thread
     */
    public EngineChoice choose(EngineKind wish, CacheMode cache) {
        return links.choose(wish, cache);
    }

    /** For engines that are not the port's own: looks after {@code engine} from now on. */
    void addEngine(EngineQueue engine) {
        checkCurrent();
        engines.add(engine);
    }

    /** Once nothing of its is in flight. */
    void removeEngine(EngineQueue engine) {
        checkCurrent();
        engines.remove(engine);
    }

    /**
     * A timer that is not set yet.
     *
     * @param action what it does when it is time, on this thread. What it throws is logged and ends nothing: who does I/O
     *               with it has to see to its own failures
     */
    public IoTimer timer(Runnable action) {
        checkCurrent();
        return new IoTimer(timers, action);
    }

    /**
     * {@link System#nanoTime}, read at most once between two calls of the kernel: for stamps on many requests. I/O thread
     * only.
     */
    public long turnNanoTime() {
        if (!turnNsKnown) {
            turnNs = System.nanoTime();
            turnNsKnown = true;
        }
        return turnNs;
    }

    /** For engines: sources are to leave the rest for the next turn, so that what has gathered is handed over. */
    void endTurnSoon() {
        turnEndsSoon = true;
    }

    /** Whether a source that takes requests is to stop at that, though there be more. I/O thread only. */
    public boolean turnEndsSoon() {
        return turnEndsSoon;
    }

    private void checkCurrent() {
        if (!isCurrent()) {
            throw new IllegalStateException("only on I/O thread " + name() + ", not " + Thread.currentThread().getName());
        }
    }

    /** What is run; a named class, since a lambda's first use costs milliseconds of start-up. */
    private final class Loop implements Runnable {
        @Override
        public void run() {
            IoThread.this.run();
        }
    }

    /** A message that has only to end the sleep: awake, the thread looks at everything. */
    private static final class WakeUp implements Runnable {
        @Override
        public void run() {
        }
    }

    private void run() {
        try {
            ThreadRole.IO.enter();
            threadId = NativeThread.gettid();
            port.enable();
            port.wakeOn(mailbox.event());
            while (!closing || engines.inFlight() != 0) {
                guardedTurn();
            }
        } catch (RuntimeException | Error bug) {
            onFailure(bug);
        } finally {
            end();
        }
    }

    /**
     * Memory that another process shares with a disk may go away, when its file is made shorter: the JVM says so some time after
     * the access. That is the end of the disks here and not of the thread.
     */
    private void guardedTurn() {
        try {
            turn();
        } catch (InternalError fault) {
            if (sources.isEmpty()) {
                throw fault;
            }
            sources.dropAll(fault);
        }
    }

    private void turn() {
        if (flight == null && FlightEvents.on()) {
            flight = IoThreadFlight.start(name(), counters, whenRecorded);
            whenRecorded.clear();
        }
        counters.increment(IoThreadCounter.TURNS);
        boolean worked = runMessages();
        worked |= runTimers();
        if (!closing) {
            worked |= sources.poll();
        }
        // With no polling to come, handing over and sleeping are one call.
        boolean awake = worked && (pollTime.ns() != 0 || messagesLeft || mailbox.hasMessages() || sources.hasWork());
        if (awake || engines.hasEvents()) {
            engines.submit();
        } else {
            sources.endTurn();
            await();
        }
        turnNsKnown = false;
        turnEndsSoon = false;
        counters.add(IoThreadCounter.EVENTS, engines.dispatch());
        sources.endTurn();
    }

    /** Those that are due; each once, though it may set itself anew for a time that is past. */
    private boolean runTimers() {
        if (timers.size() == 0) {
            return false;
        }
        long now = turnNanoTime();
        int most = timers.size();
        int count = 0;
        for (IoTimer due; count < most && (due = timers.takeDue(now)) != null; count++) {
            runTimer(due.action);
        }
        counters.add(IoThreadCounter.TIMERS, count);
        return count != 0;
    }

    private void runTimer(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error bug) {
            Log.LOGGER.log(System.Logger.Level.ERROR, "a timer of I/O thread " + name() + " failed", bug);
        }
    }

    private boolean runMessages() {
        if (!messagesLeft && !mailbox.hasMessages()) {
            return false;
        }
        int count = 0;
        for (Runnable action; count < MESSAGES_PER_TURN && (action = mailbox.take()) != null; count++) {
            runMessage(action);
        }
        counters.add(IoThreadCounter.MESSAGES, count);
        messagesLeft = count == MESSAGES_PER_TURN;
        return count != 0;
    }

    private void runMessage(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error bug) {
            // Its sender's mistake, not that of the disks here.
            Log.LOGGER.log(System.Logger.Level.ERROR, "a message to I/O thread " + name() + " failed", bug);
        }
    }

    /** Nothing is left to do: looks for a while, then sleeps. */
    private void await() {
        if (closing) {
            if (engines.inFlight() != 0) {
                engines.submitOthers();
                if (!engines.enableEvents()) {
                    port.await(timers.untilFirst(System.nanoTime()));
                }
            }
            return;
        }
        engines.submitOthers();
        long pollNs = pollTime.ns();
        if (flight == null) {
            waitForWork(pollNs);
        } else {
            flight.beginWait();
            boolean slept = waitForWork(pollNs);
            flight.endWait(pollNs, slept, pollTime.ns());
        }
    }

    /** Answers whether it slept. */
    private boolean waitForWork(long pollNs) {
        long start = System.nanoTime();
        long timerNs = timers.untilFirst(start);
        if (pollNs != 0 || timerNs == 0) {
            port.submit();
            if (timerNs == 0) {
                return false;
            }
            if (poll(start, Math.min(pollNs, timerNs))) {
                counters.increment(IoThreadCounter.POLL_HITS);
                counters.add(IoThreadCounter.POLLED_NS, waited(start));
                return false;
            }
            counters.add(IoThreadCounter.POLLED_NS, Math.min(pollNs, timerNs));
            if (timerNs <= pollNs) {
                return false; // it is due, which says nothing of how long work has to be waited for
            }
            counters.increment(IoThreadCounter.POLL_MISSES);
        }
        if (sources.enableEvents()) {
            // A wait too, if a short one: polling would have spared asking for the event, and the event.
            waited(start);
            return false;
        }
        if (engines.enableEvents()) {
            return false;
        }
        counters.increment(IoThreadCounter.SLEEPS);
        port.await(timers.size() == 0 ? EventPort.NO_TIMEOUT : timers.untilFirst(System.nanoTime()));
        counters.add(IoThreadCounter.SLEPT_NS, waited(start) - pollNs);
        return true;
    }

    private long waited(long start) {
        long ns = System.nanoTime() - start;
        pollTime.waited(ns);
        return ns;
    }

    private boolean poll(long start, long pollNs) {
        do {
            for (int i = 0; i < POLL_CLOCK_INTERVAL; i++) {
                if (mailbox.hasMessages() || engines.hasEvents() || sources.hasWork()) {
                    return true;
                }
                Thread.onSpinWait();
            }
            port.look();
        } while (System.nanoTime() - start < pollNs);
        return false;
    }

    /** The loop itself threw. Sources hear of it; what is in flight still has to finish before memory may go. */
    private void onFailure(Throwable bug) {
        Log.LOGGER.log(System.Logger.Level.ERROR, "I/O thread " + name() + " failed", bug);
        sources.dropAll(bug);
        while (engines.inFlight() != 0) {
            try {
                engines.submitOthers();
                if (!engines.enableEvents()) {
                    port.await(EventPort.NO_TIMEOUT);
                }
                engines.dispatch();
            } catch (RuntimeException | Error another) {
                Log.LOGGER.log(System.Logger.Level.ERROR, "I/O thread " + name() + " failed again", another);
            }
        }
    }

    private void end() {
        if (flight != null) {
            flight.end();
        }
        mailbox.end();
        for (Runnable action; (action = mailbox.take()) != null; ) {
            runMessage(action);
        }
        port.close();
        mailbox.close();
    }

    /**
     * Ends the thread, once nothing is in flight any more; sources that are still watched are left alone from then on.
     * Waits for it, whatever interrupts come. Once more does nothing.
     */
    @Override
    public void close() {
        if (isCurrent()) {
            throw new IllegalStateException("I/O thread " + name() + " cannot wait for its own end");
        }
        closing = true;
        mailbox.send(new WakeUp());
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
