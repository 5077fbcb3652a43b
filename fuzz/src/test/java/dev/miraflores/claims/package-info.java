// SPDX-License-Identifier: Apache-2.0

/**
 * What tests claim to hold, and the tables made of that: a test has {@code @Tag("virtio:2.7.4.1/any")} for a requirement of
 * the specification, or {@code @Tag("class:endless")} for a class of bugs; JUnit's annotation on its tests, and jqwik's on
 * properties, which jqwik skips otherwise. {@link dev.miraflores.claims.Tables} writes
 * docs/CONFORMANCE.md and docs/BUG-CLASSES.md from the sources; {@code fuzz/tables} runs it.
 */
package dev.miraflores.claims;
