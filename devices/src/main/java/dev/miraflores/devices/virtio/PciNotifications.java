// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.pci.Msix;
import dev.miraflores.linux.EventFd;
import java.util.ArrayList;
import java.util.List;

/**
 * How a virtio-pci device notifies its driver: by MSI-X vector, or by INTx and ISR status (virtio 1.3 §4.1.5.1,
 * §4.1.5.3, §4.1.5.4).
 * <p>Events that another process signals are attached to their queue's vector for as long as there is one; otherwise they are
 * for the device to pass on.
 * <p>Thread: notifications, any; a vector may change while one is being sent, which then goes to the old or the new. The lock
 * is this object's own; the {@link Msix}'s is taken under it.
 */
final class PciNotifications {

    private final Msix msix;
    private final InterruptStatus isr;
    private final List<Connected> connected = new ArrayList<>();
    private volatile int configVector = QueueRegisters.NO_VECTOR;

    PciNotifications(Msix msix, InterruptLine intx) {
        this.msix = msix;
        isr = new InterruptStatus(intx);
        msix.onControl(this::reconnect);
    }

    private synchronized void reconnect() {
        connected.forEach(Connected::follow);
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
            reconnect();
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

    QueueInterrupt usedBuffer(QueueRegisters queue) {
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

    private final class UsedBuffer implements QueueInterrupt {

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

        @Override
        public Connection connect(EventFd event, Runnable changed) {
            synchronized (PciNotifications.this) {
                Connected connection = new Connected(queue, event, changed);
                connected.add(connection);
                connection.follow();
                return connection;
            }
        }
    }

    /** An event of another's, attached to the vector that its queue has now. */
    private final class Connected implements QueueInterrupt.Connection {

        private final QueueRegisters queue;
        private final EventFd event;
        private final Runnable changed;
        private int vector = QueueRegisters.NO_VECTOR;
        private volatile Msix.Attachment attachment;

        Connected(QueueRegisters queue, EventFd event, Runnable changed) {
            this.queue = queue;
            this.event = event;
            this.changed = changed;
        }

        void follow() {
            int wanted = msix.enabled() ? queue.vector() : QueueRegisters.NO_VECTOR;
            if (wanted == vector) {
                return;
            }
            boolean wasDirect = isDirect();
            detach();
            vector = wanted;
            if (wanted != QueueRegisters.NO_VECTOR) {
                attachment = msix.attach(wanted, event);
            }
            if (isDirect() != wasDirect) {
                changed.run();
            }
        }

        private void detach() {
            if (attachment != null) {
                attachment.close();
                attachment = null;
            }
        }

        @Override
        public boolean isDirect() {
            return attachment != null;
        }

        @Override
        public void close() {
            synchronized (PciNotifications.this) {
                connected.remove(this);
                detach();
            }
        }
    }
}
