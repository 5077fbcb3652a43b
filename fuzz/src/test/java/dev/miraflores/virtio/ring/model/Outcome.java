// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DriverFault;
import java.util.List;
import java.util.Set;

/** What a device that looks for the next buffer must find. */
sealed interface Outcome {

    /** There is none. */
    record Nothing() implements Outcome {
    }

    /** The driver broke the rule that ends the queue. */
    record Ended(DriverFault fault) implements Outcome {
    }

    /**
     * A buffer. A device may name any of the rules that its chain breaks; where there are none, these are its elements.
     *
     * @param broken rules that it breaks
     */
    record Buffer(int head, Set<DriverFault> broken, List<Element> elements) implements Outcome {
    }

    Outcome NOTHING = new Nothing();
}
