// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.miraflores.devices.net.stream.StreamAddress;
import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.devices.net.user.UserNetwork;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

/** What a NIC says of itself is read as the same NIC, and what is wrong is refused in one line. */
class NicConfigProperties {

    @Property
    void shouldReadHowItIsServed(@ForAll @IntRange(min = 1, max = 256) int queues, @ForAll @IntRange(min = 1, max = 256) int threads,
            @ForAll @IntRange(min = 1, max = 10) int sizeExponent, @ForAll @LongRange(min = 1, max = 0xFFFFFFFFFFL) long mac,
            @ForAll @IntRange(min = 68, max = 65535) int mtu, @ForAll boolean packed, @ForAll boolean mergeable, @ForAll boolean hash) {
        NicConfig nic = NicConfig.builder(NicConfig.Kind.TAP).id("n").queues(queues).ioThreads(Math.min(queues, threads))
                .queueSize(1 << sizeExponent).mac(mac).mtu(mtu).packed(packed).inOrder(!packed).mergeable(mergeable).hash(hash)
                .pollMaxNs(mtu).build();
        NicConfig read = NicConfig.parse(nic.toString());
        assertEquals(nic, read);
        assertEquals(mac, read.mac());
        assertEquals(queues, read.queues());
    }

    @Property
    void shouldReadWhatIsBehindIt(@ForAll @AlphaChars @StringLength(min = 1, max = 15) String name,
            @ForAll @Size(max = 5) List<@IntRange(min = 1, max = 65535) Integer> ports, @ForAll boolean udp, @ForAll boolean any,
            @ForAll @StringLength(min = 1, max = 30) String path, @ForAll @IntRange(max = 100_000) int reconnectMs) {
        NicConfig user = NicConfig.builder(NicConfig.Kind.USER).user(UserNetwork.of(
                ports.stream().map(port -> new PortForward(udp, any ? "" : "127.0.0.1", port, 65536 - port)).toList())).build();
        assertEquals(user.user(), NicConfig.parse(user.toString()).user());
        NicConfig tap = NicConfig.builder(NicConfig.Kind.TAP).tap(new NicTap(name, List.of(), any ? null : name, udp)).build();
        assertEquals(tap.tap(), NicConfig.parse(tap.toString()).tap());
        if (path.indexOf('\0') < 0 && !path.startsWith(",")) {
            NicConfig socket = NicConfig.ofConnection(StreamAddress.unix("/" + path), reconnectMs);
            assertEquals(socket.socket(), NicConfig.parse(socket.toString()).socket());
        }
    }

    @Property
    void shouldRefuseInOneLine(@ForAll String text) {
        for (String start : List.of("", "user,", "tap,", "socket,", "user,hostfwd=", "user,net=", "socket,listen=", "tap,ifname=")) {
            try {
                NicConfig.parse(start + text);
            } catch (ConfigException e) {
                assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e::getMessage);
            }
        }
    }
}
