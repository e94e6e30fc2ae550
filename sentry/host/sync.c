/* SPDX-License-Identifier: Apache-2.0 */
/* Host futexes for the sentry's own threads (futex(2)). */
#include "host/sync.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/rule.h"

/* Ours, glibc's locks and condition variables (REQUEUE, CMP_REQUEUE are not used by glibc since 2.25). */
HOST_SYSCALL(futex, HOST_MASK(1, ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), FUTEX_WAIT));
HOST_SYSCALL(futex, HOST_MASK(1, ~(uint64_t)FUTEX_PRIVATE_FLAG, FUTEX_WAKE));
HOST_SYSCALL(futex, HOST_MASK(1, ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), FUTEX_WAIT_BITSET));

int host_futex_wait(const uint32_t *word, uint32_t val, int64_t deadline)
{
	struct timespec ts;
	struct timespec *tsp = NULL;

	if (deadline != INT64_MAX) {
		if (deadline < 0)
			deadline = 0;
		ts.tv_sec = deadline / 1000000000;
		ts.tv_nsec = deadline % 1000000000;
		tsp = &ts;
	}
	/* WAIT_BITSET takes an absolute CLOCK_MONOTONIC time. */
	long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, val, tsp, NULL,
			 FUTEX_BITSET_MATCH_ANY);

	if (r < 0 && errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0;
}

void host_futex_wake(const uint32_t *word, int n)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, NULL, NULL, 0);
}

int host_futex_wait_shared(const uint32_t *word, uint32_t val, int64_t timeout_ns)
{
	struct timespec ts = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	long r = syscall(SYS_futex, word, FUTEX_WAIT, val, timeout_ns < 0 ? NULL : &ts, NULL, 0);

	return r < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void host_futex_wake_shared(const uint32_t *word, int n)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}
