// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import java.util.List;

/** A disk did not become still in time, so that nothing was changed. The message says what is in flight. */
public final class DrainException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final transient List<InFlightRequest> inFlight;

    public DrainException(String message, List<InFlightRequest> inFlight) {
        super(message);
        this.inFlight = List.copyOf(inFlight);
    }

    /** What was in flight when the time was up, as far as it could be seen. */
    public List<InFlightRequest> inFlight() {
        return inFlight;
    }
}
