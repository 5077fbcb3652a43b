// SPDX-License-Identifier: Apache-2.0

/**
 * The Linux calls that a hypervisor makes, as safe wrappers: descriptors ({@link dev.miraflores.linux.Fd}), mappings
 * ({@link dev.miraflores.linux.Mapping}), eventfds, file I/O at an offset, threads and signals.
 *
 * <p>A call returns its result or −errno, as in a CQE ({@link dev.miraflores.linux.Errno}); an
 * {@link dev.miraflores.linux.ErrnoException} is thrown only where no caller could go on. What is opened here closes
 * idempotently, and using it afterwards is an {@link java.lang.IllegalStateException}, never a fault of the process.
 *
 * <p>Thread: any, unless a type says otherwise. All native calls go through one linked shape, so the first one pays for
 * linking and the rest do not.
 */
package dev.miraflores.linux;
