// SPDX-License-Identifier: Apache-2.0

/**
 * What the fuzz targets share: {@link dev.miraflores.fuzz.FuzzInput} reads an input, {@link dev.miraflores.fuzz.Seed}
 * writes one, {@link dev.miraflores.fuzz.Recording} writes one that chance made; both are
 * {@link dev.miraflores.fuzz.Choices}, so that what a fuzzer drives chance can drive as well.
 * {@link dev.miraflores.fuzz.Bounds} holds the work that one may cause. The targets themselves, named
 * {@code …FuzzTest}, are in the package of the code that they exercise.
 * <p>As tests they replay their seeds and all inputs kept in the resources; {@code fuzz/run} fuzzes them.
 */
package dev.miraflores.fuzz;
