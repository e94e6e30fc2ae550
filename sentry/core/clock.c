/* SPDX-License-Identifier: Apache-2.0 */
/* The only time source of the sentry: the host's clocks through the sentry's own vDSO. */
#include "core/clock.h"

#include <errno.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_real_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

int clock_read(int clock_id, struct timespec *ret)
{
	switch (clock_id) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		clock_gettime(clock_id, ret);
		return 0;
	case CLOCK_REALTIME_ALARM:
		clock_gettime(CLOCK_REALTIME, ret);
		return 0;
	case CLOCK_BOOTTIME_ALARM:
		clock_gettime(CLOCK_BOOTTIME, ret);
		return 0;
	default:
		return -EINVAL;
	}
}
