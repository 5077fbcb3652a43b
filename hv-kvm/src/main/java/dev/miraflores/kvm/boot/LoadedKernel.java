// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * A kernel in guest memory.
 *
 * @param kind how it is booted
 * @param state what vCPU 0 starts with
 * @param kernelGpa the first byte that is the kernel's
 * @param kernelBytes bytes from there that it needs before it manages memory itself
 * @param initrdGpa where the initrd, or the first module, is; 0 without one
 * @param initrdBytes its length
 */
public record LoadedKernel(
        KernelKind kind, BootState state, long kernelGpa, long kernelBytes, long initrdGpa, long initrdBytes) {
}
