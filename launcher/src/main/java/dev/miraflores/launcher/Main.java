// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.kvm.boot.BootException;
import dev.miraflores.machine.ConfigException;
import java.io.PrintStream;
import java.lang.module.ModuleDescriptor;
import java.util.List;

/**
 * The command line. Each command is loaded only when it is the one that is called, and a plain command line is read
 * without picocli: this is on the way to a guest's first instruction.
 */
public final class Main {

    private static final int OK = 0;
    private static final int HOST_FAILURE = 1;
    private static final int USAGE_ERROR = 2;

    private Main() {
    }

    /** Runs a command and ends the process with its exit code. */
    public static void main(String[] words) {
        System.exit(run(words, new Console(System.out, System.err)));
    }

    /** Runs a command and returns the exit code of it. */
    static int run(String[] words, Console console) {
        String first = words.length == 0 ? "" : words[0];
        try {
            switch (first) {
                case "-h", "--help", "help" -> PicocliParser.usage(all(), console.out());
                case "-V", "--version" -> console.out().println("hv ".concat(version()));
                case "" -> {
                    PicocliParser.usage(all(), console.err());
                    return USAGE_ERROR;
                }
                default -> {
                    return run(command(first), words, console);
                }
            }
            return OK;
        } catch (Exception e) {
            return report(e, words, console.err());
        }
    }

    private static int run(Command command, String[] words, Console console) throws Exception {
        Arguments arguments = ArgumentParser.parse(command.options(), words, 1);
        if (arguments == null) {
            arguments = PicocliParser.parse(command, words, 1, console.out());
        }
        return arguments == null ? OK : command.run(arguments, console);
    }

    private static Command command(String name) {
        return switch (name) {
            case "run" -> new RunCommand();
            case "demo" -> new DemoCommand();
            case "doctor" -> new DoctorCommand();
            case "vhost-user-blk" -> new VhostUserBlkCommand();
            case "top" -> new TopCommand();
            default -> throw new ConfigException(unknown(name));
        };
    }

    private static String unknown(String word) {
        StringBuilder message = new StringBuilder(word).append(": no such command; commands are");
        for (Command command : all()) {
            message.append(' ').append(command.name());
        }
        return message.append("; see hv --help").toString();
    }

    private static List<Command> all() {
        return List.of(new RunCommand(), new DemoCommand(), new DoctorCommand(), new VhostUserBlkCommand(), new TopCommand());
    }

    /** This program's. */
    static String version() {
        ModuleDescriptor module = Main.class.getModule().getDescriptor();
        return module == null ? "(version unknown)" : module.rawVersion().orElse("(version unknown)");
    }

    /** One line that says what is wrong; all of it with --verbose. */
    private static int report(Exception e, String[] words, PrintStream err) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        // A name may have any character in it.
        err.println("hv: ".concat(message.replaceAll("\\p{Cntrl}", "?")));
        if (List.of(words).contains(Command.VERBOSE.name())) {
            e.printStackTrace(err);
        }
        return isUsage(e) ? USAGE_ERROR : HOST_FAILURE;
    }

    /** Whether whoever typed the command line can put it right. */
    private static boolean isUsage(Exception e) {
        return e instanceof ConfigException || e instanceof BootException || e instanceof DriveException
                || e instanceof NetException;
    }
}
