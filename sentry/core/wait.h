/* SPDX-License-Identifier: Apache-2.0 */
/* Wait queues and the one way a task sleeps.
 *
 * An object that can become ready owns a struct waitq and calls waitq_wake() with the EPOLL* bits that
 * became true (extra wake-ups are harmless, missing ones are bugs). A waiter is a callback entry:
 * a sleeping task's, or an epoll item's. The pattern of every blocking call:
 *
 *	struct task_waiter w;
 *	task_waiter_init(&w, t);
 *	waitq_add(q, &w.waiter, EPOLLIN);
 *	for (;;) {
 *		task_wait_begin(t);
 *		r = try();
 *		if (r != -EAGAIN)
 *			break;
 *		r = task_wait(t, deadline);
 *		if (r < 0)
 *			break;
 *	}
 *	waitq_del(&w.waiter);
 *
 * Locks: waitq_wake() may be called under any lock below RANK_WAITQ. Callbacks run under the queue's
 * lock and take only RANK_EPOLL_READY, or nested wait queues of an epoll instance.
 */
#pragma once

#include <stdint.h>

#include "core/mutex.h"
#include "util/list.h"

struct task;
struct waitq;
struct waiter;

/* Called under the queue's lock with the bits that became ready. Must not block. Returns whether the
 * wake-up was consumed (an exclusive waiter that returns true stops the walk). */
typedef bool (*waiter_fn)(struct waiter *w, uint32_t ready);

struct waiter {
	struct list link; /* in queue->waiters */
	struct waitq *queue; /* NULL when not queued */
	waiter_fn wake;
	uint32_t mask;	  /* EPOLL* bits of interest; EPOLLERR and EPOLLHUP are always of interest */
	bool exclusive;	  /* EPOLLEXCLUSIVE, accept: wake one */
};

struct waitq {
	struct mutex mu;
	struct list waiters;
	uint32_t n; /* read without the lock by waitq_wake() to skip empty queues */
};

void waitq_init(struct waitq *q);
void waitq_fini(struct waitq *q); /* no waiters may remain */
void waitq_add(struct waitq *q, struct waiter *w, uint32_t mask);
void waitq_add_exclusive(struct waitq *q, struct waiter *w, uint32_t mask);
void waitq_del(struct waiter *w); /* no effect when not queued; afterwards no callback runs */
void waitq_wake(struct waitq *q, uint32_t ready);

/* A sleeping task's waiter. */
struct task_waiter {
	struct waiter waiter;
	struct task *task;
};
void task_waiter_init(struct task_waiter *w, struct task *t);

/* A task's wait word; embedded in struct task. A host futex. */
struct wait_word {
	/* 0: not woken; WAIT_ASLEEP: and sleeps in the host; odd: woken, from processor v >> 2. */
	uint32_t v;
};
#define WAIT_ASLEEP 2U

/* Clears the word. Whatever becomes ready afterwards makes the next task_wait() return at once. */
void task_wait_begin(struct task *t);

#define WAIT_FOREVER INT64_MAX
/* Sleeps until woken or until @deadline (ns, CLOCK_MONOTONIC of the host, absolute).
 * Returns 0 (woken: try again), -ETIMEDOUT, or -ERESTARTSYS when a signal is to be handled. */
int task_wait(struct task *t, int64_t deadline);
/* As task_wait(), but only SIGKILL and the like interrupt it. */
int task_wait_killable(struct task *t, int64_t deadline);
/* Wakes @t's task_wait(). Any thread. */
void task_wake(struct task *t);
