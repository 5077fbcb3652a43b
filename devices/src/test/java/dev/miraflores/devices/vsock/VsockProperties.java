// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.Size;

/** Whatever drivers, machines and kernels do to a socket device, packets arrive once and in order, and nothing is left behind. */
class VsockProperties {

    @Property(tries = 300)
    @Tag("class:lifetime")
    void everyLifeEndsInGoodOrder(@ForAll @Size(max = 60) byte[] script) {
        VsockScript.play(script);
    }
}
