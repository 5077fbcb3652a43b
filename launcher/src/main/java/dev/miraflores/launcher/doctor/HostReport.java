// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.launcher.doctor.Finding.Status;
import java.util.ArrayList;
import java.util.List;

/**
 * All findings about this host.
 *
 * @param findings in the order in which they are shown
 */
public record HostReport(List<Finding> findings) {

    /** Looks at this host. */
    public static HostReport make() {
        List<Finding> findings = new ArrayList<>();
        KvmChecks.add(findings);
        IoUringChecks.add(findings);
        DeviceChecks.add(findings);
        ProgramChecks.add(findings);
        MemoryChecks.add(findings);
        SandboxChecks.add(findings);
        return new HostReport(List.copyOf(findings));
    }

    /** Whether a machine can run here. */
    public boolean fit() {
        for (Finding finding : findings) {
            if (finding.status() == Status.FAILED) {
                return false;
            }
        }
        return true;
    }

    /** A line for each finding, and one for its remedy. */
    public String text() {
        int nameWidth = 0;
        for (Finding finding : findings) {
            nameWidth = Math.max(nameWidth, finding.name().length());
        }
        StringBuilder text = new StringBuilder();
        for (Finding finding : findings) {
            int start = text.length();
            pad(text.append(finding.status().word()), start + 9);
            pad(text.append(finding.name()), start + 9 + nameWidth + 2);
            text.append(finding.detail()).append('\n');
            if (!finding.remedy().isEmpty()) {
                pad(text, text.length() + 9 + nameWidth + 2);
                text.append("-> ").append(finding.remedy()).append('\n');
            }
        }
        return text.append(fit() ? "This host can run virtual machines.\n"
                : "This host cannot run virtual machines yet: see the lines that say 'failed'.\n").toString();
    }

    private static void pad(StringBuilder text, int length) {
        while (text.length() < length) {
            text.append(' ');
        }
    }

    /** The same as JSON: {@code {"fit": true, "findings": [{"name", "status", "detail", "remedy"}]}}. */
    public String json() {
        StringBuilder json = new StringBuilder("{\"fit\": ").append(fit()).append(", \"findings\": [");
        String separator = "\n";
        for (Finding finding : findings) {
            json.append(separator).append("  {");
            member(json, "name", finding.name()).append(", ");
            member(json, "status", finding.status().word()).append(", ");
            member(json, "detail", finding.detail()).append(", ");
            member(json, "remedy", finding.remedy()).append('}');
            separator = ",\n";
        }
        return json.append("\n]}\n").toString();
    }

    private static StringBuilder member(StringBuilder json, String name, String value) {
        json.append('"').append(name).append("\": \"");
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append("\\u00").append(Character.forDigit(c >> 4, 16)).append(Character.forDigit(c & 15, 16));
            } else {
                json.append(c);
            }
        }
        return json.append('"');
    }
}
