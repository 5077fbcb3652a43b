// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

/**
 * Reads a command line that is plainly right, at no cost worth naming. Everything else, be it a request for help, a
 * mistake or an unusual form, it leaves to {@link PicocliParser}, which has an answer to all of it but takes longer to
 * load than a guest takes to start. A test holds the two to the same results.
 */
final class ArgumentParser {

    private ArgumentParser() {
    }

    /** The options in {@code words} from {@code start} on; null when another parser must look. */
    static Arguments parse(Option[] options, String[] words, int start) {
        Arguments arguments = new Arguments();
        int i = start;
        while (i < words.length) {
            Option option = find(options, words[i]);
            i++;
            if (option == null || option == Command.HELP || !option.repeats() && arguments.has(option.name())) {
                return null;
            }
            String value = "";
            if (option.takesValue()) {
                if (i == words.length || words[i].isEmpty() || words[i].charAt(0) == '-') {
                    return null;
                }
                value = words[i++];
            }
            arguments.add(option, value);
        }
        return arguments;
    }

    private static Option find(Option[] options, String word) {
        if (Command.VERBOSE.isCalled(word)) {
            return Command.VERBOSE;
        }
        for (Option option : options) {
            if (option.isCalled(word)) {
                return option;
            }
        }
        return null;
    }
}
