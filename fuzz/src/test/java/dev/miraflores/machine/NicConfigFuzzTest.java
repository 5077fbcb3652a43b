// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.fuzz.Bounds;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever stands behind {@code --nic}: a NIC that keeps its own rules, or a refusal in one line. */
class NicConfigFuzzTest {

    static Stream<byte[]> seeds() {
        return Stream.of("user", "none", "user,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::53-10.0.2.15:53",
                        "user,net=192.168.1.0/24,host=192.168.1.1,dhcpstart=192.168.1.9,ipv6=off,mtu=1400",
                        "tap,ifname=tap0,bridge=br0,queues=4,vhost=on,script=no,downscript=no,mac=52:54:00:aa:bb:cc",
                        "tap,fds=3:4:5,iothreads=3,queue-size=1024,packed=off,in-order=on,mrg_rxbuf=off,hash=on",
                        "tap,fd=7,rss=on,poll-max-ns=0,model=virtio-net-pci", "socket,listen=unix:/tmp/n,id=a",
                        "socket,connect=[::1]:1234,reconnect-ms=100", "stream,listen=:99", "vhost-user=/tmp/x,queues=2",
                        "user,model=e1000", "user,hostfwd=::[::1]:1-:2", "user,mac=1", "bridge", "user,id=\n")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldReadOrRefuse(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try (Bounds _ = new Bounds()) {
            NicConfig nic = NicConfig.parse(text);
            if (nic == null) {
                assertEquals("none", text);
                return;
            }
            assertEquals(nic, NicConfig.parse(nic.toString()));
            assertTrue(nic.queues() >= 1 && nic.ioThreads() <= nic.queues());
            assertTrue(nic.kind() == NicConfig.Kind.TAP || nic.kind() == NicConfig.Kind.VHOST_USER || nic.queues() == 1);
            if (nic.user() != null) {
                // Each becomes a word of another program's command line.
                for (PortForward forward : nic.user().forwards()) {
                    assertTrue(forward.toString().matches("(tcp|udp):[0-9A-Fa-f.:%\\[\\]A-Za-z_-]*:[0-9]+-:[0-9]+"), forward::toString);
                }
                assertTrue(nic.user().address().matches("[0-9.]+") && nic.user().host().matches("[0-9.]+"));
            }
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }
}
