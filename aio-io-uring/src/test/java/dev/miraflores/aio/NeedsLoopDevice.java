// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where a loop device can be set up; elsewhere one visible line says so. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsLoopDevice.Condition.class)
@interface NeedsLoopDevice {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            if (LoopDevice.isPossible()) {
                return ConditionEvaluationResult.enabled("loop devices work");
            }
            System.out.println("SKIPPED " + context.getDisplayName() + ": may not set up a loop device");
            return ConditionEvaluationResult.disabled("may not set up a loop device");
        }
    }
}
