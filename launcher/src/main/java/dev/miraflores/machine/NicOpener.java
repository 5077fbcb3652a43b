// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.NetBackend;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.net.stream.ConnectingPeers;
import dev.miraflores.devices.net.stream.GivenPeer;
import dev.miraflores.devices.net.stream.ListeningPeers;
import dev.miraflores.devices.net.stream.PeerSource;
import dev.miraflores.devices.net.stream.StreamBackend;
import dev.miraflores.devices.net.tap.TapBackend;
import dev.miraflores.devices.net.tap.TapSetup;
import dev.miraflores.devices.net.user.Passt;
import dev.miraflores.devices.net.vhost.VhostNetPath;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.devices.vhostuser.frontend.VhostUserNetPath;

/**
 * Makes network interfaces, and what is behind them: what takes a privilege or starts a program cannot
 * be had in a sandbox ({@link NicPlugRules}).
 * <p>Thread: one.
 */
final class NicOpener {

    private NicOpener() {
    }

    /** @throws dev.miraflores.devices.net.NetException where it cannot be had; the message is one line */
    static Nic open(NicConfig config) {
        return new Nic(config, switch (config.kind()) {
            case USER, SOCKET -> VirtioNetDevice.open(config.device(), stream(config));
            case TAP -> openTap(config);
            case VHOST_USER -> VirtioNetDevice.open(config.device(), VhostUserNetPath.open(
                    VhostUserConfig.of(config.id(), config.vhostUser()).withQueues(config.queues(), 1), config.mac(), config.mtu()));
        });
    }

    private static VirtioNetDevice openTap(NicConfig config) {
        TapBackend tap = tap(config);
        return config.tap().vhost() ? VirtioNetDevice.open(config.device(), inKernel(config, tap))
                : VirtioNetDevice.open(config.device(), tap);
    }

    private static VhostNetPath inKernel(NicConfig config, TapBackend tap) {
        try {
            return VhostNetPath.open(config.id(), tap, config.queues());
        } catch (VhostException e) {
            throw new NetException(name(config) + ": vhost=on: " + e.getMessage() + ", or leave vhost=on out");
        }
    }

    private static TapBackend tap(NicConfig config) {
        NicTap tap = config.tap();
        return tap.fds().isEmpty() ? TapSetup.open(name(config), tap.ifname(), config.queues(), tap.bridge(), config.mtu())
                : TapSetup.adopt(name(config), tap.fds(), tap.bridge(), config.mtu());
    }

    private static NetBackend stream(NicConfig config) {
        return new StreamBackend(config.id(), peers(config));
    }

    private static PeerSource peers(NicConfig config) {
        if (config.kind() == NicConfig.Kind.USER) {
            return Passt.start(name(config), config.user());
        }
        NicSocket socket = config.socket();
        if (socket.isGiven()) {
            return GivenPeer.adopt(name(config), socket.fd());
        }
        return socket.listens() ? ListeningPeers.at(name(config), socket.address())
                : ConnectingPeers.to(name(config), socket.address(), socket.reconnectMs());
    }

    private static String name(NicConfig config) {
        return "nic " + config.id() + " (" + config.kind() + ")";
    }
}
