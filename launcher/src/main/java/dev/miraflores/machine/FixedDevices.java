// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.balloon.BalloonListener;
import dev.miraflores.devices.balloon.VirtioBalloonDevice;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.console.VirtioConsoleDevice;
import dev.miraflores.devices.entropy.VirtioEntropyDevice;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.devices.vsock.VirtioVsockDevice;
import java.util.ArrayList;
import java.util.List;

/**
 * The devices that a machine is made with and has for good: all virtio devices but disks and network interfaces.
 * <p>Thread: the one that builds the machine; what is asked afterwards, any.
 * <p>Lifetime: what is opened is the {@link Cleanup}'s, and the board's once it is there.
 */
final class FixedDevices {

    private final MachineConfig config;
    private final Cleanup cleanup;
    private final MainLoop mainLoop;
    private final CharBackend serial;
    /** Null where the machine has none; likewise the other two. */
    private final VirtioVsockDevice vsock;
    private Balloon balloon;
    private VirtioConsoleDevice console;

    /** Opens what they need of the host: the kernel's devices. */
    FixedDevices(MachineConfig config, Cleanup cleanup, MainLoop mainLoop) {
        this.config = config;
        this.cleanup = cleanup;
        this.mainLoop = mainLoop;
        this.serial = config.console() == null ? CharBackend.none() : config.console();
        vsock = config.vsock() == null ? null : openVsock(config.vsock());
    }

    private VirtioVsockDevice openVsock(VsockConfig wish) {
        try {
            return cleanup.add(VirtioVsockDevice.open(wish.cid()));
        } catch (VhostException e) {
            throw new ConfigException("--vsock cid=" + wish.cid() + ": " + e.getMessage(), e);
        }
    }

    /** What is connected to the first serial port. */
    CharBackend serial() {
        return serial;
    }

    /** Puts them into their slots, in the order in which the guest is to find them. */
    void addTo(Board board, DeviceBays bays) {
        if (config.rng() != null) {
            board.addVirtio(config.virtio(), rng(config.rng()));
        }
        if (config.balloon() != null) {
            addBalloon(board, bays);
        }
        if (!config.ports().isEmpty()) {
            console = new VirtioConsoleDevice(mainLoop.thread(), config.ports(), new PortEvents(bays.deviceEvents(), bays.events()));
            board.addVirtio(config.virtio(), console);
        }
        if (vsock != null) {
            board.addVirtio(config.virtio(), vsock);
        }
    }

    private VirtioEntropyDevice rng(RngConfig rng) {
        return rng.equals(RngConfig.UNLIMITED) ? new VirtioEntropyDevice(mainLoop.thread())
                : new VirtioEntropyDevice(mainLoop.thread(), rng.maxBytes(), rng.periodMs());
    }

    private void addBalloon(Board board, DeviceBays bays) {
        bays.takeId(config.balloon().id());
        VirtioBalloonDevice device = new VirtioBalloonDevice(
                mainLoop.thread(), config.memoryBytes(), config.balloon().options(), new BalloonNews(bays));
        board.addVirtio(config.virtio(), device);
        balloon = new Balloon(config.balloon(), device);
    }

    /** To the thread that tells listeners: the main loop does not wait for them. */
    private record BalloonNews(DeviceBays bays) implements BalloonListener {

        @Override
        public void changed(long actualBytes) {
            bays.deviceEvents().tell(() -> bays.events().balloonChanged(actualBytes));
        }
    }

    /** Null where the machine has none. */
    Balloon balloon() {
        return balloon;
    }

    CharDevices characters() {
        return new CharDevices(serial, console);
    }

    /** Those that move data of their own accord, and have to stand still where the machine does. */
    List<Stillness.Device> still() {
        List<Stillness.Device> still = new ArrayList<>();
        if (vsock != null) {
            still.add(new StillDevice(vsock::pause, vsock::resume));
        }
        return still;
    }
}
