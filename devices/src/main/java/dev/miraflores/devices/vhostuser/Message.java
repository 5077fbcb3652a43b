// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.FLAGS_OFFSET;
import static dev.miraflores.devices.vhostuser.MessageLayout.MAX_PAYLOAD_BYTES;
import static dev.miraflores.devices.vhostuser.MessageLayout.NEED_REPLY;
import static dev.miraflores.devices.vhostuser.MessageLayout.PAYLOAD_OFFSET;
import static dev.miraflores.devices.vhostuser.MessageLayout.REPLY;
import static dev.miraflores.devices.vhostuser.MessageLayout.REQUEST_OFFSET;
import static dev.miraflores.devices.vhostuser.MessageLayout.SIZE_OFFSET;
import static dev.miraflores.devices.vhostuser.MessageLayout.U32;
import static dev.miraflores.devices.vhostuser.MessageLayout.U64;
import static dev.miraflores.devices.vhostuser.MessageLayout.VERSION;

import dev.miraflores.linux.Fd;
import dev.miraflores.linux.ReceivedFds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One message and the descriptors that came with it, used again for the next one.
 * <p>Thread: one at a time.
 * <p>Lifetime: descriptors that were not taken are closed by {@link #close}, and before the next message is received into it.
 */
public final class Message implements AutoCloseable {

    private final MemorySegment bytes = Arena.ofAuto().allocate(PAYLOAD_OFFSET + MAX_PAYLOAD_BYTES, Long.BYTES);
    private final MemorySegment payload = bytes.asSlice(PAYLOAD_OFFSET);
    private final ReceivedFds fds = new ReceivedFds();

    /** Room for a message, and none in it yet. */
    public Message() {
    }

    /** Makes it a request without payload: {@code VHOST_USER_VERSION} in the flags and nothing else. */
    public Message request(FrontendRequest request) {
        return begin(request.code(), VERSION);
    }

    /** As {@link #request(FrontendRequest)}, for the back end's own channel. */
    public Message request(BackendRequest request) {
        return begin(request.code(), VERSION);
    }

    /** Makes it the reply to a request, without payload. */
    public Message reply(int code) {
        return begin(code, VERSION | REPLY);
    }

    private Message begin(int code, int flags) {
        bytes.set(U32, REQUEST_OFFSET, code);
        bytes.set(U32, FLAGS_OFFSET, flags);
        bytes.set(U32, SIZE_OFFSET, 0);
        return this;
    }

    /** Asks for a reply (REPLY_ACK). */
    public Message needReply() {
        bytes.set(U32, FLAGS_OFFSET, flags() | NEED_REPLY);
        return this;
    }

    /** Makes the payload one number. */
    public Message u64(long value) {
        payload.set(U64, 0, value);
        return size(Long.BYTES);
    }

    /** Says how long the payload is that was written to {@link #payload}. */
    public Message size(int payloadBytes) {
        if (payloadBytes < 0 || payloadBytes > MAX_PAYLOAD_BYTES) {
            throw new IllegalArgumentException("a payload of " + payloadBytes + " bytes");
        }
        bytes.set(U32, SIZE_OFFSET, payloadBytes);
        return this;
    }

    /** The request's number. */
    public int code() {
        return bytes.get(U32, REQUEST_OFFSET);
    }

    public int flags() {
        return bytes.get(U32, FLAGS_OFFSET);
    }

    /** Bytes of payload. */
    public int size() {
        return bytes.get(U32, SIZE_OFFSET);
    }

    public boolean isReply() {
        return (flags() & REPLY) != 0;
    }

    public boolean needsReply() {
        return (flags() & NEED_REPLY) != 0;
    }

    /** Room for the longest payload; of what was received, only the first {@link #size} bytes are the message's. */
    public MemorySegment payload() {
        return payload;
    }

    /** The payload as one number; the size is the caller's to check. */
    public long u64() {
        return payload.get(U64, 0);
    }

    /** How many descriptors are left to take. */
    public int fdCount() {
        return fds.count();
    }

    /** The next descriptor, from now on the caller's to close; null when none is left. */
    public Fd takeFd() {
        return fds.take();
    }

    MemorySegment bytes() {
        return bytes;
    }

    ReceivedFds fds() {
        return fds;
    }

    @Override
    public void close() {
        fds.close();
    }
}
