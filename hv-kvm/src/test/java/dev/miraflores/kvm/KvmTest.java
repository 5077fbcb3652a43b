// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/** A test that runs guests: it really runs wherever /dev/kvm opens, and says so in a line where it does not. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("kvm")
@ExtendWith(KvmCondition.class)
@SuppressWarnings("exports") // test classes are nobody's to import
public @interface KvmTest {}
