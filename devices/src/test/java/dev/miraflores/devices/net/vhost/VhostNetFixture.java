// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.testkit.EchoNic;
import dev.miraflores.devices.testkit.EchoPair;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhost.FakeKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A NIC of two queue pairs on virtio-pci, each pair between a polite driver and a kernel that sends back what it gets. */
final class VhostNetFixture implements AutoCloseable {

    static final int PAIRS = 2;

    private static final long STOP_NS = 20_000_000_000L;

    final TestMachine machine = new TestMachine();
    final List<FakeKernel> kernels = new ArrayList<>();
    final FakeTap tap = new FakeTap(PAIRS);
    final VirtioNetDevice device;
    final PciDriver driver;
    private final EchoNic nic;

    VhostNetFixture() {
        VhostNetPath path = VhostNetPath.open("n", tap, PAIRS, () -> {
            FakeKernel kernel = new FakeKernel(machine.ram());
            // VIRTIO_NET_F_MRG_RXBUF, and VHOST_NET_F_VIRTIO_NET_HDR, which a tap's own header is instead of.
            kernel.features = kernel.features & ~2 | 1 << 15 | 1 << 27;
            kernels.add(kernel);
            return kernel.open();
        }, STOP_NS);
        device = VirtioNetDevice.open(NetDeviceConfig.of("n", 0x02_00_00_00_00_01L).withQueues(PAIRS, EchoPair.QUEUE_SIZE), path);
        nic = new EchoNic(machine, device, PAIRS);
        driver = nic.driver;
    }

    void start() {
        nic.start(0);
    }

    EchoPair pair(int index) {
        return nic.pair(index);
    }

    int command(int... bytes) {
        return nic.command(bytes);
    }

    int usePairs(int count) {
        return nic.usePairs(count);
    }

    boolean needsReset() {
        return nic.needsReset();
    }

    boolean isServed(int pair) {
        return kernels.get(pair).isRunning();
    }

    void await(String what, BooleanSupplier condition) {
        EchoNic.await(what, condition);
    }

    List<String> violations() {
        List<String> all = new ArrayList<>();
        kernels.forEach(kernel -> all.addAll(kernel.violations));
        return all;
    }

    @Override
    public void close() {
        nic.close();
    }
}
