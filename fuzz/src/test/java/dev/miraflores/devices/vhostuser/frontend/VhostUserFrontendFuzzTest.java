// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.vhostuser.BackendRequest;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.linux.EventFd;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Anything that a back end may say, to a front end that goes through a session, and on the channel of its own. */
class VhostUserFrontendFuzzTest {

    private static final EventFd SURPLUS = EventFd.create();

    static Stream<byte[]> seeds() {
        byte[] polite = SessionScript.polite();
        byte[] plain = new SessionScript.Writer().u64(FrontendRequest.GET_FEATURES, 1L << 32 | 1L << 30)
                .u64(FrontendRequest.GET_PROTOCOL_FEATURES, 1L << 9).bytes();
        byte[] channel = new SessionScript.Writer().message(BackendRequest.CONFIG_CHANGE_MSG.code(), 9, 0)
                .message(BackendRequest.IOTLB_MSG.code(), 9, 2, new byte[26]).message(77, 1, 3).bytes();
        return Stream.of(polite, SessionScript.politeNet(), Arrays.copyOf(polite, polite.length / 2), plain, channel);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldEndInOneLine(byte[] script) {
        SessionScript.play(script, SURPLUS);
        SessionScript.playNet(script, SURPLUS);
        SessionScript.playChannel(script, SURPLUS);
    }
}
