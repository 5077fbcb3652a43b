// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.ArrayList;
import java.util.List;

/** Gives network interfaces what was left to the machine: a name and an address each. */
final class NicNames {

    private NicNames() {
    }

    /**
     * These, each with an id and an address.
     *
     * @param drives  whose ids are taken, too: monitors have one name for a device
     * @param balloon likewise, or null
     * @throws ConfigException where two say the same
     */
    static List<NicConfig> named(List<NicConfig> nics, List<DriveConfig> drives, BalloonConfig balloon) {
        List<String> ids = new ArrayList<>();
        for (DriveConfig drive : drives) {
            ids.add(drive.id());
        }
        if (balloon != null) {
            ids.add(balloon.id());
        }
        List<Long> macs = new ArrayList<>();
        for (NicConfig nic : nics) {
            if (nic.id() != null && ids.contains(nic.id())) {
                throw new ConfigException("--nic id=" + nic.id() + ": another device has this id; change one");
            }
            if (nic.mac() != NicConfig.NO_MAC && macs.contains(nic.mac())) {
                throw new ConfigException("--nic mac=" + NicConfig.macText(nic.mac()) + ": two have this address; change one");
            }
            ids.add(nic.id());
            macs.add(nic.mac());
        }
        List<NicConfig> named = new ArrayList<>();
        for (NicConfig nic : nics) {
            String id = nic.id();
            for (int number = 0; id == null || id != nic.id() && ids.contains(id); number++) {
                id = "nic" + number;
            }
            long mac = nic.mac() != NicConfig.NO_MAC ? nic.mac() : NicConfig.FIRST_MAC + named.size();
            while (nic.mac() == NicConfig.NO_MAC && macs.contains(mac)) {
                mac++;
            }
            ids.add(id);
            macs.add(mac);
            named.add(nic.toBuilder().id(id).mac(mac).build());
        }
        return List.copyOf(named);
    }

    static boolean anyVhostUser(List<NicConfig> nics) {
        for (NicConfig nic : nics) {
            if (nic.kind() == NicConfig.Kind.VHOST_USER) {
                return true;
            }
        }
        return false;
    }
}
