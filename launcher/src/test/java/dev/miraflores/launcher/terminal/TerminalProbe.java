// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

import dev.miraflores.devices.character.CharInput;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

/** Run under a pseudo-terminal by {@link StdioBackendTest}: shows what arrives, ends as its argument says. */
public final class TerminalProbe {

    private TerminalProbe() {
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] words) throws Exception {
        CountDownLatch quit = new CountDownLatch(1);
        StdioBackend backend = new StdioBackend(new TerminalUser() {
            @Override
            public void quit() {
                quit.countDown();
            }

            @Override
            public void resume() {
                System.out.println("[resume]");
                awaitQuietly(quit);
            }
        });
        backend.connect(new CharInput() {
            @Override
            public int offer(byte[] bytes, int offset, int length) {
                System.out.println("[typed " + new String(bytes, offset, length, StandardCharsets.ISO_8859_1) + "]");
                return length;
            }

            @Override
            public int offer(byte[] bytes, int offset, int length, long timeoutMs) {
                return offer(bytes, offset, length);
            }

            @Override
            public boolean put(byte[] bytes, int offset, int length) {
                System.out.println("[piped " + new String(bytes, offset, length, StandardCharsets.ISO_8859_1) + "]");
                return true;
            }

            @Override
            public boolean wantsSize() {
                return true;
            }

            @Override
            public void resized(int columns, int rows) {
                System.out.println("[size " + columns + "x" + rows + "]");
            }

            @Override
            public void sendBreak() {
                System.out.println("[break]");
            }
        });
        System.out.println("[pid " + ProcessHandle.current().pid() + "][ready]");
        switch (words[0]) {
            case "throw" -> throw new IllegalStateException("thrown on purpose");
            case "exit" -> System.exit(7);
            case "wait" -> quit.await();
            default -> throw new IllegalArgumentException(words[0]);
        }
        backend.close();
        System.out.println("[quit]");
    }
}
