// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

/** One of the words after {@code hv}. */
interface Command {

    Option HELP = Option.flag("--help", "Says what this command does, and ends.").or("-h");
    Option VERBOSE = Option.flag("--verbose", "Shows the stack trace of an error.");

    String name();

    /** One sentence. */
    String summary();

    /** Without {@link #HELP} and {@link #VERBOSE}, which every command has. */
    Option[] options();

    /**
     * Does it.
     *
     * @return the exit code: 0, or 3 when the guest crashed, or what the guest asked for; failures are exceptions
     */
    int run(Arguments arguments, Console console) throws Exception;
}
