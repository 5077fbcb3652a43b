// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

/**
 * What a function says it is (PCI 3.0 §6.2.1, §6.2.4).
 *
 * @param vendorId          le16
 * @param deviceId          le16
 * @param revision          u8
 * @param classCode         24 bits: class, subclass, interface
 * @param subsystemVendorId le16
 * @param subsystemId       le16
 */
public record PciIdentity(int vendorId, int deviceId, int revision, int classCode, int subsystemVendorId,
                          int subsystemId) {
}
