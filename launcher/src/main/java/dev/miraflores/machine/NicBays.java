// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.linux.Fd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The network interfaces of a machine: those it was made with, and those that come and go while it runs.
 * <p>Thread: any. Lock order: this one, then that of {@link DeviceBays}.
 */
final class NicBays {

    private final DeviceBays bays;
    private final boolean sharedMemory;
    /** Addresses of those that are being opened. */
    private final Set<Long> opening = new HashSet<>();

    /** @param sharedMemory whether another process can be given the guest's memory */
    NicBays(DeviceBays bays, boolean sharedMemory) {
        this.bays = bays;
        this.sharedMemory = sharedMemory;
    }

    /** Puts in one that the machine is made with. */
    void addCold(Nic nic) {
        bays.addCold(new InBay(nic, bays.events()));
    }

    /**
     * Opens what is behind a network interface, and puts it in. Descriptors that it has are closed where this throws.
     *
     * @return its id
     */
    String add(NicConfig wish) {
        String name = wish.id() == null ? wish.kind().toString() : wish.id();
        long[] mac = {NicConfig.NO_MAC};
        boolean[] opened = {false};
        try {
            check(wish);
            return bays.add(BayDevice.Kind.NIC, wish.id(), name, id -> {
                NicBuilder named = wish.toBuilder().id(id);
                mac[0] = takeAddress(named);
                NicConfig whole = named.mac(mac[0]).build();
                opened[0] = true;
                return new InBay(NicOpener.open(whole), bays.events());
            });
        } finally {
            if (!opened[0]) {
                wish.descriptors().forEach(Fd::close);
            }
            synchronized (this) {
                opening.remove(mac[0]);
            }
        }
    }

    /** Whether it could be opened by now, as far as can be said without doing so. */
    void check(NicConfig wish) {
        NicPlugRules.check(wish.id() == null ? wish.kind().toString() : wish.id(), wish, sharedMemory);
    }

    /** One that no other has; it is this one's until it is in, or is not to be. */
    private synchronized long takeAddress(NicBuilder wish) {
        Set<Long> taken = new HashSet<>(opening);
        for (Nic nic : nics()) {
            taken.add(nic.config().mac());
        }
        long mac = wish.mac;
        if (mac != NicConfig.NO_MAC && taken.contains(mac)) {
            throw new ConfigException("nic " + wish.id + ": mac=" + NicConfig.macText(mac)
                    + ": another network interface of this machine has this address; use another, or leave it out");
        }
        for (long next = NicConfig.FIRST_MAC; mac == NicConfig.NO_MAC; next++) {
            mac = taken.contains(next) ? mac : next;
        }
        opening.add(mac);
        return mac;
    }

    DeviceRemoval remove(String id, Duration answerWithin) {
        return bays.remove(BayDevice.Kind.NIC, id, answerWithin);
    }

    /** Those that are in, or on their way out. */
    List<Nic> nics() {
        List<Nic> nics = new ArrayList<>();
        for (BayDevice device : bays.devices(BayDevice.Kind.NIC)) {
            nics.add(((InBay) device).nic);
        }
        return nics;
    }

    Nic nic(String id) {
        return ((InBay) bays.device(BayDevice.Kind.NIC, id)).nic;
    }

    private record InBay(Nic nic, MachineEvents events) implements BayDevice {

        @Override
        public Kind kind() {
            return Kind.NIC;
        }

        @Override
        public String id() {
            return nic.id();
        }

        @Override
        public VirtioDevice device() {
            return nic.device();
        }

        @Override
        public void pause() {
            nic.device().pause();
        }

        @Override
        public void resume() {
            nic.device().resume();
        }

        @Override
        public void tellAdded() {
            events.nicAdded(id());
        }

        @Override
        public void tellRemoved() {
            events.nicRemoved(id());
        }

        @Override
        public void tellUnanswered() {
            events.nicRemovalUnanswered(id());
        }

        @Override
        public void tellFailed(String why) {
            events.nicRemovalFailed(id(), why);
        }
    }
}
