// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/** Runs where there is a C compiler; elsewhere one visible line says that there is none. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsCompilerCondition.class)
@interface NeedsCompiler {
}
