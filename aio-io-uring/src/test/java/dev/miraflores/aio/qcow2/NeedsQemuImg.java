// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import net.jqwik.api.lifecycle.LifecycleContext;
import net.jqwik.api.lifecycle.SkipExecutionHook;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Runs where qemu-img is installed (Debian's qemu-utils); elsewhere one visible line says so. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsQemuImg.Condition.class)
@interface NeedsQemuImg {

    /** For JUnit. */
    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            if (isThere()) {
                return ConditionEvaluationResult.enabled("qemu-img is there");
            }
            System.out.println("SKIPPED " + context.getDisplayName() + ": no qemu-img, apt-get install qemu-utils");
            return ConditionEvaluationResult.disabled("no qemu-img");
        }

        static boolean isThere() {
            try {
                new ProcessBuilder("qemu-img", "--version").redirectErrorStream(true).start().destroy();
                return true;
            } catch (IOException e) {
                return false;
            }
        }
    }

    /** For jqwik. */
    final class Hook implements SkipExecutionHook {

        @Override
        public SkipResult shouldBeSkipped(LifecycleContext context) {
            if (Condition.isThere()) {
                return SkipResult.doNotSkip();
            }
            System.out.println("SKIPPED " + context.label() + ": no qemu-img, apt-get install qemu-utils");
            return SkipResult.skip("no qemu-img");
        }
    }
}
