// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientServerTest {

    @TempDir
    Path directory;

    @Test
    void shouldRemoveItsOwnSocketAndNoOther() throws IOException {
        Path path = directory.resolve("qmp");
        ClientServer first = ClientServer.unix("first", path, 1);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
        Files.delete(path);
        ClientServer second = ClientServer.unix("second", path, 1);
        first.close();
        assertTrue(Files.exists(path));
        second.close();
        assertFalse(Files.exists(path));
    }
}
