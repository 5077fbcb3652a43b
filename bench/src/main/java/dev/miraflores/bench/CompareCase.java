// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * One way to serve a disk: what is different from the usual one, for us, for QEMU, and for the guest's driver.
 *
 * @param name      of its figures
 * @param what      in words, for the table
 * @param drive     more words for our {@code --drive}, each with a comma before it
 * @param mmio      the guest reaches the disk by virtio-mmio
 * @param driver    more words for the guest under us
 * @param qemuDrive more words for QEMU's {@code -drive}
 * @param qemuThread words for QEMU's I/O thread; null: without one, each notification trapped
 * @param qemuDevice more words for QEMU's {@code -device}
 * @param qemuDriver more words for the guest under QEMU
 */
record CompareCase(String name, String what, String drive, boolean mmio, String driver, String qemuDrive,
        String qemuThread, String qemuDevice, String qemuDriver) {

    /** The usual one, which the others are compared with: what {@code hv run --drive file=…} does. */
    static final CompareCase USUAL = new CompareCase("on", "io_uring, PCI, MSI-X, split", "", false, "", "", "", "", "");

    static final List<CompareCase> OTHERS = List.of(
        new CompareCase("off", "dataplane=off: notifications trapped, main loop", ",dataplane=off", false, "", "", null,
            ",ioeventfd=off", ""),
        new CompareCase("nopoll", "poll-max-ns=0: sleeps at once", ",poll-max-ns=0", false, "", "", ",poll-max-ns=0", "", ""),
        new CompareCase("native", "aio=native", ",aio=native", false, "", ",aio=native", "", "", ""),
        new CompareCase("threads", "aio=threads", ",aio=threads", false, "", ",aio=threads", "", "", ""),
        new CompareCase("packed", "packed virtqueue", "", false, "packed", "", "", ",packed=on", "packed"),
        // Slot 2 of a q35 has its pin A on input 22 of the I/O APIC.
        new CompareCase("intx", "line interrupts", "", false, "intx", "", "", ",addr=0x2", "intx=22"),
        // The last of the eight windows of a microvm is the first that is filled.
        new CompareCase("mmio", "virtio-mmio", "", true, "mmio=0xfeb00000 line=16", "", "", "", "mmio=0xfeb00e00 line=23"));

    private static final String MEMORY_MIB = "64";
    private static final String DRIVER = "mode=requests indirect ";

    List<String> ours(CompareSetting setting) {
        return List.of(setting.hv(), "run", "--kernel", setting.guest(), "-m", MEMORY_MIB, "--virtio", mmio ? "mmio" : "pci",
            "--append", DRIVER + driver, "--drive",
            "file=" + escaped(setting) + ",format=raw,readonly=on,cache=" + setting.cache() + drive);
    }

    List<String> qemu(CompareSetting setting) {
        String aio = qemuDrive.isEmpty() ? ",aio=io_uring" : qemuDrive;
        List<String> words = new ArrayList<>(List.of(setting.qemu(),
            // A second I/O APIC would take a microvm's lines.
            "-M", mmio ? "microvm,ioapic2=off" : "q35",
            // Without that bit, as a host's KVM may have it in CPUID and refuse the MSR.
            "-accel", "kvm", "-cpu", "host,-arch-capabilities", "-m", MEMORY_MIB, "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-serial", "stdio", "-name", "compare,debug-threads=on",
            "-kernel", setting.guest(), "-append", DRIVER + qemuDriver, "-drive",
            "if=none,id=d,format=raw,file=" + escaped(setting) + ",readonly=on,cache=" + setting.cache() + aio));
        String thread = "";
        if (qemuThread != null) {
            words.addAll(List.of("-object", "iothread,id=io" + qemuThread));
            thread = ",iothread=io";
        }
        if (mmio) {
            words.addAll(List.of("-global", "virtio-mmio.force-legacy=false",
                "-device", "virtio-blk-device,drive=d,num-queues=1" + thread));
        } else {
            words.addAll(List.of("-device", "virtio-blk-pci,drive=d,disable-legacy=on,num-queues=1" + thread + qemuDevice));
        }
        return words;
    }

    private static String escaped(CompareSetting setting) {
        return setting.file().replace(",", ",,");
    }
}
