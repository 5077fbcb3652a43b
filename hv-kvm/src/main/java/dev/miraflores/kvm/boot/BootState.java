// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

/**
 * The state in which vCPU 0 enters the kernel; what is not said is as after reset. Both modes use the descriptor table
 * that the loader has put at {@link #GDT_GPA}; interrupts are off.
 */
public sealed interface BootState {
    /** Where the descriptor table is: null, null, code, data, TSS. */
    long GDT_GPA = 0x500;
    /** Its length in bytes. */
    int GDT_BYTES = 48;
    /** An empty interrupt descriptor table follows it. */
    long IDT_GPA = 0x540;
    /** Selector of the code segment; Linux's __BOOT_CS. */
    int CODE_SELECTOR = 0x10;
    /** Selector of all data segments; Linux's __BOOT_DS. */
    int DATA_SELECTOR = 0x18;
    /** Selector of a task state segment at 0 that is never used; VMX and PVH want one. */
    int TSS_SELECTOR = 0x20;

    /**
     * 64-bit mode, the lowest 4 GiB mapped one to one.
     *
     * @param rip the kernel's entry point
     * @param rsp the end of a page that is free for a stack
     * @param rsi what the kernel is handed: the address of boot_params
     * @param cr3 the page tables' root
     */
    record LongMode(long rip, long rsp, long rsi, long cr3) implements BootState {
    }

    /**
     * 32-bit protected mode without paging, all segments flat.
     *
     * @param eip the kernel's entry point
     * @param eax the protocol's magic number, 0 where there is none
     * @param ebx the address of what the kernel is handed
     */
    record ProtectedMode(int eip, int eax, int ebx) implements BootState {
    }
}
