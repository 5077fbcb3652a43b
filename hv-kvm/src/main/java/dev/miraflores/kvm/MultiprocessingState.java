// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;

/**
 * Whether a vCPU executes.
 * <p>Source: KVM API §4.38 (KVM_GET_MP_STATE).
 */
public enum MultiprocessingState {
    /** It executes. */
    RUNNABLE(kvm_abi.KVM_MP_STATE_RUNNABLE),
    /** It waits for INIT, as every CPU but the first does from power-on. */
    UNINITIALIZED(kvm_abi.KVM_MP_STATE_UNINITIALIZED),
    /** It had INIT and waits for its start-up IPI. */
    INIT_RECEIVED(kvm_abi.KVM_MP_STATE_INIT_RECEIVED),
    /** It executed HLT and waits for an interrupt. */
    HALTED(kvm_abi.KVM_MP_STATE_HALTED),
    /** It had its start-up IPI. */
    SIPI_RECEIVED(kvm_abi.KVM_MP_STATE_SIPI_RECEIVED);

    private final int kvmValue;

    MultiprocessingState(int kvmValue) {
        this.kvmValue = kvmValue;
    }

    int kvmValue() {
        return kvmValue;
    }

    static MultiprocessingState ofKvm(int kvmValue) {
        for (MultiprocessingState state : values()) {
            if (state.kvmValue == kvmValue) {
                return state;
            }
        }
        throw new IllegalStateException("KVM_GET_MP_STATE: unknown state " + kvmValue);
    }
}
