// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.U64;

/**
 * "Log description": where the dirty log lies in its descriptor.
 * <pre>  0   u64  log size
 *   8   u64  log offset </pre>
 */
public record LogDescription(long byteSize, long mmapOffset) {

    public static final int BYTES = 16;

    public static LogDescription read(Message message) {
        return new LogDescription(message.payload().get(U64, 0), message.payload().get(U64, 8));
    }

    public Message write(Message message) {
        message.payload().set(U64, 0, byteSize);
        message.payload().set(U64, 8, mmapOffset);
        return message.size(BYTES);
    }
}
