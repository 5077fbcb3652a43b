// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_msr_list;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Ioctl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The host's KVM: what it has, and the virtual machines it makes.
 * <p>Thread: any.
 * <p>Lifetime: a {@link Vm} needs it only while it is made.
 * <p>Source: KVM API §4.1 to §4.6.
 */
public final class Kvm implements AutoCloseable {

    /** Where the kernel puts it. */
    public static final String DEVICE = "/dev/kvm";

    private final Fd fd;
    private final int vcpuMmapBytes;
    private CpuidTable supportedCpuid;

    private Kvm(Fd fd, int vcpuMmapBytes) {
        this.fd = fd;
        this.vcpuMmapBytes = vcpuMmapBytes;
    }

    /**
     * Opens {@value #DEVICE}.
     *
     * @throws KvmUnavailableException with the reason and the way out, in one line
     */
    public static Kvm open() {
        return open(DEVICE);
    }

    /** As {@link #open()}, at another path. */
    public static Kvm open(String path) {
        int number = Fd.tryOpen(path, Fd.O_RDWR, 0);
        if (number < 0) {
            throw new KvmUnavailableException(whyNotOpened(path, -number));
        }
        Fd fd = Fd.adopt(number);
        int version = Ioctl.call(number, kvm_abi.KVM_GET_API_VERSION, 0);
        int mmapBytes = version < 0 ? version : Ioctl.call(number, kvm_abi.KVM_GET_VCPU_MMAP_SIZE, 0);
        String whyNot = whyNotUsable(path, version, mmapBytes);
        if (whyNot != null) {
            fd.close();
            throw new KvmUnavailableException(whyNot);
        }
        return new Kvm(fd, mmapBytes);
    }

    static String whyNotUsable(String path, int version, int mmapBytes) {
        if (version < 0) {
            return path + ": not KVM (" + Errno.name(-version) + "); it has to be the kernel's device, character 10:232: see who made it";
        }
        if (version != kvm_abi.KVM_API_VERSION) {
            return path + ": KVM API version " + version + ", but this program speaks " + kvm_abi.KVM_API_VERSION;
        }
        if (mmapBytes < kvm_abi.kvm_run.sizeof) {
            return path + ": KVM_GET_VCPU_MMAP_SIZE is " + mmapBytes + ", too small for struct kvm_run";
        }
        return null;
    }

    static String whyNotOpened(String path, int errno) {
        if (errno == Errno.ENOENT) {
            return path + ": no such device; load kvm_intel or kvm_amd, and switch on virtualization in the firmware"
                    + " (inside a VM: nested virtualization on its host)";
        }
        if (errno == Errno.EACCES || errno == Errno.EPERM) {
            return path + ": permission denied; add your user to the group that owns it"
                    + " (usermod -aG kvm USER, then log in again)";
        }
        if (errno == Errno.ENODEV || errno == Errno.ENXIO) {
            return path + ": no driver behind the device (" + Errno.name(errno) + "); load kvm_intel or kvm_amd";
        }
        return path + ": cannot be opened: " + Errno.name(errno) + " (" + errno + ")";
    }

    /** What KVM_CHECK_EXTENSION says: 0 where the host lacks it, else 1 or a number with a meaning of its own. */
    public int capability(KvmCapability capability) {
        return capability(capability.number());
    }

    private int capability(int number) {
        return Math.max(0, Ioctl.call(fd.number(), kvm_abi.KVM_CHECK_EXTENSION, number));
    }

    /** The required capabilities that this host lacks; empty on any that is fit. */
    public List<KvmCapability> missing() {
        List<KvmCapability> missing = new ArrayList<>();
        for (KvmCapability capability : KvmCapability.values()) {
            if (capability.required() && capability(capability) == 0) {
                missing.add(capability);
            }
        }
        return missing;
    }

    /** The most vCPUs that a VM may have. */
    public int maxVcpus() {
        // Hosts from before the capability allow what they recommend, and 4 when they say nothing (KVM API §4.7).
        int max = capability(kvm_abi.KVM_CAP_MAX_VCPUS);
        int recommended = capability(kvm_abi.KVM_CAP_NR_VCPUS);
        return max > 0 ? max : recommended > 0 ? recommended : 4;
    }

    /** One more than the highest APIC id that a vCPU may have. */
    public int maxVcpuId() {
        int max = capability(kvm_abi.KVM_CAP_MAX_VCPU_ID);
        return max > 0 ? max : maxVcpus();
    }

    /** Bytes of {@code kvm_run} and the pages behind it. */
    int vcpuMmapBytes() {
        return vcpuMmapBytes;
    }

    /** The CPUID leaves that this KVM can give a guest. The caller's own copy. */
    public synchronized CpuidTable supportedCpuid() {
        if (supportedCpuid == null) {
            supportedCpuid = CpuidTable.supportedBy(fd.number());
        }
        return supportedCpuid.copy();
    }

    /** The model-specific registers that a guest's state is made of, as far as KVM lists them. */
    int[] msrIndices() {
        for (int capacity = 512; ; capacity *= 2) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment list = arena.allocate(kvm_msr_list.sizeof + (long) capacity * Integer.BYTES, Integer.BYTES);
                list.set(ValueLayout.JAVA_INT, kvm_msr_list.nmsrs, capacity);
                int rc = Ioctl.call(fd.number(), kvm_abi.KVM_GET_MSR_INDEX_LIST, list);
                if (rc >= 0) {
                    int[] indices = new int[list.get(ValueLayout.JAVA_INT, kvm_msr_list.nmsrs)];
                    MemorySegment.copy(list, ValueLayout.JAVA_INT, kvm_msr_list.indices, indices, 0, indices.length);
                    return indices;
                }
                if (rc != -Errno.E2BIG || capacity > 1 << 16) {
                    throw new ErrnoException("KVM_GET_MSR_INDEX_LIST(nmsrs=" + capacity + ")", -rc);
                }
            }
        }
    }

    /** Bits in a guest-physical address. */
    public int physicalAddressBits() {
        return supportedCpuid().physicalAddressBits();
    }

    /**
     * Makes a virtual machine without memory, devices or vCPUs.
     *
     * @param name for threads, reports and events; not necessarily unique
     */
    public Vm createVm(String name) {
        int vmFd;
        do {
            vmFd = Ioctl.call(fd.number(), kvm_abi.KVM_CREATE_VM, 0);
        } while (vmFd == -Errno.EINTR); // any signal interrupts the making of a VM
        if (vmFd < 0) {
            throw new ErrnoException("KVM_CREATE_VM(" + name + ")", -vmFd);
        }
        return new Vm(this, Fd.adopt(vmFd), name);
    }

    @Override
    public void close() {
        fd.close();
    }
}
