// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.virtio.ring.QueueGeometry;

/** A driver's way to the registers of a device, the same over every transport. */
public interface TransportDriver {

    int deviceId();

    int status();

    /** Writes the status field as it is. */
    void writeStatus(int value);

    long deviceFeatures();

    void acceptFeatures(long features);

    /** Sets 32 bits of accepted features by a selector that may be any. */
    void acceptFeatureWord(int select, int word);

    /** The size that a queue can have, 0 where there is none. */
    int queueSize(int queue);

    /** Writes a queue's size and addresses without enabling it. */
    void placeQueue(int queue, QueueGeometry geometry);

    void enableQueue(int queue);

    boolean isQueueEnabled(int queue);

    void notifyQueue(int queue);

    int configGeneration();

    long readConfig(int offset, int byteSize);

    void writeConfig(int offset, int byteSize, long value);

    /** Whether a used buffer notification of the queue came since the last call. */
    boolean takeUsedBufferNotification(int queue);

    /** Whether a configuration change notification came since the last call. */
    boolean takeConfigNotification();

    /** Adds bits to the status, as a driver does. */
    default void addStatus(int bits) {
        writeStatus(status() | bits);
    }
}
