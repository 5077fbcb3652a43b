// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

/**
 * What a back end asks of a front end, on the channel of its own ("Back-end message types"). Names are the
 * specification's, without VHOST_USER_BACKEND_.
 */
public enum BackendRequest {
    IOTLB_MSG(1),
    CONFIG_CHANGE_MSG(2),
    VRING_HOST_NOTIFIER_MSG(3),
    VRING_CALL(4),
    VRING_ERR(5),
    SHARED_OBJECT_ADD(6),
    SHARED_OBJECT_REMOVE(7),
    SHARED_OBJECT_LOOKUP(8);

    private final int code;

    BackendRequest(int code) {
        this.code = code;
    }

    /** The number in a message's header. */
    public int code() {
        return code;
    }

    /** The request with that number, or null where the specification has none. */
    public static BackendRequest of(int code) {
        return code >= 1 && code <= values().length ? values()[code - 1] : null;
    }
}
