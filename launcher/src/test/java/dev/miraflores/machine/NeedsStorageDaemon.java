// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where qemu-storage-daemon is installed (Debian's qemu-system-common); elsewhere one visible line says so. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsStorageDaemon.Condition.class)
@interface NeedsStorageDaemon {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            if (StorageDaemon.isInstalled()) {
                return ConditionEvaluationResult.enabled("qemu-storage-daemon is there");
            }
            System.out.println("SKIPPED " + context.getDisplayName()
                    + ": no qemu-storage-daemon, apt-get install qemu-system-common");
            return ConditionEvaluationResult.disabled("no qemu-storage-daemon");
        }
    }
}
