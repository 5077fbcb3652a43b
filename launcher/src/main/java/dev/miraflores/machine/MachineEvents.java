// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * The listeners of a machine and its disks.
 * <p>Thread: any.
 */
final class MachineEvents implements MachineListener {

    private final List<DriveListener> listeners = new CopyOnWriteArrayList<>();

    void add(DriveListener listener) {
        listeners.add(listener);
    }

    void remove(DriveListener listener) {
        listeners.remove(listener);
    }

    @Override
    public void added(String id) {
        tell(listener -> listener.added(id));
    }

    @Override
    public void removed(String id) {
        tell(listener -> listener.removed(id));
    }

    @Override
    public void removalUnanswered(String id) {
        tell(listener -> listener.removalUnanswered(id));
    }

    @Override
    public void removalFailed(String id, String why) {
        tell(listener -> listener.removalFailed(id, why));
    }

    @Override
    public void ioError(DriveError error) {
        tell(listener -> listener.ioError(error));
    }

    @Override
    public void needsReset(String id, String why) {
        tell(listener -> listener.needsReset(id, why));
    }

    @Override
    public void resized(String id, long byteSize) {
        tell(listener -> listener.resized(id, byteSize));
    }

    @Override
    public void paused(String why) {
        tellMachine(listener -> listener.paused(why));
    }

    @Override
    public void resumed() {
        tellMachine(MachineListener::resumed);
    }

    @Override
    public void reset(boolean byGuest) {
        tellMachine(listener -> listener.reset(byGuest));
    }

    @Override
    public void nicAdded(String id) {
        tellMachine(listener -> listener.nicAdded(id));
    }

    @Override
    public void nicRemoved(String id) {
        tellMachine(listener -> listener.nicRemoved(id));
    }

    @Override
    public void nicRemovalUnanswered(String id) {
        tellMachine(listener -> listener.nicRemovalUnanswered(id));
    }

    @Override
    public void nicRemovalFailed(String id, String why) {
        tellMachine(listener -> listener.nicRemovalFailed(id, why));
    }

    @Override
    public void balloonChanged(long actualBytes) {
        tellMachine(listener -> listener.balloonChanged(actualBytes));
    }

    @Override
    public void portChanged(String id, boolean open) {
        tellMachine(listener -> listener.portChanged(id, open));
    }

    private void tellMachine(Consumer<MachineListener> event) {
        tell(listener -> {
            if (listener instanceof MachineListener machine) {
                event.accept(machine);
            }
        });
    }

    private void tell(Consumer<DriveListener> event) {
        for (DriveListener listener : listeners) {
            try {
                event.accept(listener);
            } catch (RuntimeException | Error e) {
                System.getLogger(MachineEvents.class.getName()).log(System.Logger.Level.WARNING, "a listener of the machine failed", e);
            }
        }
    }
}
