// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.pci.Msix;

/**
 * How a virtio-pci device notifies its driver: by MSI-X vector, or by INTx and ISR status (virtio 1.3 §4.1.5.1,
 * §4.1.5.3, §4.1.5.4).
 * <p>Thread: notifications, any; a vector may change while one is being sent, which then goes to the old or the new.
 */
final class PciNotifications {

    private final Msix msix;
    private final InterruptStatus isr;
    private volatile int configVector = QueueRegisters.NO_VECTOR;

    PciNotifications(Msix msix, InterruptLine intx) {
        this.msix = msix;
        isr = new InterruptStatus(intx);
    }

    /** Back to no vectors and nothing pending. */
    void reset() {
        configVector = QueueRegisters.NO_VECTOR;
        for (int vector = 0; vector < msix.vectors(); vector++) {
            msix.clearPending(vector);
        }
        isr.readAndClear();
    }

    int configVector() {
        return configVector;
    }

    void setConfigVector(int vector) {
        configVector = existing(vector);
    }

    void setVector(QueueRegisters queue, int vector) {
        if (queue != null) {
            queue.setVector(existing(vector));
        }
    }

    /** A vector that the device does not have is refused by reading back NO_VECTOR (§4.1.5.1.2.1). */
    private int existing(int vector) {
        return vector < msix.vectors() ? vector : QueueRegisters.NO_VECTOR;
    }

    /** Reading ISR status clears it and so deasserts INTx (§4.1.4.5.1). */
    int readIsr() {
        return isr.readAndClear();
    }

    Runnable usedBuffer(QueueRegisters queue) {
        return new UsedBuffer(queue);
    }

    void configChange() {
        // The ISR bit is set with MSI-X as well (§4.1.4.5.1); the pin is then left alone by the PCI function.
        isr.raise(InterruptStatus.CONFIG_CHANGE);
        int vector = configVector;
        if (msix.enabled() && vector != QueueRegisters.NO_VECTOR) {
            msix.signal(vector);
        }
    }

    private final class UsedBuffer implements Runnable {

        private final QueueRegisters queue;

        UsedBuffer(QueueRegisters queue) {
            this.queue = queue;
        }

        @Override
        public void run() {
            if (!msix.enabled()) {
                isr.raise(InterruptStatus.USED_BUFFER);
                return;
            }
            int vector = queue.vector();
            if (vector != QueueRegisters.NO_VECTOR) {
                msix.signal(vector);
            }
        }
    }
}
