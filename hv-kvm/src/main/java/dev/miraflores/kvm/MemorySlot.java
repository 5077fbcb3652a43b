// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.memory.GuestMemoryRegion;

/**
 * A range of guest-physical addresses that KVM maps to host memory.
 *
 * @param id     the slot's number, unique in its VM
 * @param region what it shows the guest
 */
public record MemorySlot(int id, GuestMemoryRegion region) {}
