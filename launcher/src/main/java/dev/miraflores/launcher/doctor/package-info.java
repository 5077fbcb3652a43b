// SPDX-License-Identifier: Apache-2.0

/**
 * What this host offers to virtual machines, and what to do where it is lacking. Start at
 * {@link dev.miraflores.launcher.doctor.HostReport}. Everything is tried, nothing is changed.
 */
package dev.miraflores.launcher.doctor;
