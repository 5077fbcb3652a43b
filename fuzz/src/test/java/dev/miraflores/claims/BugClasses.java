// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.claims;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** The classes of bugs that others had: docs/BUG-CLASSES.md. */
final class BugClasses {

    private static final String HEAD = """
        # Classes of bugs, and the tests that would catch them

        What has gone wrong in virtio, vhost and emulated devices elsewhere, by class, with cases that were published, and the
        tests that hold it here. Classes about devices that are not built say so.

        Made by `fuzz/tables` from the tags on the tests and from `fuzz/src/test/resources/claims/bug-classes.txt`; a test
        fails where it is out of date, where a class that applies has no test, and where a test that is named did not run.

        | class | cases | caught by |
        |---|---|---|
        """;

    private record BugClass(String tag, String title, String cases, String notHere) {
    }

    private final List<BugClass> classes = new ArrayList<>();

    private BugClasses() {
    }

    static BugClasses read(Path file) throws IOException {
        BugClasses all = new BugClasses();
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).startsWith("= ")) {
                boolean here = i + 3 >= lines.size() || !lines.get(i + 3).startsWith("~ ");
                all.classes.add(new BugClass("class:" + lines.get(i).substring(2), lines.get(i + 1), lines.get(i + 2),
                    here ? null : lines.get(i + 3).substring(2)));
            }
        }
        return all;
    }

    SortedSet<String> tags() {
        SortedSet<String> tags = new TreeSet<>();
        classes.forEach(each -> tags.add(each.tag));
        return tags;
    }

    /** Classes that apply and that no test claims. */
    List<String> uncaught(Claims claims) {
        return classes.stream().filter(each -> each.notHere == null && claims.of(each.tag).isEmpty()).map(BugClass::tag)
            .toList();
    }

    String table(Claims claims) {
        StringBuilder rows = new StringBuilder();
        for (BugClass each : classes) {
            SortedSet<Claims.Test> tests = claims.of(each.tag);
            String catcher = !tests.isEmpty() ? Claims.cell(tests) : each.notHere != null ? each.notHere : "**open**";
            rows.append("| ").append(each.title).append(" | ").append(each.cases).append(" | ").append(catcher).append(" |\n");
        }
        return HEAD + rows;
    }
}
