// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.pci.PciEjectListener;
import dev.miraflores.devices.pci.PciRoot;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.devices.virtio.ResettableDevice;
import dev.miraflores.kvm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The disks of a machine: those it was made with, and those that come and go while it runs.
 * <pre>
 *   add      id and image checked, opened, locked │ slot │ listeners │ guest told
 *   remove   guest asked ──────────────┐
 *            force ────────────────────┼─ out of its slot │ thread of its own: drained, closed, unlocked │ listeners
 *            guest ejects, asked or not┘ </pre>
 * <p>Thread: any. {@link #ejected} runs on the vCPU thread that wrote the register: it only takes the disk out of its slot, as
 * the guest may look whether that is empty; what has to wait for I/O has a thread of its own, so that a disk that hangs
 * holds up neither a vCPU nor another disk. Lock order: this one, then that of {@link PciRoot}; neither is held while an
 * image is opened or closed or a listener is called.
 * <p>Lifetime: {@link #shutDown} while vCPUs may still run, {@link #close} once none does.
 */
final class DriveBays implements PciEjectListener, AutoCloseable {

    private final Vm vm;
    private final Board board;
    private final VirtioTransport transport;
    private final DriveOpener opener;
    private final DriveEvents events = new DriveEvents();
    private final DiskEvents diskEvents;
    private final RemovalClock clock;
    // A drive that is being opened has its id, and no bay yet.
    private final Map<String, DriveBay> bays = new LinkedHashMap<>();
    private final DriveBay[] bySlot = new DriveBay[PciRoot.SLOTS];
    private boolean running;
    private boolean closing;
    private int underWay;

    DriveBays(Vm vm, Board board, VirtioTransport transport, DriveOpener opener) {
        this.vm = vm;
        this.board = board;
        this.transport = transport;
        this.opener = opener;
        this.diskEvents = new DiskEvents(vm.name() + "-events", events);
        this.clock = new RemovalClock(vm.name() + "-unplug");
        board.onEject(this);
    }

    /** Who hears what happens. */
    DriveEvents events() {
        return events;
    }

    /** What disks say. */
    DiskEvents diskEvents() {
        return diskEvents;
    }

    /** Puts in a disk that the machine is made with. */
    synchronized void addCold(Drive drive) {
        PciAttachment attachment = board.addDisk(transport, drive.device());
        DriveBay bay = new DriveBay(drive.id(), drive, attachment);
        drive.setEvents(diskEvents);
        bays.put(drive.id(), bay);
        if (attachment != null) {
            bySlot[attachment.slot()] = bay;
        }
    }

    /** From now on there is a guest that knows what is in the slots. */
    synchronized void start() {
        running = true;
    }

    /** The ids of the disks that are in, or on their way out. */
    synchronized List<String> ids() {
        List<String> ids = new ArrayList<>();
        for (DriveBay bay : bays.values()) {
            if (bay != null) {
                ids.add(bay.id());
            }
        }
        return ids;
    }

    /** The disks that are in, or on their way out. */
    synchronized List<Drive> drives() {
        List<Drive> drives = new ArrayList<>();
        for (DriveBay bay : bays.values()) {
            if (bay != null) {
                drives.add(bay.drive());
            }
        }
        return drives;
    }

    /** Whether the guest still has the disk. */
    synchronized boolean isIn(Drive drive) {
        DriveBay bay = bays.get(drive.id());
        return bay != null && bay.drive() == drive
                && (bay.attachment() == null || bySlot[bay.attachment().slot()] == bay);
    }

    /** The disk of that id. */
    synchronized Drive drive(String id) {
        DriveBay bay = bays.get(id);
        if (bay == null) {
            throw none(id);
        }
        return bay.drive();
    }

    /** Its PCI slot, or −1. */
    synchronized int slot(String id) {
        DriveBay bay = bays.get(id);
        return bay == null || bay.attachment() == null ? -1 : bay.attachment().slot();
    }

    private ConfigException none(String id) {
        return new ConfigException("drive id=" + id + ": this machine has no such drive; it has " + ids());
    }

    /**
     * Opens a disk and puts it in.
     *
     * @return its id
     */
    String add(DriveConfig wish) {
        String id = reserve(wish);
        boolean in = false;
        try {
            Drive drive = opener.open(wish.withId(id));
            drive.setEvents(diskEvents);
            DriveBay bay = plug(drive);
            in = true;
            announce(bay);
        } finally {
            finished(id, in);
        }
        return id;
    }

    private synchronized String reserve(DriveConfig wish) {
        checkOpen();
        String name = wish.id() == null ? wish.source() : wish.id();
        checkPci(name);
        if (wish.id() != null && bays.containsKey(wish.id())) {
            throw new ConfigException("drive id=" + wish.id() + ": a drive of this machine has this id; use another");
        }
        if (board.freeSlots() == 0) {
            throw full(name);
        }
        String id = wish.id();
        for (int number = 0; id == null; number++) {
            id = bays.containsKey("drive" + number) ? null : "drive" + number;
        }
        bays.put(id, null);
        underWay++;
        return id;
    }

    private void checkPci(String name) {
        if (transport != VirtioTransport.PCI) {
            throw new ConfigException("drive " + name + ": with --virtio " + transport
                    + " disks stay as they are while a machine runs; use --virtio pci");
        }
    }

    private static ConfigException full(String name) {
        return new ConfigException("drive " + name + ": all " + VirtioTransport.PCI.maxDevices()
                + " PCI slots are taken; remove another first");
    }

    private DriveBay plug(Drive drive) {
        try {
            synchronized (this) {
                PciAttachment attachment = board.plugDisk(drive.device(), running);
                if (attachment == null) {
                    throw full(drive.id());
                }
                DriveBay bay = new DriveBay(drive.id(), drive, attachment);
                bySlot[attachment.slot()] = bay;
                return bay;
            }
        } catch (RuntimeException | Error e) {
            drive.device().close();
            throw e;
        }
    }

    /** @param in whether the drive that has the id is in, or hangs on its way out; otherwise the id is free */
    private synchronized void finished(String id, boolean in) {
        if (!in) {
            bays.remove(id);
        }
        underWay--;
        notifyAll();
    }

    /** All at once for others: a listener may ask for the disk as soon as it hears of it, and a guest eject it. */
    private synchronized void announce(DriveBay bay) {
        bays.put(bay.id(), bay);
        diskEvents.tell(() -> events.added(bay.id()));
        int slot = bay.attachment().slot();
        if (running) {
            board.hotplug().plugged(slot);
        } else {
            board.hotplug().present(slot);
        }
    }

    /** Asks the guest for a disk; where there is no guest to ask the disk is taken. */
    DriveRemoval remove(String id, Duration answerWithin) {
        DriveBay bay;
        boolean guest;
        synchronized (this) {
            checkOpen();
            bay = bays.get(id);
            if (bay == null) {
                throw none(id);
            }
            checkPci(id);
            guest = running && vm.stopCause() == null;
        }
        DriveRemoval removal = bay.removal(this, DriveRemoval.State.ASKED);
        if (guest) {
            ask(removal, answerWithin);
        } else {
            force(bay);
        }
        return removal;
    }

    void ask(DriveRemoval removal, Duration answerWithin) {
        synchronized (this) {
            int slot = removal.bay().attachment().slot();
            if (closing || bySlot[slot] != removal.bay() || !removal.asked()) {
                return;
            }
            board.hotplug().requestEject(slot);
        }
        clock.start(removal, answerWithin, () -> diskEvents.tell(() -> events.removalUnanswered(removal.id())));
    }

    void force(DriveBay bay) {
        int slot = bay.attachment().slot();
        if (bay.removal(this, DriveRemoval.State.ASKED).again()) {
            end(bay);
            return;
        }
        synchronized (this) {
            // Where it cannot be seized the guest has just ejected it.
            if (closing || bySlot[slot] != bay || !board.hotplug().seize(slot)) {
                return;
            }
            bySlot[slot] = null;
        }
        bay.attachment().vanish();
        if (!board.hotplug().vanished(slot)) {
            bay.attachment().forget();
        }
        leave(bay);
    }

    @Override
    public void ejected(int slot) {
        DriveBay bay;
        synchronized (this) {
            bay = bySlot[slot];
            if (closing || bay == null) {
                return;
            }
            bySlot[slot] = null;
        }
        bay.attachment().hide();
        leave(bay);
    }

    /** At a reset: what the guest was asked for leaves as if it had been ejected, and the guest that comes hears of nothing. */
    void reset() {
        List<DriveBay> leaving = new ArrayList<>();
        synchronized (this) {
            if (closing) {
                return;
            }
            int filled = 0;
            for (int slot = 0; slot < bySlot.length; slot++) {
                if (bySlot[slot] != null && bySlot[slot].isAskedFor()) {
                    leaving.add(bySlot[slot]);
                    bySlot[slot] = null;
                }
                filled |= bySlot[slot] == null ? 0 : 1 << slot;
            }
            board.hotplug().reset(filled);
        }
        for (DriveBay bay : leaving) {
            bay.attachment().hide();
            leave(bay);
        }
    }

    /** The disks on PCI, those that are on their way out as well: they may still write into guest memory. */
    synchronized List<ResettableDevice> virtioDevices() {
        List<ResettableDevice> devices = new ArrayList<>();
        for (DriveBay bay : bays.values()) {
            if (bay != null && bay.attachment() != null) {
                devices.add(bay.attachment().device());
            }
        }
        return devices;
    }

    /** The driver of a disk that was taken has gone. */
    @Override
    public void acknowledged(int slot) {
        board.clear(slot);
    }

    private void leave(DriveBay bay) {
        bay.removal(this, DriveRemoval.State.LEAVING).leaving();
        end(bay);
    }

    private void end(DriveBay bay) {
        DriveRemoval removal = bay.removal(this, DriveRemoval.State.LEAVING);
        synchronized (this) {
            if (closing) {
                return;                                             // close() ends it, as all others
            }
            underWay++;
        }
        Thread.ofPlatform().name(vm.name() + "-unplug-" + bay.id()).daemon().start(new TearDown(bay, removal));
    }

    /** Waits for what is in flight, which may take long, and gives the image back. */
    private final class TearDown implements Runnable {

        private final DriveBay bay;
        private final DriveRemoval removal;

        TearDown(DriveBay bay, DriveRemoval removal) {
            this.bay = bay;
            this.removal = removal;
        }

        @Override
        public void run() {
            String why = null;
            try {
                bay.attachment().close();
            } catch (RuntimeException | Error failure) {
                why = failure instanceof DriveException || failure instanceof MemoryInUseException
                        ? failure.getMessage() : failure.toString();
            }
            if (why == null) {
                gone(bay, () -> events.removed(bay.id()));
                removal.removed();
            } else {
                removal.failed(why);
                stays(bay, why);
            }
        }

        private void stays(DriveBay hung, String why) {
            // It keeps its id, and whatever else it has, until it ends after all or the machine is closed.
            diskEvents.tell(() -> events.removalFailed(hung.id(), why));
            finished(hung.id(), true);
        }
    }

    /** Frees the id: who takes it is heard of after {@code event}. */
    private synchronized void gone(DriveBay bay, Runnable event) {
        diskEvents.tell(event);
        finished(bay.id(), false);
    }

    private void checkOpen() {
        if (closing) {
            throw new IllegalStateException("the machine is closed");
        }
    }

    /** Lets no disk come or go any more, and waits for those that are on their way. */
    void shutDown() {
        boolean interrupted = false;
        synchronized (this) {
            closing = true;
            while (underWay > 0) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        clock.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends all disks that are on PCI; the others end with the board. */
    @Override
    public void close() {
        shutDown();
        List<DriveBay> left;
        synchronized (this) {
            left = new ArrayList<>(bays.values());
            bays.clear();
        }
        Cleanup cleanup = new Cleanup();
        for (DriveBay bay : left) {
            if (bay.attachment() != null) {
                cleanup.add(bay.attachment());
            }
        }
        try {
            cleanup.close();
        } finally {
            for (DriveBay bay : left) {
                bay.machineClosed();
            }
        }
    }
}
