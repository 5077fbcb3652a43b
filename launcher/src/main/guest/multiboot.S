# SPDX-License-Identifier: Apache-2.0
# The Multiboot 1 header (specification 0.6.96 §3.1), linked into the 32-bit variant only: a loader that finds it in
# the 64-bit file would prefer it to PVH, and then refuse the file for its class.

#define MAGIC 0x1BADB002
#define FLAGS 0x00000002                /* memory information wanted */

    .section .multiboot, "a"
    .balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)
