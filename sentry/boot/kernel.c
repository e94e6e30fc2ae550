/* SPDX-License-Identifier: Apache-2.0 */
/* The boot object, the debug log, and the pool of randomness. */
#include "boot/kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "host/io.h"
#include "util/chacha.h"
#include "util/cleanup.h"

struct kernel kernel_global;

static struct {
	struct mutex mu;
	struct chacha state;
	bool seeded;
} pool = { .mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF } };

void krandom_seed(const uint8_t seed[32])
{
	mutex_lock(&pool.mu);
	chacha_init(&pool.state, seed);
	pool.seeded = true;
	mutex_unlock(&pool.mu);
}

void krandom(void *buf, size_t len)
{
	mutex_lock(&pool.mu);
	if (!pool.seeded)
		abort(); /* boot order is broken */
	chacha_bytes(&pool.state, buf, len);
	mutex_unlock(&pool.mu);
}

void klog(const char *fmt, ...)
{
	char line[1400];
	int fd = kernel_global.log_fd;
	va_list ap;
	int n;

	if (fd < 0)
		return;

	int64_t now = clock_mono_ns() - kernel_global.boot_mono_ns;

	n = snprintf(line, sizeof(line), "[%5lld.%06lld] ", (long long)(now / NS_PER_SEC),
		     (long long)(now % NS_PER_SEC / 1000));
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	/* One write, so that lines of different threads do not mix. A full disk loses lines. */
	(void)host_write(fd, line, (size_t)n);
}

void kernel_fatal(const char *why)
{
	struct kernel *k = &kernel_global;

	klog("fatal: %s", why);
	strncpy(k->fatal, why, sizeof(k->fatal) - 1);
	atomic_store(&k->dying, true);
	host_event_signal(k->event_fd);
}
