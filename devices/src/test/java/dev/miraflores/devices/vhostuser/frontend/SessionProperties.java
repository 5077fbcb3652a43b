// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.EventFd;
import java.io.File;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Whatever a back end says, a session ends with one line, and nothing that came is left open. */
class SessionProperties {

    private final EventFd surplus = EventFd.create();

    private static int descriptors() {
        return new File("/proc/self/fd").list().length;
    }

    @Example
    void aPoliteBackEndIsHeardToTheEnd() {
        assertEquals("it has closed the connection", SessionScript.play(SessionScript.polite(), surplus));
        assertEquals("it has closed the connection", SessionScript.playNet(SessionScript.politeNet(), surplus));
    }

    /** Cut short anywhere: the back end has gone. */
    @Example
    void aScriptThatEndsIsAConnectionThatEnds() {
        byte[] polite = SessionScript.polite();
        for (int length = 0; length < polite.length; length += 3) {
            String why = SessionScript.play(Arrays.copyOf(polite, length), surplus);
            assertTrue(why.contains("closed") || why.contains("ended") || why.contains("EPIPE"), why);
        }
    }

    @Property(tries = 3000)
    void anythingThatIsSaidEndsInOneLine(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] script = random.nextInt(3) == 0 ? SessionScript.politeNet() : SessionScript.polite();
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            int at = random.nextInt(script.length);
            script[at] = (byte) (random.nextBoolean() ? random.nextInt() : script[at] ^ 1 << random.nextInt(8));
        }
        if (random.nextInt(4) == 0) {
            int from = random.nextInt(script.length);
            byte[] rest = Arrays.copyOfRange(script, from, script.length);
            script = Arrays.copyOf(script, script.length + rest.length);
            System.arraycopy(rest, 0, script, script.length - rest.length, rest.length);
        }
        int before = descriptors();
        SessionScript.play(script, surplus);
        SessionScript.playNet(script, surplus);
        SessionScript.playChannel(script, surplus);
        assertEquals(before, descriptors());
    }

    @Property(tries = 1000)
    void noiseEndsInOneLine(@ForAll byte[] script) {
        SessionScript.play(script, surplus);
        SessionScript.playNet(script, surplus);
        SessionScript.playChannel(script, surplus);
    }
}
