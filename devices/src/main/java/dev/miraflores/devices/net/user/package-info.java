// SPDX-License-Identifier: Apache-2.0

/**
 * NICs that need no privilege: passt, another program, has the guest's connections made by the host's sockets, and gives it an
 * address by DHCP. Start at {@link dev.miraflores.devices.net.user.Passt}.
 */
package dev.miraflores.devices.net.user;
