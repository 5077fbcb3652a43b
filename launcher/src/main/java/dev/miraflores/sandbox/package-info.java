// SPDX-License-Identifier: Apache-2.0

/**
 * What a process gives up before a guest runs in it: system calls, files, privileges. Start at
 * {@link dev.miraflores.sandbox.Sandbox}.
 * <p>It is for the whole process and for good, so nothing here happens by itself: the command line does it, and a program that
 * embeds machines may.
 * <p>Source: seccomp(2), landlock(7), capabilities(7).
 */
package dev.miraflores.sandbox;
