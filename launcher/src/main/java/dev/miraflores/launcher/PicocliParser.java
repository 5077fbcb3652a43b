// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.machine.ConfigException;
import dev.miraflores.machine.Nearest;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParseResult;

/** Reads any command line, explains wrong ones, and prints the help. Loaded only when one of these is called for. */
final class PicocliParser {

    private PicocliParser() {
    }

    /**
     * The options in {@code words} from {@code start} on; null when they asked for help, which is then printed.
     *
     * @throws ConfigException when they are wrong
     */
    static Arguments parse(Command command, String[] words, int start, PrintStream out) {
        CommandLine line = new CommandLine(spec(command));
        String[] given = new String[words.length - start];
        System.arraycopy(words, start, given, 0, given.length);
        ParseResult result;
        try {
            result = line.parseArgs(given);
        } catch (CommandLine.UnmatchedArgumentException e) {
            throw new ConfigException(unmatched(command, e.getUnmatched().getFirst()), e);
        } catch (CommandLine.ParameterException e) {
            throw new ConfigException(e.getMessage() + "; see hv " + command.name() + " --help", e);
        }
        if (result.isUsageHelpRequested()) {
            line.usage(out);
            return null;
        }
        Arguments arguments = new Arguments();
        add(arguments, result, Command.VERBOSE);
        for (Option option : command.options()) {
            add(arguments, result, option);
        }
        return arguments;
    }

    private static String unmatched(Command command, String word) {
        if (!word.startsWith("-")) {
            return word + ": not expected here; see hv " + command.name() + " --help";
        }
        List<String> names = new ArrayList<>();
        for (Option option : command.options()) {
            names.add(option.name());
        }
        names.add(Command.VERBOSE.name());
        names.add(Command.HELP.name());
        return word + ": no such option; the nearest is " + Nearest.to(word, names) + "; see hv " + command.name()
                + " --help";
    }

    private static void add(Arguments arguments, ParseResult result, Option option) {
        if (!result.hasMatchedOption(option.name())) {
            return;
        }
        if (!option.takesValue()) {
            arguments.add(option, "");
            return;
        }
        if (option.repeats()) {
            for (String value : result.matchedOptionValue(option.name(), new String[0])) {
                arguments.add(option, value);
            }
        } else {
            arguments.add(option, result.matchedOptionValue(option.name(), ""));
        }
    }

    /** Prints what {@code hv} can do. */
    static void usage(List<Command> commands, PrintStream out) {
        CommandSpec spec = CommandSpec.create().name("hv");
        describe(spec, "A KVM hypervisor in Java.");
        spec.addOption(flag(Command.HELP).usageHelp(true).build());
        spec.addOption(OptionSpec.builder("--version").versionHelp(true).description("Prints the version.").build());
        for (Command command : commands) {
            spec.addSubcommand(command.name(), spec(command));
        }
        spec.usageMessage().footer("", "Exit codes: 0 the guest ended as it should, 1 the host failed, 2 the command"
                + " line is wrong, 3 the guest crashed. 'hv COMMAND --help' tells more.");
        new CommandLine(spec).usage(out);
    }

    private static CommandSpec spec(Command command) {
        CommandSpec spec = CommandSpec.create().name("hv " + command.name());
        describe(spec, command.summary());
        for (Option option : command.options()) {
            spec.addOption(option.takesValue() ? value(option).build() : flag(option).build());
        }
        spec.addOption(flag(Command.VERBOSE).build());
        spec.addOption(flag(Command.HELP).usageHelp(true).build());
        return spec;
    }

    private static void describe(CommandSpec spec, String summary) {
        UsageMessageSpec usage = spec.usageMessage();
        usage.description(summary);
        usage.sortOptions(false);
        usage.width(100);
        usage.abbreviateSynopsis(false);
    }

    private static OptionSpec.Builder flag(Option option) {
        return named(option).type(boolean.class).arity("0");
    }

    private static OptionSpec.Builder value(Option option) {
        OptionSpec.Builder value = named(option).type(option.repeats() ? String[].class : String.class).paramLabel(option.label());
        return option.optional() ? value.arity("0..1").fallbackValue("") : value.arity("1");
    }

    private static OptionSpec.Builder named(Option option) {
        String[] names = option.shortName() == null
                ? new String[] {option.name()} : new String[] {option.shortName(), option.name()};
        return OptionSpec.builder(names).description(option.help());
    }
}
