// SPDX-License-Identifier: Apache-2.0
#include <linux/kvm.h>
#include <linux/kvm_para.h>
