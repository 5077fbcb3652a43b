// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.devices.net.NetDeviceConfig;
import java.util.Random;

/**
 * How two NICs on one bridge are set up.
 *
 * @param mtu   of their taps
 * @param epoll whether their threads wait with epoll
 */
record NetSoakPlan(
        int mtu, int pairs, int ioThreads, int queueSize, boolean epoll, boolean inOrder, boolean hashReport) {

    private static final int[] MTUS = {1500, 9000, 65521};

    static NetSoakPlan of(Random random) {
        int pairs = 1 + random.nextInt(NetSoakDriver.MAX_PAIRS);
        return new NetSoakPlan(MTUS[random.nextInt(MTUS.length)], pairs, 1 + random.nextInt(pairs), 64 << random.nextInt(5),
            random.nextBoolean(), random.nextInt(4) == 0, random.nextInt(4) == 0);
    }

    NetDeviceConfig config(String id, long mac) {
        return NetDeviceConfig.of(id, mac).withQueues(pairs, queueSize)
            .withThreads(ioThreads, epoll ? IoThreadOptions.DEFAULTS.withEpoll() : IoThreadOptions.DEFAULTS)
            .withRing(true, inOrder, true).withHash(false, hashReport);
    }
}
