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

/** Runs where the host has Linux AIO; elsewhere one visible line says why not. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsLinuxAio.Condition.class)
@interface NeedsLinuxAio {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String whyNot = HostProbe.host().whyNot(EngineKind.NATIVE);
            if (whyNot == null) {
                return ConditionEvaluationResult.enabled("Linux AIO is there");
            }
            System.out.println("SKIPPED " + context.getDisplayName() + ": " + whyNot);
            return ConditionEvaluationResult.disabled(whyNot);
        }
    }
}
