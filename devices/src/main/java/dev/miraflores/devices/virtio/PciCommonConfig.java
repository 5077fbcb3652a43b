// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static dev.miraflores.devices.virtio.PciCommonConfigLayout.*;

/**
 * The common configuration registers of virtio-pci. Accesses that are not of a field's width read as zero and write
 * nothing, except that a le64 may also be accessed whole.
 * <p>Thread: any vCPU thread; they take the lock of {@link VirtioDeviceState}.
 * <p>Source: virtio 1.3 §4.1.4.3.
 */
final class PciCommonConfig {

    private final VirtioDeviceState state;
    private final PciNotifications notifications;
    private int deviceFeatureSelect;
    private int driverFeatureSelect;
    private int queueSelect;

    PciCommonConfig(VirtioDeviceState state, PciNotifications notifications) {
        this.state = state;
        this.notifications = notifications;
    }

    void reset() {
        deviceFeatureSelect = 0;
        driverFeatureSelect = 0;
        queueSelect = 0;
    }

    long read(int offset, int byteSize) {
        synchronized (state) {
            if (byteSize == 8 && isWhole64(offset)) {
                return readField(offset) & 0xffff_ffffL | (long) readField(offset + 4) << 32;
            }
            return byteSize == fieldByteSize(offset) ? readField(offset) & 0xffff_ffffL : 0;
        }
    }

    void write(int offset, int byteSize, long value) {
        synchronized (state) {
            if (byteSize == 8 && isWhole64(offset)) {
                writeField(offset, (int) value);
                writeField(offset + 4, (int) (value >>> 32));
            } else if (byteSize == fieldByteSize(offset)) {
                writeField(offset, (int) value);
            }
        }
    }

    private static boolean isWhole64(int offset) {
        return offset == QUEUE_DESC || offset == QUEUE_DRIVER || offset == QUEUE_DEVICE;
    }

    private int readField(int offset) {
        return switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect;
            case DEVICE_FEATURE -> state.deviceFeatures(deviceFeatureSelect);
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect;
            case DRIVER_FEATURE -> state.driverFeatures(driverFeatureSelect);
            case CONFIG_MSIX_VECTOR -> notifications.configVector();
            case NUM_QUEUES -> state.queueCount();
            case DEVICE_STATUS -> state.status();
            case CONFIG_GENERATION -> state.configGeneration() & 0xff;
            case QUEUE_SELECT -> queueSelect;
            default -> readQueueField(offset, state.queue(queueSelect));
        };
    }

    /** A queue that is not there has size 0, which is how the driver knows (§4.1.4.3.1). */
    private static int readQueueField(int offset, QueueRegisters queue) {
        if (queue == null) {
            return offset == QUEUE_MSIX_VECTOR ? QueueRegisters.NO_VECTOR : 0;
        }
        return switch (offset) {
            case QUEUE_SIZE -> queue.size();
            case QUEUE_MSIX_VECTOR -> queue.vector();
            case QUEUE_ENABLE -> queue.isEnabled() ? 1 : 0;
            case QUEUE_NOTIFY_OFF -> queue.index;
            case QUEUE_DESC -> (int) queue.descGpa();
            case QUEUE_DESC + 4 -> (int) (queue.descGpa() >>> 32);
            case QUEUE_DRIVER -> (int) queue.driverGpa();
            case QUEUE_DRIVER + 4 -> (int) (queue.driverGpa() >>> 32);
            case QUEUE_DEVICE -> (int) queue.deviceGpa();
            case QUEUE_DEVICE + 4 -> (int) (queue.deviceGpa() >>> 32);
            default -> 0;
        };
    }

    private void writeField(int offset, int value) {
        switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect = value;
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect = value;
            case DRIVER_FEATURE -> state.acceptFeatures(driverFeatureSelect, value);
            case CONFIG_MSIX_VECTOR -> notifications.setConfigVector(value);
            case DEVICE_STATUS -> state.writeStatus(value);
            case QUEUE_SELECT -> queueSelect = value;
            case QUEUE_MSIX_VECTOR -> notifications.setVector(state.queue(queueSelect), value);
            default -> writeQueueField(offset, value, state.configurable(queueSelect));
        }
    }

    private static void writeQueueField(int offset, int value, QueueRegisters queue) {
        if (queue == null) {
            return;
        }
        switch (offset) {
            case QUEUE_SIZE -> queue.setSize(value);
            // Writing 0 is not for drivers to do (§4.1.4.3.2).
            case QUEUE_ENABLE -> queue.setEnabled(value == 1);
            case QUEUE_DESC -> queue.setDescGpa(QueueRegisters.withLow(queue.descGpa(), value));
            case QUEUE_DESC + 4 -> queue.setDescGpa(QueueRegisters.withHigh(queue.descGpa(), value));
            case QUEUE_DRIVER -> queue.setDriverGpa(QueueRegisters.withLow(queue.driverGpa(), value));
            case QUEUE_DRIVER + 4 -> queue.setDriverGpa(QueueRegisters.withHigh(queue.driverGpa(), value));
            case QUEUE_DEVICE -> queue.setDeviceGpa(QueueRegisters.withLow(queue.deviceGpa(), value));
            case QUEUE_DEVICE + 4 -> queue.setDeviceGpa(QueueRegisters.withHigh(queue.deviceGpa(), value));
            default -> { }
        }
    }
}
