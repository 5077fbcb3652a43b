// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/** The host offers no KVM that this program could use. The message is one line: what is wrong, and the way out. */
public final class KvmUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    KvmUnavailableException(String message) {
        super(message);
    }
}
