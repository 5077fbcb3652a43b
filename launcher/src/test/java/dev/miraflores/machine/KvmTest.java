// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.kvm.Kvm;
import dev.miraflores.kvm.KvmUnavailableException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs guests: it really runs wherever KVM and io_uring are to be had, and says so in a line where it does not. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Tag("kvm")
@ExtendWith(KvmTest.Condition.class)
@SuppressWarnings("exports") // test classes are nobody's to import
public @interface KvmTest {

    /** Asks once whether machines can be run. */
    @SuppressWarnings("exports")
    final class Condition implements ExecutionCondition {

        private static final String WHY_NOT = whyNot();

        /** For JUnit. */
        public Condition() {
        }

        private static String whyNot() {
            String whyNot = null;
            try {
                Kvm.open().close();
                KernelFeatures features = KernelFeatures.host();
                whyNot = features.isAvailable() ? null : features.whyNot();
            } catch (KvmUnavailableException e) {
                whyNot = e.getMessage();
            }
            if (whyNot != null) {
                System.out.println("SKIPPED: tests that run whole machines: " + whyNot);
            }
            return whyNot;
        }

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return WHY_NOT == null
                    ? ConditionEvaluationResult.enabled("KVM and io_uring are there")
                    : ConditionEvaluationResult.disabled(WHY_NOT);
        }
    }
}
