// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where qemu-img is installed (Debian's qemu-utils); elsewhere one visible line says so. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsQemuImg.Condition.class)
@interface NeedsQemuImg {

    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            try {
                new ProcessBuilder("qemu-img", "--version").redirectErrorStream(true).start().destroy();
                return ConditionEvaluationResult.enabled("qemu-img is there");
            } catch (IOException e) {
                System.out.println("SKIPPED " + context.getDisplayName() + ": no qemu-img, apt-get install qemu-utils");
                return ConditionEvaluationResult.disabled("no qemu-img");
            }
        }
    }
}
