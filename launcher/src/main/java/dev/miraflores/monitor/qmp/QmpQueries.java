// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.machine.CharDeviceStatus;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.monitor.Monitor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What there is to ask of all but the disks. */
final class QmpQueries {

    private final Monitor monitor;

    QmpQueries(Monitor monitor) {
        this.monitor = monitor;
    }

    List<QmpCommand> commands() {
        return List.of(
                QmpCommand.of("query-name", "", _ -> object("name", monitor.machine().name())),
                QmpCommand.of("query-kvm", "", _ -> object("enabled", true, "present", true)),
                QmpCommand.of("query-cpus-fast", "", _ -> cpus()),
                QmpCommand.of("query-iothreads", "", _ -> ioThreads()),
                QmpCommand.of("query-chardev", "", _ -> charDevices()),
                QmpCommand.of("query-pci", "", _ -> pci()));
    }

    /** CpuInfoFast; as {@code --smp N} says: a socket of N cores. */
    private List<Object> cpus() {
        List<Object> all = new ArrayList<>();
        for (VcpuStatus cpu : monitor.machine().vcpus()) {
            all.add(object("cpu-index", cpu.cpu(), "qom-path", "/machine/unattached/device[" + cpu.cpu() + "]",
                    "thread-id", cpu.threadId(), "target", "x86_64",
                    "props", object("socket-id", 0, "core-id", cpu.cpu(), "thread-id", 0)));
        }
        return all;
    }

    /** IOThreadInfo. */
    private List<Object> ioThreads() {
        List<Object> all = new ArrayList<>();
        for (IoThreadStatus thread : monitor.machine().ioThreads()) {
            all.add(object("id", thread.name(), "thread-id", thread.threadId(), "poll-max-ns", thread.options().pollMaxNs(),
                    "poll-grow", thread.options().pollGrow(), "poll-shrink", thread.options().pollShrink(), "aio-max-batch", 0));
        }
        return all;
    }

    /** ChardevInfo. */
    private List<Object> charDevices() {
        List<Object> all = new ArrayList<>();
        for (CharDeviceStatus device : monitor.machine().charDevices()) {
            all.add(object("label", device.id(), "filename", device.backend(), "frontend-open", device.open()));
        }
        return all;
    }

    /** PciInfo. */
    private List<Object> pci() {
        List<Object> devices = new ArrayList<>();
        for (PciSlotReport slot : monitor.machine().pciSlots()) {
            var identity = slot.identity();
            devices.add(object("bus", 0, "slot", slot.slot(), "function", 0,
                    "class_info", object("desc", description(identity.classCode() >>> 8), "class", identity.classCode() >>> 8),
                    "id", object("device", identity.deviceId(), "vendor", identity.vendorId(),
                            "subsystem", identity.subsystemId(), "subsystem-vendor", identity.subsystemVendorId()),
                    "irq", slot.pin() == 0 ? null : slot.gsi(), "irq_pin", slot.pin(), "qdev_id", deviceIn(slot.slot()),
                    "regions", regions(slot)));
        }
        return List.of(object("bus", 0, "devices", devices));
    }

    private String deviceIn(int slot) {
        List<String> ids = new ArrayList<>();
        monitor.disks().all().forEach(drive -> ids.add(drive.id()));
        monitor.networks().all().forEach(nic -> ids.add(nic.id()));
        for (String id : ids) {
            if (monitor.machine().slot(id) == slot) {
                return id;
            }
        }
        return "";
    }

    private static String description(int classCode) {
        return switch (classCode) {
            case 0x0100 -> "SCSI controller";
            case 0x0200 -> "Ethernet controller";
            case 0x0600 -> "Host bridge";
            default -> null;
        };
    }

    private static List<Object> regions(PciSlotReport slot) {
        List<Object> all = new ArrayList<>();
        for (PciSlotReport.Region region : slot.regions()) {
            Map<String, Object> one = object("bar", region.index(), "type", region.io() ? "io" : "memory",
                    "address", region.address(), "size", region.byteSize());
            if (!region.io()) {
                one.put("prefetch", region.wide());
                one.put("mem_type_64", region.wide());
            }
            all.add(one);
        }
        return all;
    }
}
