// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.MsiController;
import dev.miraflores.linux.EventFd;
import java.util.ArrayList;
import java.util.List;

/** Delivers a connected event's signals as messages when a test asks which came. */
public final class FakeMsiController implements MsiController {

    /** A message that was sent. */
    public record Message(long address, int data) {
    }

    private final List<Route> routes = new ArrayList<>();
    private final List<Message> messages = new ArrayList<>();

    @Override
    public synchronized Connection connect(EventFd event, long address, int data) {
        for (Route other : routes) {
            if (other.event == event) {
                throw new IllegalStateException("an event has one route");
            }
        }
        Route route = new Route(event, address, data);
        routes.add(route);
        route.deliver();
        return route;
    }

    /** The messages sent since the last call. */
    public synchronized List<Message> takeMessages() {
        routes.forEach(Route::deliver);
        List<Message> taken = List.copyOf(messages);
        messages.clear();
        return taken;
    }

    public synchronized int connections() {
        return routes.size();
    }

    private final class Route implements Connection {

        private final EventFd event;
        private final long address;
        private final int data;

        Route(EventFd event, long address, int data) {
            this.event = event;
            this.address = address;
            this.data = data;
        }

        void deliver() {
            if (event.drain() != 0) {
                messages.add(new Message(address, data));
            }
        }

        @Override
        public void close() {
            synchronized (FakeMsiController.this) {
                // A signal from before is on its way already, as in KVM.
                if (routes.remove(this)) {
                    deliver();
                }
            }
        }
    }
}
