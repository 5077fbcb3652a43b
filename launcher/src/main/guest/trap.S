# SPDX-License-Identifier: Apache-2.0
# One stub per vector in use; all of them push the same frame (struct frame in trap.h) and call trap(frame).

#include "vectors.h"

    .text
common:
    push    %r15; push %r14; push %r13; push %r12; push %r11; push %r10; push %r9; push %r8
    push    %rbp; push %rdi; push %rsi; push %rdx; push %rcx; push %rbx; push %rax
    mov     %rsp, %rdi
    cld
    mov     %rsp, %rbp                  # aligned for C, whatever the interrupted stack was
    and     $-16, %rsp
    call    trap
    mov     %rbp, %rsp
    pop     %rax; pop %rbx; pop %rcx; pop %rdx; pop %rsi; pop %rdi; pop %rbp
    pop     %r8; pop %r9; pop %r10; pop %r11; pop %r12; pop %r13; pop %r14; pop %r15
    add     $16, %rsp
    iretq

    # Each stub is STUB_BYTES long, so that an address follows from a vector. Vectors whose exception brings an error
    # code of its own: #DF, #TS to #PF, #AC, #CP, #VC, #SX.
    .balign STUB_BYTES
    .globl  exception_stubs, interrupt_stubs
exception_stubs:
    .set    vector, 0
    .rept   EXCEPTIONS
    .balign STUB_BYTES
    .if     !((1 << vector) & 0x60227D00)
    push    $0
    .endif
    push    $vector
    jmp     common
    .set    vector, vector + 1
    .endr

interrupt_stubs:
    .set    vector, FIRST_VECTOR
    .rept   LAST_VECTOR - FIRST_VECTOR + 1
    .balign STUB_BYTES
    push    $0
    push    $vector
    jmp     common
    .set    vector, vector + 1
    .endr
