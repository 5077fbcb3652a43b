// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.pci.PciEjectListener;
import dev.miraflores.devices.pci.PciRoot;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.devices.virtio.ResettableDevice;
import dev.miraflores.kvm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The devices of a machine that come and go while it runs, disks and network interfaces: their ids, which are one name space, and
 * their slots.
 * <pre>
 *   add      id checked, image or back end opened │ slot │ listeners │ guest told
 *   remove   guest asked ──────────────┐
 *            force ────────────────────┼─ out of its slot │ thread of its own: drained, closed │ listeners
 *            guest ejects, asked or not┘ </pre>
 * <p>Thread: any. {@link #ejected} runs on the vCPU thread that wrote the register: it only takes the device out of its slot, as
 * the guest may look whether that is empty; what has to wait for I/O has a thread of its own, so that a device that hangs
 * holds up neither a vCPU nor another. Lock order: this one, then that of {@link PciRoot}; neither is held while an
 * image or a back end is opened or closed or a listener is called.
 * <p>Lifetime: {@link #shutDown} while vCPUs may still run, {@link #close} once none does.
 */
final class DeviceBays implements PciEjectListener, AutoCloseable {

    private final Vm vm;
    private final Board board;
    private final VirtioTransport transport;
    private final MachineEvents events = new MachineEvents();
    private final DeviceEvents deviceEvents;
    private final RemovalClock clock;
    // A device that is being opened has its id, and no bay yet.
    private final Map<String, DeviceBay> bays = new LinkedHashMap<>();
    /** Ids of devices that are there for good. */
    private final Set<String> fixedIds = new HashSet<>();
    private final DeviceBay[] bySlot = new DeviceBay[PciRoot.SLOTS];
    private boolean running;
    private boolean closing;
    private int underWay;

    DeviceBays(Vm vm, Board board, VirtioTransport transport) {
        this.vm = vm;
        this.board = board;
        this.transport = transport;
        this.deviceEvents = new DeviceEvents(vm.name() + "-events", events);
        this.clock = new RemovalClock(vm.name() + "-unplug");
        board.onEject(this);
    }

    /** Who hears what happens. */
    MachineEvents events() {
        return events;
    }

    /** What disks say. */
    DeviceEvents deviceEvents() {
        return deviceEvents;
    }

    /** No device that comes can have this id. */
    synchronized void takeId(String id) {
        fixedIds.add(id);
    }

    /** Puts in a device that the machine is made with. */
    synchronized void addCold(BayDevice device) {
        DeviceBay bay = new DeviceBay(device, board.addPluggable(transport, device.device()));
        bays.put(device.id(), bay);
        if (bay.attachment() != null) {
            bySlot[bay.attachment().slot()] = bay;
        }
    }

    /** From now on there is a guest that knows what is in the slots. */
    synchronized void start() {
        running = true;
    }

    /** The ids of those that are in, or on their way out. */
    List<String> ids(BayDevice.Kind kind) {
        List<String> ids = new ArrayList<>();
        for (BayDevice device : devices(kind)) {
            ids.add(device.id());
        }
        return ids;
    }

    /** Those that are in, or on their way out, in the order in which they came. */
    synchronized List<BayDevice> devices(BayDevice.Kind kind) {
        List<BayDevice> devices = new ArrayList<>();
        for (DeviceBay bay : bays.values()) {
            if (bay != null && bay.device().kind() == kind) {
                devices.add(bay.device());
            }
        }
        return devices;
    }

    /** The same of all kinds, for {@link Stillness}. */
    synchronized List<Stillness.Device> still() {
        List<Stillness.Device> still = new ArrayList<>();
        for (DeviceBay bay : bays.values()) {
            if (bay != null) {
                still.add(new Still(bay));
            }
        }
        return still;
    }

    private final class Still implements Stillness.Device {

        private final DeviceBay bay;

        Still(DeviceBay bay) {
            this.bay = bay;
        }

        @Override
        public void pause() {
            bay.device().pause();
        }

        @Override
        public void resume() {
            bay.device().resume();
        }

        @Override
        public boolean isIn() {
            synchronized (DeviceBays.this) {
                return bays.get(bay.id()) == bay
                        && (bay.attachment() == null || bySlot[bay.attachment().slot()] == bay);
            }
        }
    }

    /** The device of that id. */
    synchronized BayDevice device(BayDevice.Kind kind, String id) {
        return bay(kind, id).device();
    }

    private DeviceBay bay(BayDevice.Kind kind, String id) {
        DeviceBay bay = bays.get(id);
        if (bay == null || bay.device().kind() != kind) {
            throw new ConfigException(kind + " id=" + id + ": this machine has no such " + kind + "; it has " + ids(kind));
        }
        return bay;
    }

    /** Its PCI slot, or −1. */
    synchronized int slot(String id) {
        DeviceBay bay = bays.get(id);
        int slot = bay == null || bay.attachment() == null ? -1 : bay.attachment().slot();
        // One that hangs on its way out has left its slot to others.
        return slot >= 0 && bySlot[slot] == bay ? slot : -1;
    }

    /** Opens a device, without any lock. */
    interface Opening {

        BayDevice open(String id);
    }

    /**
     * Opens a device and puts it in.
     *
     * @param id   or null for any
     * @param name for messages
     * @return its id
     */
    String add(BayDevice.Kind kind, String id, String name, Opening opening) {
        String taken = reserve(kind, id, name);
        boolean in = false;
        try {
            DeviceBay bay = plug(opening.open(taken));
            in = true;
            announce(bay);
        } finally {
            finished(taken, in);
        }
        return taken;
    }

    private synchronized String reserve(BayDevice.Kind kind, String wish, String name) {
        checkOpen();
        checkPci(kind, name);
        if (wish != null && isTaken(wish)) {
            DeviceBay bay = bays.get(wish);
            throw new ConfigException(kind + " id=" + wish + ": " + (bay == null ? "another device" : bay.device().kind().noun())
                    + " of this machine has this id; use another");
        }
        if (board.freeSlots() == 0) {
            throw full(kind, name);
        }
        String id = wish;
        for (int number = 0; id == null; number++) {
            id = isTaken(kind.toString() + number) ? null : kind.toString() + number;
        }
        bays.put(id, null);
        underWay++;
        return id;
    }

    private boolean isTaken(String id) {
        return bays.containsKey(id) || fixedIds.contains(id);
    }

    private void checkPci(BayDevice.Kind kind, String name) {
        if (transport != VirtioTransport.PCI) {
            throw new ConfigException(kind + " " + name + ": with --virtio " + transport + " " + kind.many()
                    + " stay as they are while a machine runs; use --virtio pci");
        }
    }

    private static ConfigException full(BayDevice.Kind kind, String name) {
        return new ConfigException(kind + " " + name + ": all " + VirtioTransport.PCI.maxDevices()
                + " PCI slots are taken; remove another first");
    }

    private DeviceBay plug(BayDevice device) {
        try {
            synchronized (this) {
                PciAttachment attachment = board.plug(device.device(), running);
                if (attachment == null) {
                    throw full(device.kind(), device.id());
                }
                DeviceBay bay = new DeviceBay(device, attachment);
                bySlot[attachment.slot()] = bay;
                return bay;
            }
        } catch (RuntimeException | Error e) {
            device.device().close();
            throw e;
        }
    }

    /** @param in whether the device that has the id is in, or hangs on its way out; otherwise the id is free */
    private synchronized void finished(String id, boolean in) {
        if (!in) {
            bays.remove(id);
        }
        underWay--;
        notifyAll();
    }

    /** All at once for others: a listener may ask for the device as soon as it hears of it, and a guest eject it. */
    private synchronized void announce(DeviceBay bay) {
        bays.put(bay.id(), bay);
        deviceEvents.tell(bay.device()::tellAdded);
        int slot = bay.attachment().slot();
        if (running) {
            board.hotplug().plugged(slot);
        } else {
            board.hotplug().present(slot);
        }
    }

    /** Asks the guest for a device; where there is no guest to ask it is taken. */
    DeviceRemoval remove(BayDevice.Kind kind, String id, Duration answerWithin) {
        DeviceBay bay;
        boolean guest;
        synchronized (this) {
            checkOpen();
            bay = bay(kind, id);
            checkPci(kind, id);
            guest = running && vm.stopCause() == null;
        }
        DeviceRemoval removal = bay.removal(this, DeviceRemoval.State.ASKED);
        if (guest) {
            ask(removal, answerWithin);
        } else {
            force(bay);
        }
        return removal;
    }

    void ask(DeviceRemoval removal, Duration answerWithin) {
        synchronized (this) {
            int slot = removal.bay().attachment().slot();
            if (closing || bySlot[slot] != removal.bay() || !removal.asked()) {
                return;
            }
            board.hotplug().requestEject(slot);
        }
        clock.start(removal, answerWithin, () -> deviceEvents.tell(removal.bay().device()::tellUnanswered));
    }

    void force(DeviceBay bay) {
        int slot = bay.attachment().slot();
        if (bay.removal(this, DeviceRemoval.State.ASKED).again()) {
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
        DeviceBay bay;
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
        List<DeviceBay> leaving = new ArrayList<>();
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
        for (DeviceBay bay : leaving) {
            bay.attachment().hide();
            leave(bay);
        }
    }

    /** Those on PCI, on their way in, and on their way out as well: they may write into guest memory. */
    synchronized List<ResettableDevice> virtioDevices() {
        Set<DeviceBay> all = new LinkedHashSet<>(bays.values());
        // A guest can have found one that is not announced yet.
        all.addAll(Arrays.asList(bySlot));
        List<ResettableDevice> devices = new ArrayList<>();
        for (DeviceBay bay : all) {
            if (bay != null && bay.attachment() != null) {
                devices.add(bay.attachment().device());
            }
        }
        return devices;
    }

    /** The driver of a device that was taken has gone. */
    @Override
    public void acknowledged(int slot) {
        board.clear(slot);
    }

    private void leave(DeviceBay bay) {
        bay.removal(this, DeviceRemoval.State.LEAVING).leaving();
        end(bay);
    }

    private void end(DeviceBay bay) {
        DeviceRemoval removal = bay.removal(this, DeviceRemoval.State.LEAVING);
        synchronized (this) {
            if (closing) {
                return;                                             // close() ends it, as all others
            }
            underWay++;
        }
        Thread.ofPlatform().name(vm.name() + "-unplug-" + bay.id()).daemon().start(new TearDown(bay, removal));
    }

    /** Waits for what is in flight, which may take long, and gives back what the host lent it. */
    private final class TearDown implements Runnable {

        private final DeviceBay bay;
        private final DeviceRemoval removal;

        TearDown(DeviceBay bay, DeviceRemoval removal) {
            this.bay = bay;
            this.removal = removal;
        }

        @Override
        public void run() {
            String why = null;
            try {
                bay.attachment().close();
            } catch (RuntimeException | Error failure) {
                why = failure instanceof DriveException || failure instanceof NetException
                        || failure instanceof MemoryInUseException
                        ? failure.getMessage() : failure.toString();
            }
            if (why == null) {
                gone(bay, bay.device()::tellRemoved);
                removal.removed();
            } else {
                removal.failed(why);
                stays(bay, why);
            }
        }

        private void stays(DeviceBay hung, String why) {
            // It keeps its id, and whatever else it has, until it ends after all or the machine is closed.
            deviceEvents.tell(() -> hung.device().tellFailed(why));
            finished(hung.id(), true);
        }
    }

    /** Frees the id: who takes it is heard of after {@code event}. */
    private synchronized void gone(DeviceBay bay, Runnable event) {
        deviceEvents.tell(event);
        finished(bay.id(), false);
    }

    private void checkOpen() {
        if (closing) {
            throw new IllegalStateException("the machine is closed");
        }
    }

    /** Lets no device come or go any more, and waits for those that are on their way. */
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

    /** Ends all devices that are on PCI; the others end with the board. */
    @Override
    public void close() {
        shutDown();
        List<DeviceBay> left;
        synchronized (this) {
            left = new ArrayList<>(bays.values());
            bays.clear();
        }
        Cleanup cleanup = new Cleanup();
        for (DeviceBay bay : left) {
            if (bay.attachment() != null) {
                cleanup.add(bay.attachment());
            }
        }
        try {
            cleanup.close();
        } finally {
            for (DeviceBay bay : left) {
                bay.machineClosed();
            }
        }
    }
}
