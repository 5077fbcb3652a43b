// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.Size;

/** Whatever driver, operator, machine and kernel do to a NIC, packets arrive once and in order, and nothing is left behind. */
class VhostNetProperties {

    @Property(tries = 150)
    @Tag("class:lifetime")
    void everyLifeEndsInGoodOrder(@ForAll @Size(max = 50) byte[] script) {
        VhostNetScript.play(script);
    }
}
