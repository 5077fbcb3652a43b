// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.linux.EventFd;
import dev.miraflores.virtio.ring.QueueGeometry;

/**
 * What a driver sets of one queue before it enables it. The setters trust their caller to have asked
 * {@link VirtioDeviceState#configurable} for the queue.
 * <p>Thread: under the lock of {@link VirtioDeviceState}, except {@code vector} and {@code kick}.
 */
final class QueueRegisters {

    /** VIRTIO_MSI_NO_VECTOR: no notifications (virtio 1.3 §4.1.5.1.2). */
    static final int NO_VECTOR = 0xffff;

    final int index;
    final int maxSize;
    /** Signalled by the driver's available buffer notifications. */
    final EventFd kick = EventFd.create();
    private int size;
    private long descGpa;
    private long driverGpa;
    private long deviceGpa;
    private boolean enabled;
    /** The MSI-X vector; read by the device's thread at each notification, changed by the driver at any time. */
    private volatile int vector = NO_VECTOR;

    QueueRegisters(int index, int maxSize) {
        this.index = index;
        this.maxSize = maxSize;
        size = maxSize;
    }

    void reset() {
        size = maxSize;
        descGpa = 0;
        driverGpa = 0;
        deviceGpa = 0;
        enabled = false;
        vector = NO_VECTOR;
        kick.drain();
    }

    int size() {
        return size;
    }

    /** Takes a Queue Size that the device can do; others change nothing (§4.1.4.3.2). */
    void setSize(int value) {
        if (value > 0 && value <= maxSize) {
            size = value;
        }
    }

    long descGpa() {
        return descGpa;
    }

    void setDescGpa(long gpa) {
        descGpa = gpa;
    }

    long driverGpa() {
        return driverGpa;
    }

    void setDriverGpa(long gpa) {
        driverGpa = gpa;
    }

    long deviceGpa() {
        return deviceGpa;
    }

    void setDeviceGpa(long gpa) {
        deviceGpa = gpa;
    }

    boolean isEnabled() {
        return enabled;
    }

    void setEnabled(boolean on) {
        enabled = on;
    }

    int vector() {
        return vector;
    }

    void setVector(int value) {
        vector = value;
    }

    QueueGeometry geometry() {
        return new QueueGeometry(size, descGpa, driverGpa, deviceGpa);
    }

    static long withLow(long whole, int low) {
        return whole & ~0xffff_ffffL | low & 0xffff_ffffL;
    }

    static long withHigh(long whole, int high) {
        return whole & 0xffff_ffffL | (long) high << 32;
    }
}
