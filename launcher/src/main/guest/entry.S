# SPDX-License-Identifier: Apache-2.0
# The ways in, one per boot protocol. Each ends in long mode on our own tables and stack, in
# main(protocol, what the loader handed over).

#include "protocols.h"

#define CR0_LONG    0x80000011          /* PG, ET, PE */
#define CR4_PAE     0x20
#define MSR_EFER    0xC0000080
#define EFER_LME    0x100
#define CODE64      0x08
#define DATA        0x10

# A command line that starts with "first" is answered by two port writes before anything else: for timing how long a
# monitor takes to its first guest instructions. On port 0xF4 QEMU's isa-debug-exit ends the machine.
#define FIRST_WORD  0x73726966          /* "firs" */
#define POST_PORT   0x80
#define EXIT_PORT   0xF4

    .section .text.entry, "ax"

# Linux 64-bit boot protocol: long mode, identity mapped, rsi = boot_params.
    .code64
    .globl linux_entry
linux_entry:
    cli
    mov     0x228(%rsi), %eax           # hdr.cmd_line_ptr
    test    %eax, %eax
    jz      1f
    cmpl    $FIRST_WORD, (%rax)
    jne     1f
    mov     $0, %al
    out     %al, $POST_PORT
    out     %al, $EXIT_PORT
1:  lea     page_map(%rip), %rax
    mov     %rax, %cr3
    lgdt    gdt_pointer(%rip)
    mov     $PROTOCOL_LINUX, %edi
    lea     main_stack_top(%rip), %rsp
    jmp     enter_main

# PVH: 32-bit protected mode without paging, ebx = hvm_start_info.
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    mov     24(%ebx), %eax              # cmdline_paddr
    test    %eax, %eax
    jz      1f
    cmpl    $FIRST_WORD, (%eax)
    jne     1f
    mov     $0, %al
    out     %al, $POST_PORT
    out     %al, $EXIT_PORT
1:  mov     $PROTOCOL_PVH, %edi
    jmp     to_long_mode

# Multiboot 1: as PVH, with ebx = multiboot information.
    .globl multiboot_entry
multiboot_entry:
    cli
    mov     $PROTOCOL_MULTIBOOT, %edi

to_long_mode:
    mov     %ebx, %esi
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $page_map, %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    mov     $CR0_LONG, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $CODE64, $1f
    .code64
1:  mov     %esi, %esi                  # the upper halves are undefined after the switch
    mov     %edi, %edi
    mov     $main_stack_top, %esp

enter_main:
    push    $CODE64
    lea     1f(%rip), %rax
    push    %rax
    lretq
1:  mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    xor     %ebp, %ebp
    call    main
    ud2

# An application processor, from reset by SIPI: real mode, cs:ip = its page:0. Copied to AP_START; position known only
# by cs, so data inside it is addressed from its start.
    .code16
    .globl ap_start, ap_start_end
ap_start:
    cli
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   ap_gdt_pointer - ap_start
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $page_map, %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    mov     $CR0_LONG, %eax
    mov     %eax, %cr0
    ljmpl   $CODE64, $ap_long_mode
    .balign 4
ap_gdt_pointer:
    .word   gdt_end - gdt - 1
    .long   gdt
ap_start_end:

    .code64
ap_long_mode:
    mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     ap_stack(%rip), %rsp
    xor     %ebp, %ebp
    call    ap_main
    ud2

    .section .note.Xen, "a", @note      # XEN_ELFNOTE_PHYS32_ENTRY
    .balign 4
    .long   4, 4, 18
    .asciz  "Xen"
    .long   pvh_entry

    .section .data, "aw"
    .balign 8
gdt:
    .quad   0
    .quad   0x00AF9B000000FFFF          # code, 64-bit; accessed already, so that the CPU need not write it
    .quad   0x00CF93000000FFFF          # data
gdt_end:
    .globl  gdt_pointer
gdt_pointer:
    .word   gdt_end - gdt - 1
    .quad   gdt

# 4 GiB one to one by 2 MiB pages, the last GiB uncached. Written here and not at run time, so that every way in,
# and every processor, finds them ready.
    .section .data.pages, "aw"
    .balign 4096
    .globl  page_map
page_map:
    .quad   pdpt + 3
    .fill   511, 8, 0
pdpt:
    .quad   pd + 0x0003, pd + 0x1003, pd + 0x2003, pd + 0x3003
    .fill   508, 8, 0
pd:
    .set    page, 0
    .rept   3 * 512
    .quad   page + 0x83                 # present, writable, large
    .set    page, page + 0x200000
    .endr
    .rept   512
    .quad   page + 0x9B                 # and PCD, PWT
    .set    page, page + 0x200000
    .endr

    .section .bss
    .balign 16
    .fill   16384
main_stack_top:
