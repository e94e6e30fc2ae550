/* SPDX-License-Identifier: Apache-2.0 */
/* What uname(2), /proc/version and /proc/sys/kernel say. */
#pragma once

#define KERNEL_RELEASE "6.12.0-netsentry"
#define KERNEL_VERSION "#1 SMP PREEMPT_DYNAMIC netsentry"
