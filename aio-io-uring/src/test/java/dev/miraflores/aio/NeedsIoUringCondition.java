// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

final class NeedsIoUringCondition implements ExecutionCondition {

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
