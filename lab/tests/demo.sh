#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hv demo and hv doctor on this KVM: the built-in guest verifies what it wrote.
# hv only
. "${BASH_SOURCE[0]%/*}/../test.sh"

in_l1 <<'L1'
"$lab/../hv" doctor > "$out/doctor.log"
"$lab/../hv" demo > "$out/guest.log"
L1
expect_line guest.log 'result: ok'
