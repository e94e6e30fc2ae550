/* SPDX-License-Identifier: Apache-2.0 */
/* Wait queues and the sleeping of tasks: see wait.h. */
#include "core/wait.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "core/errno.h"
#include "host/proc.h"
#include "host/sync.h"
#include "task/task.h"

_Thread_local struct task *task_current_;

void waitq_init(struct waitq *q)
{
	mutex_init(&q->mu, RANK_WAITQ);
	list_init(&q->waiters);
	q->n = 0;
}

void waitq_fini(struct waitq *q)
{
	assert(list_empty(&q->waiters));
	mutex_fini(&q->mu);
}

static void add(struct waitq *q, struct waiter *w, uint32_t mask, bool exclusive)
{
	assert(!w->queue);
	w->mask = mask | EPOLLERR | EPOLLHUP;
	w->exclusive = exclusive;
	mutex_lock(&q->mu);
	/* Exclusive waiters stand behind the others, so that every non-exclusive one is woken too.
	 * Both kinds are first in, first out. */
	if (exclusive)
		list_push_back(&q->waiters, &w->link);
	else
		list_push_front(&q->waiters, &w->link);
	__atomic_store_n(&w->queue, q, __ATOMIC_RELEASE);
	__atomic_add_fetch(&q->n, 1, __ATOMIC_SEQ_CST);
	mutex_unlock(&q->mu);
}

void waitq_add(struct waitq *q, struct waiter *w, uint32_t mask)
{
	add(q, w, mask, false);
}

void waitq_add_exclusive(struct waitq *q, struct waiter *w, uint32_t mask)
{
	add(q, w, mask, true);
}

void waitq_del(struct waiter *w)
{
	struct waitq *q = __atomic_load_n(&w->queue, __ATOMIC_ACQUIRE);

	if (!q)
		return;
	mutex_lock(&q->mu);
	list_remove(&w->link);
	w->queue = NULL;
	__atomic_sub_fetch(&q->n, 1, __ATOMIC_RELAXED);
	mutex_unlock(&q->mu);
}

void waitq_wake(struct waitq *q, uint32_t ready)
{
	/* The fence pairs with the increment in add(): either we see the waiter, or the waiter, which
	 * tests the condition after queueing, sees the change that we announce. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&q->n, __ATOMIC_RELAXED) == 0)
		return;

	/* Nested: an epoll item's callback wakes the queue of its epoll instance. Instances form no
	 * cycle (epoll_ctl refuses), so the order from watched to watcher is total. */
	mutex_lock_nested(&q->mu);
	list_for_each_safe(node, &q->waiters) {
		struct waiter *w = list_entry(node, struct waiter, link);

		if (!(w->mask & ready))
			continue;
		if (w->wake(w, ready) && w->exclusive)
			break;
	}
	mutex_unlock(&q->mu);
}

static bool wake_task(struct waiter *w, uint32_t ready)
{
	(void)ready;
	task_wake(container_of(w, struct task_waiter, waiter)->task);
	return true;
}

void task_waiter_init(struct task_waiter *w, struct task *t)
{
	*w = (struct task_waiter){ .waiter.wake = wake_task, .task = t };
}

void task_wait_begin(struct task *t)
{
	__atomic_store_n(&t->wait.v, 0, __ATOMIC_SEQ_CST);
}

void task_wake(struct task *t)
{
	uint32_t woken = 1U | (uint32_t)host_cpu() << 2;

	if (__atomic_exchange_n(&t->wait.v, woken, __ATOMIC_SEQ_CST) == WAIT_ASLEEP)
		host_futex_wake(&t->wait.v, 1);
}

static bool woken(const struct task *t)
{
	return (__atomic_load_n(&t->wait.v, __ATOMIC_SEQ_CST) & 1) != 0;
}

static int sleep_until(struct task *t, int64_t deadline, bool (*stop)(struct task *t))
{
	uint32_t none = 0;
	int r = 0;

	atomic_store_explicit(&t->state, TASK_SLEEPING, memory_order_relaxed);
	if (t->plat && !(signal_pending(t) && stop(t)) && !woken(t))
		plat_before_sleep(t->plat, &t->wait.v);
	for (;;) {
		if (signal_pending(t) && stop(t)) {
			r = -ERESTARTSYS;
			break;
		}
		none = 0;
		if (!__atomic_compare_exchange_n(&t->wait.v, &none, WAIT_ASLEEP, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
		    none != WAIT_ASLEEP)
			break;
		r = host_futex_wait(&t->wait.v, WAIT_ASLEEP, deadline);
		if (r < 0)
			break;
	}
	/* A wake-up that raced with the timeout wins: the caller tries once more. */
	if (r == -ETIMEDOUT && woken(t))
		r = 0;
	if (t->plat) {
		uint32_t v = __atomic_load_n(&t->wait.v, __ATOMIC_SEQ_CST);

		plat_after_sleep(t->plat, v & 1 ? (int)(v >> 2) : -1);
	}
	atomic_store_explicit(&t->state, TASK_RUNNING, memory_order_relaxed);
	return r;
}

int task_wait(struct task *t, int64_t deadline)
{
	return sleep_until(t, deadline, signal_pending_slow);
}

int task_wait_killable(struct task *t, int64_t deadline)
{
	return sleep_until(t, deadline, signal_fatal_pending);
}
