// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.acpi.AcpiTables;
import dev.miraflores.kvm.boot.BootLoader;
import dev.miraflores.kvm.boot.BootRequest;
import dev.miraflores.kvm.boot.LoadedKernel;
import dev.miraflores.memory.GuestMemory;

/**
 * What guest memory holds when the guest starts: kernel, initrd, command line, what the boot protocol has beside them, and the ACPI
 * tables. It can be loaded any number of times: the files stay open, as a process in a sandbox cannot open them again, and are
 * read anew, so that they cost no memory. A file that was replaced under its name is still the old one.
 * <p>Thread: one at a time.
 * <p>Lifetime: closes its files.
 */
final class BootImage implements AutoCloseable {

    private final BootRequest request;
    private GuestMemory memory;
    private AcpiTables tables;

    BootImage(BootRequest request) {
        this.request = request;
    }

    /** Loads all but the tables, which tell of devices that are not there yet, for the first time. */
    LoadedKernel loadInto(GuestMemory guestMemory) {
        memory = guestMemory;
        return BootLoader.load(memory, request);
    }

    /** Puts the tables beside it. */
    void add(AcpiTables acpi) {
        tables = acpi;
        memory.write(tables.gpa(), tables.bytes());
    }

    /** Makes memory what it was before anything was loaded. */
    void clearMemory() {
        memory.clear();
    }

    /** Loads all of it once more, into memory that is clear. */
    LoadedKernel load() {
        LoadedKernel kernel = BootLoader.load(memory, request);
        memory.write(tables.gpa(), tables.bytes());
        return kernel;
    }

    @Override
    public void close() {
        request.close();
    }
}
