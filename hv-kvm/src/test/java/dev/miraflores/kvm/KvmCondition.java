// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Asks once whether KVM can be used. Public, for tests of other packages when only theirs are run. */
@SuppressWarnings("exports") // test classes are nobody's to import
public final class KvmCondition implements ExecutionCondition {
    private static final String WHY_NOT = whyNot();

    /** For JUnit. */
    public KvmCondition() {}

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
