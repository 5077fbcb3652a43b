// SPDX-License-Identifier: Apache-2.0
// How the loader started us; for C and assembly.
#pragma once

#define PROTOCOL_LINUX      0
#define PROTOCOL_PVH        1
#define PROTOCOL_MULTIBOOT  2
