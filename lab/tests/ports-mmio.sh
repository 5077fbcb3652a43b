#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same over virtio-mmio.
# hv only
export LAB_TRANSPORT=mmio
. "${BASH_SOURCE[0]%/*}/ports.sh"
