/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the sentry: small stacks, all signals blocked but the fault signals, detached. */
#pragma once

#include <pthread.h>

/* Returns 0 or -EAGAIN. @name is at most 15 bytes (what ps -L shows on the host). */
int kthread_start(void *(*fn)(void *arg), void *arg, const char *name);
/* The same, for a task's thread; gives its handle. */
int kthread_start_task(pthread_t *ret, void *(*fn)(void *arg), void *arg);
