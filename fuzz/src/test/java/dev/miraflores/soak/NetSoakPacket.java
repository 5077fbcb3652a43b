// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/**
 * A packet whose whole content follows from its number, so that who gets it, or a part that somebody cut it into, knows what it must
 * be. The number is in the ports of TCP and UDP; where in the packet a part belongs is TCP's sequence number, or stands in front of
 * each part that UDP is cut into.
 * <pre>  raw       Ethernet, number, content
 *   UDP, TCP  Ethernet, IPv4 or IPv6, header, content </pre>
 * <p>Thread: one.
 */
final class NetSoakPacket {

    /** What is in it, and where that begins. */
    enum Kind {
        RAW(18, 0), UDP4(42, 34), TCP4(54, 34), UDP6(62, 54), TCP6(74, 54);

        final int contentAt;
        final int transportAt;

        Kind(int contentAt, int transportAt) {
            this.contentAt = contentAt;
            this.transportAt = transportAt;
        }

        boolean isUdp() {
            return this == UDP4 || this == UDP6;
        }

        boolean isTcp() {
            return this == TCP4 || this == TCP6;
        }

        boolean isIp4() {
            return this == UDP4 || this == TCP4;
        }

        int checksumOffset() {
            return isTcp() ? 16 : 6;
        }
    }

    static final int HEADER_BYTES = 12;
    static final int MAX_FRAME_BYTES = 14 + 0xFFFF;
    /** Where a UDP part belongs, and how long the parts are. */
    private static final int PART_BYTES = 8;
    static final int MIN_PART = 64;

    private static final int NEEDS_CSUM = 1;
    private static final int GSO_TCPV4 = 1;
    private static final int GSO_TCPV6 = 4;
    private static final int GSO_UDP_L4 = 5;

    private static final int IP_AT = 14;
    private static final int ETHERTYPE_RAW = 0x88B5; // for experiments (IEEE 802)
    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_IPV6 = 0x86DD;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    /** A packet's content begins somewhere in the first half. */
    private static final byte[] CONTENT = new byte[0x2_0000];

    static {
        new Random(1).nextBytes(CONTENT);
    }

    final byte[] header = new byte[HEADER_BYTES];
    final byte[] frame = new byte[MAX_FRAME_BYTES];
    Kind kind;
    int number;
    int frameBytes;
    int contentBytes;
    /** Packets that become of it where it is cut up. */
    int parts;

    private static int begin(int number) {
        return number * 0x9E3779B1 >>> 16;
    }

    /**
     * Makes packet {@code number}.
     *
     * @param bytes         of the frame
     * @param partBytes     how much content a part of it has, where it is left to others to cut it up; 0 where it stays whole
     * @param leaveChecksum whether that is left to others
     */
    void make(Kind what, int id, int bytes, int partBytes, boolean leaveChecksum, long to, long from) {
        kind = what;
        number = id;
        frameBytes = bytes;
        contentBytes = bytes - what.contentAt;
        int part = partBytes == 0 ? contentBytes : partBytes;
        parts = (contentBytes + part - 1) / part;
        putAddress(0, to);
        putAddress(6, from);
        System.arraycopy(CONTENT, begin(id), frame, what.contentAt, contentBytes);
        if (what == Kind.RAW) {
            BE16.set(frame, 12, (short) ETHERTYPE_RAW);
            BE32.set(frame, 14, id);
        } else {
            putIp();
            putTransport(id, part);
        }
        Arrays.fill(header, (byte) 0);
        if (what != Kind.RAW) {
            finish(partBytes, leaveChecksum || partBytes != 0);
        }
    }

    private void putAddress(int at, long address) {
        BE16.set(frame, at, (short) (address >>> 32));
        BE32.set(frame, at + 2, (int) address);
    }

    private int transportBytes() {
        return frameBytes - kind.transportAt;
    }

