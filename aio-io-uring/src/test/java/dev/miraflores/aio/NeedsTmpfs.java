// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where a small tmpfs can be mounted, to be filled; elsewhere one visible line says so. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsTmpfs.Condition.class)
@interface NeedsTmpfs {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            try (SmallTmpfs tmpfs = SmallTmpfs.mount(64)) {
                if (tmpfs != null) {
                    return ConditionEvaluationResult.enabled("mounting works");
                }
            } catch (IOException e) {
                // told below
            }
            System.out.println("SKIPPED " + context.getDisplayName() + ": may not mount a tmpfs");
            return ConditionEvaluationResult.disabled("may not mount a tmpfs");
        }
    }
}
