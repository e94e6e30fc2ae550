/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the sentry: see thread.h. */
#include "core/thread.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Kernel-style code: shallow stacks, big buffers on the heap. Sanitizers need more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(NETSENTRY_BIG_STACKS)
#define TASK_STACK (512 * 1024)
#else
#define TASK_STACK (128 * 1024)
#endif

static int start(pthread_t *ret, void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;

	if (pthread_attr_init(&attr) != 0)
		return -EAGAIN;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, TASK_STACK);

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGSYS);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(ret, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r == 0 ? 0 : -EAGAIN;
}

struct named {
	void *(*fn)(void *arg);
	void *arg;
	char name[16];
};

/* A thread names itself: naming another one needs /proc, which the sentry does not have. */
static void *named_main(void *arg)
{
	struct named n = *(struct named *)arg;

	free(arg);
	prctl(PR_SET_NAME, n.name);
	return n.fn(n.arg);
}

int kthread_start(void *(*fn)(void *arg), void *arg, const char *name)
{
	struct named *n = malloc(sizeof(*n));
	pthread_t thread;

	if (!n)
		return -EAGAIN;
	*n = (struct named){ .fn = fn, .arg = arg };
	strncpy(n->name, name, sizeof(n->name) - 1);

	int r = start(&thread, named_main, n);

	if (r < 0)
		free(n);
	return r;
}

int kthread_start_task(pthread_t *ret, void *(*fn)(void *arg), void *arg)
{
	return start(ret, fn, arg);
}
