// SPDX-License-Identifier: Apache-2.0

/**
 * PCI as the guest sees it: one bus behind a host bridge, reached by both configuration mechanisms, with BARs that the
 * guest may move, INTx and MSI-X. Start at {@link dev.miraflores.devices.pci.PciRoot}; a device is a
 * {@link dev.miraflores.devices.pci.PciFunction} that it is given.
 * <p>Slots may be filled and emptied while the guest runs: {@link dev.miraflores.devices.pci.PciHotplugController} is how it
 * learns of that.
 * <p>Configuration accesses come on vCPU threads, one at a time under the root's lock; register accesses through BARs
 * come on any vCPU thread without it.
 * <p>Source: PCI Local Bus 3.0; PCI Express 3.0 §7.2.2 for the memory-mapped configuration space. Left out: bridges,
 * multi-function devices, PCI Express capabilities, MSI, power management, and the stop of DMA by the bus master bit.
 */
package dev.miraflores.devices.pci;
