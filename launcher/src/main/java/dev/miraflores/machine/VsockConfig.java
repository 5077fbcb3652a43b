// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.vsock.VirtioVsockDevice;
import java.util.Map;

/**
 * Sockets between host and guest, through the host's vhost-vsock.
 *
 * @param cid the guest's context id, which no other guest of the host has
 */
public record VsockConfig(long cid) {

    private static final String OPTION = "--vsock";

    public VsockConfig {
        if (cid < VirtioVsockDevice.MIN_CID || cid > VirtioVsockDevice.MAX_CID) {
            throw new ConfigException(OPTION + " cid=" + cid + ": reserved, or none; use one from "
                    + VirtioVsockDevice.MIN_CID + " to " + VirtioVsockDevice.MAX_CID);
        }
    }

    /**
     * What {@code --vsock} says: {@code cid=N}, or QEMU's {@code guest-cid=N}.
     *
     * @throws ConfigException where it says anything else
     */
    public static VsockConfig parse(String text) {
        if (text.indexOf('=') < 0) {
            throw new ConfigException(OPTION + " " + text + ": no id is named; use cid=N, N being from " + VirtioVsockDevice.MIN_CID + " on");
        }
        Long cid = null;
        for (Map.Entry<String, String> pair : KeyValues.parse(OPTION, text).entrySet()) {
            if (!pair.getKey().equals("cid") && !pair.getKey().equals("guest-cid")) {
                throw new ConfigException(OPTION + " " + text + ": no key '" + pair.getKey() + "'; use cid");
            }
            if (cid != null) {
                throw new ConfigException(OPTION + " " + text + ": cid and guest-cid are the same; leave one");
            }
            cid = number(text, pair.getValue());
        }
        return new VsockConfig(cid);
    }

    private static long number(String text, String digits) {
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            throw new ConfigException(OPTION + " " + text + ": '" + digits + "' is no number; use one from "
                    + VirtioVsockDevice.MIN_CID + " on", e);
        }
    }
}
