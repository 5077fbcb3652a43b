// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/** Runs where the host has io_uring; elsewhere one visible line says why not. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsIoUringCondition.class)
@interface NeedsIoUring {
}