    private void putIp() {
        Arrays.fill(frame, IP_AT, kind.contentAt, (byte) 0);
        int protocol = kind.isTcp() ? TCP : UDP;
        if (kind.isIp4()) {
            BE16.set(frame, 12, (short) ETHERTYPE_IPV4);
            frame[IP_AT] = 0x45;
            BE16.set(frame, IP_AT + 2, (short) (frameBytes - IP_AT));
            BE16.set(frame, IP_AT + 4, (short) number);
            frame[IP_AT + 8] = 64;
            frame[IP_AT + 9] = (byte) protocol;
            BE32.set(frame, IP_AT + 12, 0xCB007101); // 203.0.113.1 and 2, for documentation (RFC 5737)
            BE32.set(frame, IP_AT + 16, 0xCB007102);
            BE16.set(frame, IP_AT + 10, (short) ~sum(frame, IP_AT, 20, 0));
        } else {
            BE16.set(frame, 12, (short) ETHERTYPE_IPV6);
            frame[IP_AT] = 0x60;
            BE16.set(frame, IP_AT + 4, (short) transportBytes());
            frame[IP_AT + 6] = (byte) protocol;
            frame[IP_AT + 7] = 64;
            for (int at = IP_AT + 8; at < IP_AT + 40; at += 16) {
                BE32.set(frame, at, 0x20010DB8); // 2001:db8::, for documentation (RFC 3849)
                frame[at + 15] = (byte) at;
            }
        }
    }

    private void putTransport(int id, int part) {
        int at = kind.transportAt;
        BE32.set(frame, at, id);
        if (kind.isTcp()) {
            frame[at + 12] = 0x50;
            frame[at + 13] = 0x10;
            return;
        }
        BE16.set(frame, at + 4, (short) transportBytes());
        for (int offset = 0; offset + PART_BYTES <= contentBytes; offset += part) {
            BE32.set(frame, kind.contentAt + offset, offset);
            BE32.set(frame, kind.contentAt + offset + 4, part);
        }
    }

    private void finish(int partBytes, boolean leaveChecksum) {
        int field = kind.transportAt + kind.checksumOffset();
        int pseudo = pseudoSum(frame, kind, frameBytes);
        if (!leaveChecksum) {
            int sum = ~sum(frame, kind.transportAt, transportBytes(), pseudo) & 0xFFFF;
            BE16.set(frame, field, (short) (sum == 0 && kind.isUdp() ? 0xFFFF : sum));
            return;
        }
        BE16.set(frame, field, (short) pseudo);
        header[0] = NEEDS_CSUM;
        LE16.set(header, 6, (short) kind.transportAt);
        LE16.set(header, 8, (short) kind.checksumOffset());
        if (partBytes != 0) {
            header[1] = (byte) gsoType(kind);
            LE16.set(header, 2, (short) kind.contentAt);
            LE16.set(header, 4, (short) partBytes);
        }
    }

    private static int gsoType(Kind kind) {
        return kind.isUdp() ? GSO_UDP_L4 : kind == Kind.TCP4 ? GSO_TCPV4 : GSO_TCPV6;
    }

    /** Of what TCP and UDP sum besides themselves. */
    private static int pseudoSum(byte[] bytes, Kind kind, int frameBytes) {
        int start = (kind.isTcp() ? TCP : UDP) + frameBytes - kind.transportAt;
        return kind.isIp4() ? sum(bytes, IP_AT + 12, 8, start) : sum(bytes, IP_AT + 8, 32, start);
    }

