// SPDX-License-Identifier: Apache-2.0

/**
 * What a guest is booted with: kernel, initrd and command line go from files into guest memory, together with what the
 * boot protocol wants beside them. Start at {@link dev.miraflores.kvm.boot.BootLoader}; the result is the state that
 * vCPU 0 starts in, a {@link dev.miraflores.kvm.boot.BootState}.
 * <p>Four protocols: Linux bzImage and ELF vmlinux by the 64-bit entry (Linux x86 boot protocol), PVH (Xen x86/HVM
 * direct boot), Multiboot 1. Guest memory is expected new, that is, zero: what a protocol wants zeroed is not written.
 * <p>The files are not trusted. Each value in them is read once and checked, and the only thing that one of them can
 * cause is a {@link dev.miraflores.kvm.boot.BootException}, thrown on the thread that loads.
 */
package dev.miraflores.kvm.boot;
