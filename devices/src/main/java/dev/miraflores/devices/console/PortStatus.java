// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

/**
 * A port as it is now.
 *
 * @param number       which one of the device
 * @param id           what the host calls it
 * @param name         what the guest calls it, or null
 * @param backend      what stands behind it, see {@link dev.miraflores.devices.character.CharBackend#describe}
 * @param hostOpen     whether somebody is at the far end
 * @param guestOpen    whether the guest has it open
 * @param sentBytes    what the guest has sent and the host was given
 * @param droppedBytes what the guest has sent while nobody was at the far end, or a console's far end took nothing
 * @param receivedBytes what the guest was given
 */
public record PortStatus(int number, String id, String name, String backend, boolean hostOpen, boolean guestOpen,
        long sentBytes, long droppedBytes, long receivedBytes) {
}