    /** The Internet checksum's sum, not complemented (RFC 1071). */
    private static int sum(byte[] bytes, int from, int count, int start) {
        long sum = start;
        int at = from;
        for (; at + 4 <= from + count; at += 4) {
            sum += (int) BE32.get(bytes, at) & 0xFFFF_FFFFL;
        }
        for (; at < from + count; at++) {
            sum += (bytes[at] & 0xFFL) << ((at - from) % 2 == 0 ? 8 : 0);
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return (int) sum;
    }

    // ---- what came

    /** What a packet received is: of the content of packet {@link #number}, {@link #contentBytes} bytes. */
    static final class Part {
        Kind kind;
        int number;
        int contentBytes;
    }

    /**
     * Looks at all of a packet.
     *
     * @param bytes       the device's header, and the frame behind it
     * @param headerBytes how long that header is
     * @param length      of both
     * @return whether it is one of ours
     * @throws AssertionError where it is not what it must be
     */
    static boolean read(byte[] bytes, int headerBytes, int length, long to, long from, Part into) {
        byte[] frame = Arrays.copyOfRange(bytes, headerBytes, length);
        Kind kind = kindOf(frame);
        if (kind == null || address(frame, 0) != to || address(frame, 6) != from) {
            return false;
        }
        into.kind = kind;
        into.number = (int) BE32.get(frame, kind == Kind.RAW ? 14 : kind.transportAt);
        into.contentBytes = frame.length - kind.contentAt;
        if (kind == Kind.RAW) {
            expectContent(frame, kind, into.number, 14 + 4, into.contentBytes, 0);
            return true;
        }
        checkIp(frame, kind);
        checkChecksum(bytes, frame, kind);
        if (kind.isTcp()) {
            expectContent(frame, kind, into.number, kind.contentAt, into.contentBytes, (int) BE32.get(frame, kind.transportAt + 4));
        } else {
            checkUdp(frame, kind, into);
        }
        return true;
    }

    private static Kind kindOf(byte[] frame) {
        int type = (short) BE16.get(frame, 12) & 0xFFFF;
        Kind kind = switch (type) {
            case ETHERTYPE_RAW -> Kind.RAW;
            case ETHERTYPE_IPV4 -> frame[IP_AT + 9] == TCP ? Kind.TCP4 : Kind.UDP4;
            case ETHERTYPE_IPV6 -> frame[IP_AT + 6] == TCP ? Kind.TCP6 : Kind.UDP6;
            default -> null;
        };
        return kind != null && frame.length >= kind.contentAt ? kind : null;
    }

    private static long address(byte[] frame, int at) {
        return ((short) BE16.get(frame, at) & 0xFFFFL) << 32 | (int) BE32.get(frame, at + 2) & 0xFFFF_FFFFL;
    }

    private static void expect(boolean holds, Kind kind, byte[] frame, String otherwise) {
        if (!holds) {
            throw new AssertionError(kind + " of " + frame.length + " bytes: " + otherwise);
        }
    }

    private static void checkIp(byte[] frame, Kind kind) {
        if (kind.isIp4()) {
            expect(sum(frame, IP_AT, 20, 0) == 0xFFFF, kind, frame, "the checksum of IPv4 is wrong");
            expect(((short) BE16.get(frame, IP_AT + 2) & 0xFFFF) == frame.length - IP_AT, kind, frame, "the length of IPv4 is wrong");
        } else {
            expect(((short) BE16.get(frame, IP_AT + 4) & 0xFFFF) == frame.length - kind.transportAt, kind, frame,
                "the length of IPv6 is wrong");
        }
    }

    private static void checkChecksum(byte[] header, byte[] frame, Kind kind) {
        int pseudo = pseudoSum(frame, kind, frame.length);
        if ((header[0] & NEEDS_CSUM) == 0) {
            expect(header[1] == 0, kind, frame, "to be cut up, but its checksum is finished");
            expect(sum(frame, kind.transportAt, frame.length - kind.transportAt, pseudo) == 0xFFFF, kind, frame, "the checksum is wrong");
            return;
        }
        int start = (short) LE16.get(header, 6);
        int offset = (short) LE16.get(header, 8);
        expect(start == kind.transportAt && offset == kind.checksumOffset(), kind, frame, "the checksum is to go to " + start + "+" + offset);
        int found = (short) BE16.get(frame, start + offset) & 0xFFFF;
        expect(found == pseudo, kind, frame, "the sum of the pseudo header is " + found + ", not " + pseudo);
        expect(header[1] == 0 || header[1] == gsoType(kind), kind, frame, "gso_type " + header[1]);
    }

    private static void checkUdp(byte[] frame, Kind kind, Part into) {
        expect(((short) BE16.get(frame, kind.transportAt + 4) & 0xFFFF) == frame.length - kind.transportAt, kind, frame, "UDP's length");
        expect(into.contentBytes >= PART_BYTES, kind, frame, "too short");
        int first = (int) BE32.get(frame, kind.contentAt);
        int part = (int) BE32.get(frame, kind.contentAt + 4);
        expect(part >= PART_BYTES && first >= 0 && first % part == 0, kind, frame, "a part of " + part + " at " + first);
        for (int done = 0; done < into.contentBytes; done += part) {
            int at = kind.contentAt + done;
            int bytes = Math.min(part, into.contentBytes - done);
            int skipped = 0;
            if (bytes >= PART_BYTES) {
                expect((int) BE32.get(frame, at) == first + done && (int) BE32.get(frame, at + 4) == part, kind, frame,
                    "what should be at " + (first + done) + " is not");
                skipped = PART_BYTES;
            }
            expectContent(frame, kind, into.number, at + skipped, bytes - skipped, first + done + skipped);
        }
    }

    private static void expectContent(byte[] frame, Kind kind, int number, int at, int bytes, int offset) {
        expect(offset >= 0 && offset + bytes <= 0x1_0000, kind, frame, "content at " + offset);
        int begin = begin(number) + offset;
        int wrong = Arrays.mismatch(frame, at, at + bytes, CONTENT, begin, begin + bytes);
        expect(wrong < 0, kind, frame, "packet " + number + " is not what was sent, from byte " + (at + wrong) + " on");
    }
}
