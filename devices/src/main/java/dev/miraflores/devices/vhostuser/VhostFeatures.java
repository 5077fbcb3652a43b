// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

/** Feature bits that travel beside virtio's in GET_FEATURES and SET_FEATURES, and are none of the driver's. */
public final class VhostFeatures {

    /** Log all writes to guest memory ("Migration"). */
    public static final long LOG_ALL = 1L << 26;

    /** Protocol features can be negotiated ("Communication"): the bit that virtio keeps unused. */
    public static final long PROTOCOL_FEATURES = 1L << 30;

    /** Both of them. */
    public static final long ALL = LOG_ALL | PROTOCOL_FEATURES;

    private VhostFeatures() {
    }
}
