// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.uring.KernelFeatures;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where the host has io_uring; elsewhere one visible line says why not. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsIoUring.Condition.class)
@interface NeedsIoUring {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            KernelFeatures features = KernelFeatures.host();
            if (features.isAvailable()) {
                return ConditionEvaluationResult.enabled("io_uring is there");
            }
            System.out.println("SKIPPED " + context.getDisplayName() + ": " + features.whyNot());
            return ConditionEvaluationResult.disabled(features.whyNot());
        }
    }
}
