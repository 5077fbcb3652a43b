// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.aio.uring.KernelFeatures;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Lets a test run where I/O threads can, and says so where they cannot. */
@SuppressWarnings("exports") // it is in a package of the module so that JUnit may make it
public final class IoThreadCondition implements ExecutionCondition {

    /** JUnit's to call. */
    public IoThreadCondition() {
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        KernelFeatures features = KernelFeatures.host();
        if (features.isAvailable()) {
            return ConditionEvaluationResult.enabled("io_uring is there");
        }
        System.err.println("SKIPPED " + context.getDisplayName() + ": " + features.whyNot());
        return ConditionEvaluationResult.disabled(features.whyNot());
    }
}
