// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The peer that knows what an image must look like. */
final class QemuImg {

    private static final class Presence {
        static final boolean THERE = look();

        private static boolean look() {
            try {
                return new ProcessBuilder("qemu-img", "--version").start().waitFor() == 0;
            } catch (IOException e) {
                System.out.println("qemu-img is not there: no soak of qcow2 images; apt-get install qemu-utils");
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }

    private QemuImg() {
    }

    static boolean isThere() {
        return Presence.THERE;
    }

    static void run(String... words) {
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        command.addAll(List.of(words));
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new AssertionError(String.join(" ", command) + ": " + output);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}
