/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest there is: its first instructions write one byte to the serial port, then it sleeps.
 * Assembled with -DRESET it is a firmware image that starts at the reset vector, in real mode; without, a Multiboot 1
 * kernel that starts in 32-bit protected mode.
 */
#ifdef RESET
        .code16
        .org 0xFF80
start:  mov $0x3F8, %dx
        mov $'X', %al
        out %al, %dx
1:      hlt
        jmp 1b
        .org 0xFFF0             /* the reset vector: the last 16 bytes below 4 GiB */
        jmp start
        .org 0xFFFF
        .byte 0
#else
        .code32
        .section .multiboot, "a"
        .align 4
        .long 0x1BADB002, 0, -0x1BADB002
        .text
        .globl _start
_start: mov $0x3F8, %dx
        mov $'X', %al
        out %al, %dx
1:      hlt
        jmp 1b
#endif
        .section .note.GNU-stack, "", @progbits
