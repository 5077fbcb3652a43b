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
            String word = words[i++];
            int equals = word.startsWith("--") ? word.indexOf('=') : -1;
            Option option = find(options, equals < 0 ? word : word.substring(0, equals));
            if (option == null || !option.repeats() && arguments.has(option.name())
                    || equals >= 0 && !option.takesValue()) {
                return null;
            }
            String value = "";
            if (equals >= 0) {
                value = word.substring(equals + 1);
            } else if (option.optional() && (i == words.length || words[i].startsWith("-"))) {
                arguments.add(option, "");
                continue;
            } else if (option.takesValue()) {
                if (i == words.length) {
                    return null;
                }
                value = words[i++];
            }
            if (option.takesValue() && !isPlain(value)) {
                return null;
            }
            arguments.add(option, value);
        }
        return arguments;
    }

    /** Whether no parser could take it for an option, a file of arguments, or something quoted. */
    private static boolean isPlain(String value) {
        return !value.isEmpty() && "-@'\"".indexOf(value.charAt(0)) < 0;
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
