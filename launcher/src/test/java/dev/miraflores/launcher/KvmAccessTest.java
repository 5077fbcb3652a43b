// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** Hosts without /dev/kvm, or with one that this user may not open: made by giving {@code hv} a /dev of its own. */
@EnabledIf("canMakeMounts")
class KvmAccessTest {

    private static final int HOST_FAILURE = 1;

    // A user namespace makes anybody root enough; who is root needs none.
    private static final List<String> UNSHARE = List.of("sh", "-c",
            "if [ \"$(id -u)\" = 0 ]; then exec unshare -m \"$@\"; else exec unshare -r -m \"$@\"; fi", "sh");

    // Builds a small /dev at $1, with a forbidden kvm in it if $2 says so, and runs the rest without the privilege to
    // open what file modes forbid.
    private static final String OWN_DEV = """
            set -e
            dev=$1 kvm=$2
            shift 2
            mount -t tmpfs none "$dev"
            for node in null zero random urandom; do
                : >"$dev/$node"
                mount --bind "/dev/$node" "$dev/$node"
            done
            if [ "$kvm" = forbidden ]; then
                : >"$dev/kvm"
                chmod 0 "$dev/kvm"
            fi
            mount --rbind "$dev" /dev
            exec setpriv --bounding-set=-dac_override --inh-caps=-dac_override "$@"
            """;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    static boolean canMakeMounts() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(UNSHARE);
        command.addAll(List.of("sh", "-c", "mount -t tmpfs none /mnt && setpriv --bounding-set=-dac_override true"));
        Process probe = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(probe.getInputStream().readAllBytes()).strip();
        if (probe.waitFor() != 0) {
            System.out.println("SKIPPED KvmAccessTest: this user may not make a mount namespace: " + said);
            return false;
        }
        return true;
    }

    private void assertRefused(String kvm, String message) throws IOException, InterruptedException {
        Path dev = Files.createDirectory(directory.resolve("dev"));
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        Path disk = BuiltInGuest.disk(directory, 256);
        List<String> command = new ArrayList<>(UNSHARE);
        command.addAll(List.of("sh", "-c", OWN_DEV, "sh", dev.toString(), kvm));
        command.addAll(HvProcess.command("run", "--kernel", kernel.toString(), "--drive", "file=" + disk));
        Path texts = Files.createDirectory(directory.resolve("texts"));
        var before = Files.readAttributes(disk, "unix:ctime,size");
        try (HvProcess hv = HvProcess.start(texts, command)) {
            assertEquals(HOST_FAILURE, hv.await(), hv::texts);
            assertEquals("hv: " + message + "\n", hv.err());
            assertEquals("", hv.out());
        }
        assertEquals(before, Files.readAttributes(disk, "unix:ctime,size"));
    }

    @Test
    void shouldSayWhatToDoWithoutKvm() throws IOException, InterruptedException {
        assertRefused("absent", "/dev/kvm: no such device; load kvm_intel or kvm_amd, and switch on virtualization in the"
                + " firmware (inside a VM: nested virtualization on its host)");
    }

    @Test
    void shouldSayWhatToDoWithoutPermission() throws IOException, InterruptedException {
        assertRefused("forbidden", "/dev/kvm: permission denied; add your user to the group that owns it"
                + " (usermod -aG kvm USER, then log in again)");
    }
}
