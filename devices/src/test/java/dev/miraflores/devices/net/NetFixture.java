// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;

/** A NIC with the test at both its ends. */
abstract class NetFixture {

    static final long MAC = 0x52_54_00_12_34_56L;
    static final byte[] PLAIN = new byte[NetHeader.BYTES];
    /** All that a tap of a current kernel can do. */
    static final long OFFLOADS = NetFeatures.OFFLOADS;

    PairBackend backend;
    VirtioNetDevice device;
    NetDriver driver;

    static NetDeviceConfig config() {
        return NetDeviceConfig.of("test", MAC);
    }

    /** The driver is made, but not started. */
    void open(NetDeviceConfig config, long offloads) {
        backend = new PairBackend(config.queuePairs(), offloads);
        device = VirtioNetDevice.open(config, backend);
        driver = new NetDriver(device);
    }

    @AfterEach
    void closeAll() {
        if (driver != null) {
            driver.close();
            driver = null;
        }
    }

    NetPairReport pair(int index) {
        return device.report().pairs().get(index);
    }

    long dropped(NetFault why) {
        return pair(0).received().faults().get(why) + pair(0).transmitted().faults().get(why);
    }

    /** A frame for the device, with the rest of it random. */
    static byte[] frame(int byteSize) {
        byte[] frame = new byte[byteSize];
        new Random(byteSize).nextBytes(frame);
        putAddress(frame, 0, MAC);
        frame[12] = 0x08;
        frame[13] = 0;
        return frame;
    }

    static byte[] frameTo(long address) {
        byte[] frame = frame(60);
        putAddress(frame, 0, address);
        return frame;
    }

    static byte[] frameInVlan(long address, int vlan) {
        byte[] frame = frameTo(address);
        frame[12] = (byte) 0x81;
        frame[13] = 0;
        frame[14] = (byte) (vlan >>> 8);
        frame[15] = (byte) vlan;
        return frame;
    }

    static void putAddress(byte[] bytes, int at, long address) {
        for (int i = 0; i < 6; i++) {
            bytes[at + i] = (byte) (address >>> 40 - 8 * i);
        }
    }

    static byte[] header(int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        return ByteBuffer.allocate(NetHeader.BYTES).order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) flags).put((byte) gsoType).putShort((short) hdrLen).putShort((short) gsoSize)
            .putShort((short) csumStart).putShort((short) csumOffset).putShort((short) 0).array();
    }

    static byte[] le16(int value) {
        return new byte[] {(byte) value, (byte) (value >>> 8)};
    }
}
