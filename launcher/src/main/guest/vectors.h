// SPDX-License-Identifier: Apache-2.0
// Interrupt vectors; for C and assembly.
#pragma once

#define EXCEPTIONS      32

#define FIRST_VECTOR    0x40
#define VECTOR_QUEUE    0x40    // MSI-X: used buffers
#define VECTOR_CONFIG   0x41    // MSI-X: the device's configuration changed
#define VECTOR_LINE     0x42    // INTx, or virtio-mmio's line
#define VECTOR_SERIAL   0x43
#define VECTOR_TIMER    0x44    // the watchdog
#define VECTOR_IPI      0x45
#define VECTOR_SPURIOUS 0x4F    // low four bits set, as older local APICs have them
#define LAST_VECTOR     0x4F

#define STUB_BYTES      16
