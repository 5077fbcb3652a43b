// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

/**
 * An option of a command.
 *
 * @param name      with its dashes: {@code --memory}
 * @param shortName another name for it, or null
 * @param label     what its value is called in the help; null for an option without a value
 * @param optional  whether the value may be left out, and is then the empty text
 * @param repeats   whether it may be given more than once
 * @param help      one sentence
 */
record Option(String name, String shortName, String label, boolean optional, boolean repeats, String help) {

    static Option flag(String name, String help) {
        return new Option(name, null, null, false, false, help);
    }

    static Option value(String name, String label, String help) {
        return new Option(name, null, label, false, false, help);
    }

    /** With a value or without. */
    static Option optionalValue(String name, String label, String help) {
        return new Option(name, null, label, true, false, help);
    }

    static Option values(String name, String label, String help) {
        return new Option(name, null, label, false, true, help);
    }

    Option or(String otherName) {
        return new Option(name, otherName, label, optional, repeats, help);
    }

    boolean takesValue() {
        return label != null;
    }

    boolean isCalled(String word) {
        return word.equals(name) || word.equals(shortName);
    }
}
