// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bindings;

import java.io.IOException;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs a test only where {@code cc} and kernel headers at least as new as the bound ones are, and says so where not. */
final class RequiresCompiler implements ExecutionCondition {
    private static final ConditionEvaluationResult RESULT = evaluate();

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return RESULT;
    }

    private static ConditionEvaluationResult evaluate() {
        String lack;
        try {
            String version = Compiler.run("""
                    #include <stdio.h>
                    #include <linux/version.h>
                    int main(void) { printf("%d\\n", LINUX_VERSION_CODE); return 0; }
                    """).getFirst();
            lack = Integer.parseInt(version) >= Compiler.HEADERS_VERSION ? null : "kernel headers are older than 6.1";
        } catch (IOException e) {
            lack = e.getMessage();
        }
        if (lack == null) {
            return ConditionEvaluationResult.enabled("a C compiler and its headers are there");
        }
        System.err.println("SKIPPED: layouts are not compared with the C compiler's: " + lack);
        return ConditionEvaluationResult.disabled(lack);
    }
}
