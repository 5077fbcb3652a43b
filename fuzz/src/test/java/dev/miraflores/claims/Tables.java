// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.claims;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;

/** Writes the tables of what tests claim, from the sources alone. */
final class Tables {

    private static final String RESOURCES = "fuzz/src/test/resources/claims/";

    final Claims claims;
    final VirtioClauses clauses;
    final BugClasses classes;

    Tables(Path repository) throws IOException {
        claims = Claims.in(repository);
        clauses = VirtioClauses.read(repository.resolve(RESOURCES + "virtio-clauses.txt"));
        classes = BugClasses.read(repository.resolve(RESOURCES + "bug-classes.txt"));
    }

    /** Tags that name no requirement and no class. */
    SortedSet<String> unknownTags() {
        SortedSet<String> unknown = claims.unknown("virtio:", clauses.tags());
        unknown.addAll(claims.unknown("class:", classes.tags()));
        return unknown;
    }

    /** The documents by their names in docs/. */
    Map<String, String> documents() {
        Map<String, String> documents = new LinkedHashMap<>();
        documents.put("CONFORMANCE.md", clauses.table(claims));
        documents.put("BUG-CLASSES.md", classes.table(claims));
        return documents;
    }

    /** REPOSITORY. */
    public static void main(String[] args) throws IOException {
        Path repository = Path.of(args[0]);
        Tables tables = new Tables(repository);
        if (!tables.unknownTags().isEmpty()) {
            System.err.println("tables: no such requirement or class: " + tables.unknownTags());
            System.exit(1);
        }
        for (Map.Entry<String, String> document : tables.documents().entrySet()) {
            Files.writeString(repository.resolve("docs").resolve(document.getKey()), document.getValue());
        }
    }
}
