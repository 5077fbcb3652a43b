// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.U32;

/**
 * "A vring state description", which also carries the indices of SET_VRING_BASE and GET_VRING_BASE.
 * <pre>  0   u32  index
 *   4   u32  num </pre>
 */
public record VringState(int index, int num) {

    public static final int BYTES = 8;

    public static VringState read(Message message) {
        return new VringState(message.payload().get(U32, 0), message.payload().get(U32, 4));
    }

    public Message write(Message message) {
        message.payload().set(U32, 0, index);
        message.payload().set(U32, 4, num);
        return message.size(BYTES);
    }
}
