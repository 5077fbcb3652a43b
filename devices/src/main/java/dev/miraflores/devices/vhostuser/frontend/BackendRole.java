// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.virtio.VirtioActivation;

/**
 * What the back ends of one kind of device have of their own: {@link DiskRole}, {@link NetRole}.
 * <p>Thread: the control thread.
 */
interface BackendRole {

    /** The device, for messages: {@code drive d}. */
    String device();

    /** Whose log it has. */
    Class<?> logger();

    /** Who serves it, for messages: {@code vhost-user-blk}. */
    String program();

    /** Feature bits, of the device and its rings, that may be passed on between a driver and a back end. */
    long passedOn();

    /** What we speak of the protocol, where the back end does. */
    long protocol();

    /** The feature bit without which there is one queue, or one of whatever {@link #ringsEach} makes up. */
    long multiQueue();

    /** Rings that make up what {@code queues} counts. */
    int ringsEach();

    /** How long the start of its configuration space is that a back end with such features has to let us read; 0 for none. */
    int configByteSize(long features);

    /** The first back end, which decides what the device is. */
    void opened(BackendOffer offer, int queues);

    /** There is a back end again. @param driver null where none has started */
    void connected(BackendSession session, BackendOffer offer, VirtioActivation driver) throws SessionException;

    /** The back end is gone. */
    void lost();

    /** Says what a back end has to know before its rings start; it knows features and memory. */
    void beforeStart(BackendSession session) throws SessionException;

    /** The configuration space as the back end has it now. @param driver null where none has started */
    void configured(byte[] fresh, VirtioActivation driver);

    /** The driver has reset the device. */
    void reset();

    /** Says what a back end has to know after such a reset. */
    void afterReset(BackendSession session) throws SessionException;

    /** Whether a driver goes on where requests in flight were lost with a back end, or may be done twice. */
    boolean bearsLoss();
}
