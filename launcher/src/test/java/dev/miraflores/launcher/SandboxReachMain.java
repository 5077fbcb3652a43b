// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import dev.miraflores.aio.DriveException;
import dev.miraflores.devices.vhostuser.frontend.VhostUserConfig;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import dev.miraflores.linux.UnixListener;
import dev.miraflores.sandbox.Sandbox;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * A process in the sandbox that {@code hv run} with the options after the first word would be in, without a disk of another process: says
 * what comes of a connection to a back end that listens, and does not answer.
 */
final class SandboxReachMain {

    private static final long SOON_NS = 50_000_000L;

    private SandboxReachMain() {
    }

    public static void main(String[] args) {
        String path = Path.of(args[0]).resolve("s").toString();
        SandboxOption option = SandboxOption.parse(ArgumentParser.parse(RunOptions.all(), Arrays.copyOfRange(args, 1, args.length), 0));
        try (UnixListener listener = UnixListener.listen(path, 1)) {
            Sandbox.enter(option.policy(List.of(), List.of(), List.of()));
            VhostUserBlockDevice.open(VhostUserConfig.of("d", listener.path()).withTimes(SOON_NS, SOON_NS, SOON_NS));
        } catch (DriveException e) {
            System.out.println(e.getMessage());
        }
        System.out.println("done");
        System.exit(0);
    }
}
