// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

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

/** A test that runs guests: it really runs wherever /dev/kvm opens, and says so in a line where it does not. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("kvm")
@ExtendWith(KvmTest.Condition.class)
@interface KvmTest {

    /** Asks once whether KVM can be used. */
    final class Condition implements ExecutionCondition {

        private static final String WHY_NOT = whyNot();

        private static String whyNot() {
            try {
                Kvm.open().close();
                return null;
            } catch (KvmUnavailableException e) {
                System.out.println("KVM tests are skipped: " + e.getMessage());
                return e.getMessage();
            }
        }

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return WHY_NOT == null
                    ? ConditionEvaluationResult.enabled("KVM opens")
                    : ConditionEvaluationResult.disabled(WHY_NOT);
        }
    }
}
