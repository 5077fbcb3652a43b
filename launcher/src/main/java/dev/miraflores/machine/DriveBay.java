// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * A disk of a machine, and where it sits.
 * <p>Thread: any.
 */
final class DriveBay {

    private final String id;
    private final Drive drive;
    private final PciAttachment attachment;
    private DriveRemoval removal;

    /** @param attachment null for a disk that is not on PCI, and so stays */
    DriveBay(String id, Drive drive, PciAttachment attachment) {
        this.id = id;
        this.drive = drive;
        this.attachment = attachment;
    }

    String id() {
        return id;
    }

    Drive drive() {
        return drive;
    }

    PciAttachment attachment() {
        return attachment;
    }

    /** Whether the guest was asked for it and still has it. */
    synchronized boolean isAskedFor() {
        return removal != null
                && (removal.state() == DriveRemoval.State.ASKED || removal.state() == DriveRemoval.State.UNANSWERED);
    }

    /** Lets no one wait for its removal any more. */
    synchronized void machineClosed() {
        if (removal != null) {
            removal.machineClosed();
        }
    }

    /** Its removal, which begins with this call if there is none yet. */
    synchronized DriveRemoval removal(DriveBays bays, DriveRemoval.State first) {
        if (removal == null) {
            removal = new DriveRemoval(bays, this, first);
        }
        return removal;
    }
}
