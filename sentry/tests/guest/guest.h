/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the guest test programs: each prints what it sees, the same on Linux and in the
 * sandbox. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Prints an expression with its result, or its errno by name. */
#define SHOW(expr)                                                                                 \
	({                                                                                         \
		errno = 0;                                                                         \
		long show_ = (long)(expr);                                                         \
		if (show_ < 0)                                                                     \
			printf("%s = -1 %s\n", #expr, strerrorname_np(errno));                     \
		else                                                                               \
			printf("%s = %ld\n", #expr, show_);                                        \
		fflush(stdout);                                                                    \
		show_;                                                                             \
	})
/* Only whether it worked: for results that differ from run to run. */
#define WORKS(expr)                                                                                \
	({                                                                                         \
		errno = 0;                                                                         \
		long show_ = (long)(expr);                                                         \
		if (show_ < 0)                                                                     \
			printf("%s fails %s\n", #expr, strerrorname_np(errno));                    \
		else                                                                               \
			printf("%s works\n", #expr);                                               \
		fflush(stdout);                                                                    \
		show_;                                                                             \
	})
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		printf("%s: %s\n", #cond, (cond) ? "yes" : "NO");                                  \
		fflush(stdout);                                                                    \
	} while (0)

static inline const char *sig_name(int sig)
{
	static char rt[16];
	const char *name = sigabbrev_np(sig);

	if (name)
		return name;
	snprintf(rt, sizeof(rt), "%d", sig);
	return rt;
}

static inline void show_status(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: exited %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: killed by %s\n", what, sig_name(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		printf("%s: stopped by %s\n", what, sig_name(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
	else
		printf("%s: status %#x\n", what, status);
	fflush(stdout);
}

static inline int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static inline void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};

	sigaction(sig, &sa, NULL);
}
