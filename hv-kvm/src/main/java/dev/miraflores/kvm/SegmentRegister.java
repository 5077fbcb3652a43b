// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * A segment register with the descriptor that the CPU keeps with it.
 *
 * @param limit      offset of the last byte, in bytes whatever {@code granular} says; unsigned
 * @param type       the descriptor's type field, 4 bits
 * @param privilege  DPL, 0 to 3
 * @param defaultBig the D/B bit
 * @param codeOrData the S bit; a system segment where false
 * @param longMode   the L bit
 * @param granular   the G bit
 * @param available  the AVL bit
 * @param unusable   holds no segment
 */
public record SegmentRegister(
        long base,
        int limit,
        int selector,
        int type,
        boolean present,
        int privilege,
        boolean defaultBig,
        boolean codeOrData,
        boolean longMode,
        boolean granular,
        boolean available,
        boolean unusable) {

    // Types of Intel SDM vol. 3, §3.4.5.1 and §3.5: accessed, so that the CPU need not write them.
    private static final int CODE_READABLE = 11;
    private static final int DATA_WRITABLE = 3;
    private static final int TSS_BUSY = 11;

    /** 64-bit code, privilege 0. */
    public static SegmentRegister code64(int selector) {
        return new SegmentRegister(0, -1, selector, CODE_READABLE, true, 0, false, true, true, true, false, false);
    }

    /** Flat 32-bit code, privilege 0. */
    public static SegmentRegister code32(int selector) {
        return new SegmentRegister(0, -1, selector, CODE_READABLE, true, 0, true, true, false, true, false, false);
    }

    /** Flat data, privilege 0; for 32-bit and 64-bit code. */
    public static SegmentRegister data(int selector) {
        return new SegmentRegister(0, -1, selector, DATA_WRITABLE, true, 0, true, true, false, true, false, false);
    }

    /** A task state segment in use: what 32-bit and 64-bit mode demand of TR. */
    public static SegmentRegister task(int selector, long base, int limit) {
        return new SegmentRegister(base, limit, selector, TSS_BUSY, true, 0, false, false, false, false, false, false);
    }

    /** 16-bit code as real mode has it, 64 KiB from {@code paragraph * 16} on. */
    public static SegmentRegister realModeCode(int paragraph) {
        return realMode(paragraph, CODE_READABLE);
    }

    /** 16-bit data as real mode has it. */
    public static SegmentRegister realModeData(int paragraph) {
        return realMode(paragraph, DATA_WRITABLE);
    }

    private static SegmentRegister realMode(int paragraph, int type) {
        return new SegmentRegister(
                (long) paragraph << 4, 0xFFFF, paragraph, type, true, 0, false, true, false, false, false, false);
    }
}
