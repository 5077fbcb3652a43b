// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.claims;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** What the specification requires of devices: docs/CONFORMANCE.md. */
final class VirtioClauses {

    private static final String HEAD = """
        # Conformance to virtio 1.3

        What the specification requires of a device (each MUST of its device requirements) in the parts that are built here:
        basic facilities, split and packed virtqueues, PCI, MMIO, network, block, console, entropy, balloon and socket devices. The
        words are ours; the sections are those of the specification, where the exact ones stand. Each requirement has the tests that hold
        it, or is open, or does not apply since the feature is not offered.

        Made by `fuzz/tables` from the tags on the tests and from `fuzz/src/test/resources/claims/virtio-clauses.txt`; a
        test fails where it is out of date. %d requirements are held by tests, %d are open, %d do not apply.

        | section | the device | held by |
        |---|---|---|
        """;

    private record Clause(String section, String id, String text, String notHere) {

        String tag() {
            return "virtio:" + section.substring(0, section.indexOf(' ')) + '/' + id;
        }
    }

    private final List<Clause> clauses = new ArrayList<>();

    private VirtioClauses() {
    }

    static VirtioClauses read(Path file) throws IOException {
        VirtioClauses all = new VirtioClauses();
        String section = "";
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("= ")) {
                section = line.substring(2);
            } else if (!line.isBlank() && !line.startsWith("#")) {
                String[] idAndText = line.split("\\s+", 2);
                String[] textAndWhy = idAndText[1].split(" ~ ");
                all.clauses.add(new Clause(section, idAndText[0], textAndWhy[0], textAndWhy.length > 1 ? textAndWhy[1] : null));
            }
        }
        return all;
    }

    SortedSet<String> tags() {
        SortedSet<String> tags = new TreeSet<>();
        for (Clause clause : clauses) {
            if (!tags.add(clause.tag())) {
                throw new IllegalArgumentException("twice: " + clause.tag());
            }
        }
        return tags;
    }

    String table(Claims claims) {
        StringBuilder rows = new StringBuilder();
        int held = 0;
        int open = 0;
        for (Clause clause : clauses) {
            SortedSet<Claims.Test> tests = claims.of(clause.tag());
            String holder = !tests.isEmpty() ? Claims.cell(tests) : clause.notHere != null ? clause.notHere : "**open**";
            held += tests.isEmpty() ? 0 : 1;
            open += tests.isEmpty() && clause.notHere == null ? 1 : 0;
            rows.append("| ").append(clause.section).append(" | ").append(clause.text).append(" | ").append(holder)
                .append(" |\n");
        }
        return HEAD.formatted(held, open, clauses.size() - held - open) + rows;
    }
}
