// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/** Temporary directories beside the classes: /tmp may be a tmpfs, which has no O_DIRECT before Linux 6.6. */
@SuppressWarnings("exports") // test classes are nobody's to import
public final class BuildDirectory implements TempDirFactory {

    /** For JUnit. */
    public BuildDirectory() {
    }

    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context) throws IOException {
        Path parent = Path.of("target").toAbsolutePath();
        return Files.createTempDirectory(Files.isDirectory(parent) ? parent : Files.createDirectories(parent), "test-");
    }
}
