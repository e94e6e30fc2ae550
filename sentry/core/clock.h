/* SPDX-License-Identifier: Apache-2.0 */
/* The only time source of the sentry. Guest clocks are the host's clocks (the guest's vDSO is the
 * host's, so both views agree to the nanosecond). */
#pragma once

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)

int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);
/* CLOCK_REALTIME, MONOTONIC, BOOTTIME, RAW, COARSE...: 0 or -EINVAL. */
int clock_read(int clock_id, struct timespec *ret);
