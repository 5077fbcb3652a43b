// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * GDTR or IDTR.
 *
 * @param base  linear address of the table
 * @param limit offset of its last byte
 */
public record DescriptorTable(long base, int limit) {}
