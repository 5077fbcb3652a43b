// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.io.IOException;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

final class NeedsCompilerCondition implements ExecutionCondition {

    private static final boolean THERE = isThere();

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        if (THERE) {
            return ConditionEvaluationResult.enabled("cc is there");
        }
        System.out.println("SKIPPED " + context.getDisplayName() + ": no C compiler (cc)");
        return ConditionEvaluationResult.disabled("no C compiler (cc)");
    }

    private static boolean isThere() {
        try {
            return new ProcessBuilder("cc", "--version").redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
