// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * A virtio device, without its transport.
 * <p>Thread: any vCPU thread, but never two at once: the transport holds its lock around each call.
 * <p>Lifetime: {@code activate} and {@code reset} alternate; {@code close} ends it, from either state.
 * <p>Source: virtio 1.3 §2, §3.1.
 */
public interface VirtioDevice extends AutoCloseable {

    /** The virtio device id (§5): 2 is a block device. */
    int deviceId();

    /** Feature bits offered, those of the ring (§6) included; bit n is feature n. */
    long features();

    /** How many queues there are. */
    int queueCount();

    /** The largest size queue {@code index} may be given, a power of two (§2.6). */
    int maxQueueSize(int index);

    /** Bytes of device-specific configuration (§2.5). */
    int configByteSize();

    /** Reads configuration; the transport has checked that the range lies inside. */
    long readConfig(int offset, int byteSize);

    /** Writes configuration; the transport has checked that the range lies inside. What cannot be written is ignored. */
    void writeConfig(int offset, int byteSize, long value);

    /** The driver has set DRIVER_OK (§3.1.1): features and queues are final until {@link #reset}. */
    void activate(VirtioActivation activation);

    /**
     * Back to the state before {@link #activate}; does nothing in that state. When it returns, nothing of the device
     * reads or writes guest memory, the queues or the queues' events any more, unless it {@link #isHung}.
     */
    void reset();

    /**
     * Whether a reset has given up waiting for what the host does not finish, and that is still so: the host may yet write
     * into guest memory, and the reset is not complete, which the driver sees by the status it reads (§2.1.2, §3.1.1).
     */
    default boolean isHung() {
        return false;
    }

    /** @throws MemoryInUseException where it {@link #isHung}: guest memory has to stay mapped then; may be called again */
    @Override
    void close();
}
