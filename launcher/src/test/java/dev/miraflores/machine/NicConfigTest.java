// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.stream.StreamAddress;
import dev.miraflores.devices.net.user.PortForward;
import dev.miraflores.devices.net.user.UserNetwork;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NicConfigTest {

    @Test
    void shouldReadUserWithPorts() {
        NicConfig nic = NicConfig.parse("user,hostfwd=tcp:127.0.0.1:2222-:22,model=virtio,hostfwd=udp::5353-10.0.2.15:53,"
                + "hostfwd=:[::1]:80-:8080");
        assertEquals(NicConfig.Kind.USER, nic.kind());
        assertEquals(List.of(new PortForward(false, "127.0.0.1", 2222, 22), new PortForward(true, "", 5353, 53),
                new PortForward(false, "::1", 80, 8080)), nic.user().forwards());
        assertEquals("10.0.2.2", nic.user().host());
    }

    @Test
    void shouldPutTheUserNetworkWhereItIsWanted() {
        UserNetwork user = NicConfig.parse("user,net=192.168.76.9/24").user();
        assertEquals(List.of("192.168.76.15", "192.168.76.2"), List.of(user.address(), user.host()));
        assertEquals("192.168.76.100", NicConfig.parse("user,net=192.168.76.0/24,dhcpstart=192.168.76.100").user().address());
    }

    @Test
    void shouldReadTaps() {
        NicConfig nic = NicConfig.parse("tap,ifname=tap7,bridge=br0,queues=4,vhost=on,mtu=9000,script=no,mac=52:54:0:aA:1:2");
        assertEquals(new NicTap("tap7", List.of(), "br0", true), nic.tap());
        assertEquals(4, nic.queues());
        assertEquals(0x525400AA0102L, nic.mac());
        assertEquals(2, NicConfig.parse("tap,fds=7:9").queues());
        assertEquals(List.of(7, 9), NicConfig.parse("tap,fd=7,fd=9").tap().fds());
    }

    @Test
    void shouldReadSockets() {
        assertEquals(new NicSocket(true, StreamAddress.unix("/tmp/a,b"), 0), NicConfig.parse("socket,listen=unix:/tmp/a,,b").socket());
        assertEquals(new NicSocket(false, StreamAddress.tcp("::1", 1234), 500),
                NicConfig.parse("socket,connect=[::1]:1234,reconnect-ms=500").socket());
        assertEquals("/tmp/s", NicConfig.parse("vhost-user=/tmp/s,mtu=1500").vhostUser());
        assertNull(NicConfig.parse("none"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "usr|the nearest is 'user'", "user,|'' is not key=value", "none,id=x|none is said alone",
        "user,model=e1000|use model=virtio", "user,model=foo|use model=virtio", "user,mac=1:2:3|six bytes", "user,mac=01:0:0:0:0:1|even first byte",
        "user,mac=0:0:0:0:0:0|is not that of one device",
        "user,queues=2|one queue pair", "user,hostfwd=tcp:1:2|write tcp:", "user,hostfwd=sctp::1-:2|write tcp:",
        "user,hostfwd=tcp::0-:2|write tcp:", "user,hostfwd=tcp::1-:65536|write tcp:", "user,hostfwd=tcp:a.b:1-:2|write tcp:",
        "user,hostfwd=tcp::1-10.0.2.16:2|leave the address out", "user,net=10.0.2.0|ADDRESS/BITS", "user,net=10.0.2.0/31|ADDRESS/BITS",
        "user,host=10.0.3.2|not in the network", "user,host=10.0.2.15|both are", "user,ipv4=off,ipv6=off|use --nic none",
        "user,restrict=on|use tap and a firewall", "user,smb=/|not built", "user,dns=10.0.2.3|not built", "user,ifname=x|unknown key 'ifname' for user", "user,id=a,id=b|given twice",
        "tap,ifname=this-name-is-too-long|1 to 15", "tap,ifname=a/b|not a name", "tap,ifname=tap%d|not a name", "tap,fd=2|use 3 to",
        "tap,fds=5:5|twice", "socket,fd=2|use 3 to", "socket,fd=5,listen=:1|leave all else", "socket,fd=5,fd=6|leave all else", "tap,fd=5,ifname=x|leave one out", "tap,script=/etc/qemu-ifup|hv runs no scripts", "tap,vhost=maybe|use on or off",
        "tap,queues=0|use 1 to 256", "tap,queue-size=3|power of two", "tap,mtu=67|use 68 to 65535", "tap,iothreads=2|use 1 to 1",
        "tap,queues=2,iothreads=2,rss=on|iothreads=1",
        "socket|needs one of listen=, connect= and fd=", "socket,listen=unix:|1 to", "socket,listen=x|not an address",
        "socket,connect=:1|not an address", "socket,listen=:1,reconnect-ms=1|for connect=", "tap,vhost-user=/x|a kind of its own",
        "tap,vhost=on,rss=on|rss=on is for packets that hv moves itself", "tap,vhost=on,queues=2,iothreads=2|iothreads=2 is for packets",
        "vhost-user=/s,hash=on|hash=on is for packets", "l2tpv3|not built", "passt|user, which is passt", "vhost-user=|needs the path",
        "user,id=1x|use a letter"
    })
    void shouldSayWhatIsWrongAndTheWayOut(String text, String part) {
        ConfigException refusal = assertThrows(ConfigException.class, () -> NicConfig.parse(text));
        assertTrue(refusal.getMessage().contains(part), refusal::getMessage);
        assertTrue(refusal.getMessage().startsWith("--nic " + text + ": "), refusal::getMessage);
    }

    /** By DHCP too: a guest may not look at what its device says. */
    @Test
    void shouldTellPasstTheMtuHoweverItIsSaid() {
        assertEquals(1400, NicConfig.parse("user,mtu=1400").user().mtu());
        NicConfig built = NicConfig.ofUser().toBuilder().mtu(1300).build();
        assertEquals(1300, built.user().mtu());
        assertEquals(0, built.toBuilder().mtu(0).build().user().mtu());
        assertEquals(1200, built.toBuilder().mtu(0).user(UserNetwork.of(List.of()).withMtu(1200)).build().user().mtu());
    }

    @Test
    void shouldGiveEachANameAndAnAddress() {
        MachineConfig machine = MachineConfig.builder().kernel("k", new byte[] {1})
                .nic(NicConfig.ofUser()).nic(NicConfig.parse("tap,id=nic0,mac=52:54:00:12:34:58")).nic(NicConfig.ofUser()).build();
        assertEquals(List.of("nic1", "nic0", "nic2"), machine.nics().stream().map(NicConfig::id).toList());
        assertEquals(List.of("52:54:00:12:34:56", "52:54:00:12:34:58", "52:54:00:12:34:59"),
                machine.nics().stream().map(nic -> NicConfig.macText(nic.mac())).toList());
    }

    @Test
    void shouldRefuseANameOrAddressThatIsTaken() {
        MachineConfig.Builder drive = MachineConfig.builder().kernel("k", new byte[] {1}).drive(DriveConfig.parse("file=d,id=a"))
                .nic(NicConfig.parse("user,id=a"));
        assertTrue(assertThrows(ConfigException.class, drive::build).getMessage().contains("another device has this id"));
        MachineConfig.Builder twice = MachineConfig.builder().kernel("k", new byte[] {1})
                .nic(NicConfig.parse("user,mac=52:54:0:0:0:1")).nic(NicConfig.parse("tap,mac=52:54:0:0:0:1"));
        assertTrue(assertThrows(ConfigException.class, twice::build).getMessage().contains("two have this address"));
    }
}
