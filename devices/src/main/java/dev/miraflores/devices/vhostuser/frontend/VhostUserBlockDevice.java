// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.aio.DriveException;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.block.Disk;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.memory.GuestMemory;
import java.util.function.Consumer;

/**
 * A disk that another process serves, over vhost-user. Guest memory has to lie in a file that the process can be given, see
 * {@link #canServe}.
 * <p>A back end that goes away is waited for, and the driver notices nothing but the time. What was in flight is done by the
 * back end that comes next, if they keep a record of it (INFLIGHT_SHMFD); otherwise the driver is told that the device needs a
 * reset, unless nothing was in flight.
 * <p>Thread: as {@code VirtioDevice}; pause and resume, any.
 * <p>Lifetime: until {@link #close}, which ends the connection.
 * <p>Source: QEMU's docs/interop/vhost-user.rst; virtio 1.3 §5.2.
 */
public final class VhostUserBlockDevice implements Disk {

    private final VhostUserConfig config;
    private final DiskRole role;
    private final BackendControl control;
    private final BackendLink link;
    private volatile Consumer<String> needsReset = why -> { };

    private VhostUserBlockDevice(VhostUserConfig config) {
        this.config = config;
        role = new DiskRole(config.id());
        control = new BackendControl(config, role, why -> needsReset.accept(why));
        link = control.link();
    }

    /**
     * Connects to the back end and asks what it is.
     *
     * @throws DriveException where nobody listens, or whoever does cannot be a disk's back end; the message is one line
     */
    public static VhostUserBlockDevice open(VhostUserConfig config) {
        VhostUserBlockDevice device = new VhostUserBlockDevice(config);
        String why = device.link.start();
        if (why != null) {
            throw new DriveException("drive " + config.id() + ": vhost-user=" + config.socketPath() + ": " + why);
        }
        return device;
    }

    /** Whether {@code memory} can be shared with a back end: it is if it was made as a memfd. */
    public static boolean canServe(GuestMemory memory) {
        return SharedMemory.isShareable(memory);
    }

    @Override
    public String id() {
        return config.id();
    }

    public VhostUserConfig config() {
        return config;
    }

    /** Bytes on the disk, as the back end said last. */
    public long byteSize() {
        return role.space().capacityBytes();
    }

    /** Whether the driver is told that it must not write. */
    public boolean isReadOnly() {
        return (link.offered() >>> virtio_abi.VIRTIO_BLK_F_RO & 1) != 0;
    }

    /** The name of the thread that speaks with the back end. */
    public String threadName() {
        return control.threadName();
    }

    /** Who is told that the device has come to its end and needs a reset, and why; on a thread that must not be held up. */
    public void setNeedsResetListener(Consumer<String> listener) {
        needsReset = listener;
    }

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_BLOCK;
    }

    @Override
    public long features() {
        return link.offered();
    }

    @Override
    public int queueCount() {
        return link.queues();
    }

    @Override
    public int maxQueueSize(int index) {
        return config.queueSize();
    }

    @Override
    public int configByteSize() {
        return role.space().byteSize();
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return role.space().read(offset, byteSize);
    }

    /** Waits for the back end, as what the driver writes next depends on it (virtio 1.3 §5.2.5.2); but not for ever. */
    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        if (!RemoteConfigSpace.isWce(offset, byteSize) || (link.offered() & DiskRole.CONFIG_WCE) == 0) {
            return;
        }
        int wce = (int) value & 1;
        role.space().writeWce((byte) wce);
        control.call(() -> link.exchange(to -> to.writeConfig(RemoteConfigSpace.wceOffset(), wce)));
    }

    @Override
    public void activate(VirtioActivation activation) {
        control.execute(() -> link.activate(activation));
    }

    /** Waits until the back end has stopped all rings; where that takes too long the device {@link #isHung} until it has. */
    @Override
    public void reset() {
        control.reset();
    }

    @Override
    public boolean isHung() {
        return control.isHung();
    }

    @Override
    public void pause() {
        control.pause();
    }

    @Override
    public void resume() {
        control.resume();
    }

    @Override
    public void close() {
        control.close();
    }
}
