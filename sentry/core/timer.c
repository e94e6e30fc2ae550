/* SPDX-License-Identifier: Apache-2.0 */
/* The timer thread: see timer.h. The thread is woken early only for a deadline before the one it
 * sleeps for, so that arming and cancelling cost no host call in the common case.
 */
#include "core/timer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "core/clock.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "host/sync.h"

/* Locks: everything under mu. Part of the boot object in spirit: there is one timer thread. */
static struct {
	struct mutex mu;
	struct heap heap;
	struct ktimer *running;
	uint32_t running_gen; /* bumped when a callback ends; cancel sleeps on it */
	int64_t sleeping_until;
	uint32_t kick; /* futex the thread sleeps on */
	pthread_t thread;
	bool started;
} timers = { .mu = { PTHREAD_MUTEX_INITIALIZER, RANK_TIMER }, .sleeping_until = INT64_MIN };

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	*t = (struct ktimer){ .fn = fn };
}

void ktimer_arm(struct ktimer *t, int64_t deadline)
{
	bool kick = false;

	mutex_lock(&timers.mu);
	heap_remove(&timers.heap, &t->node);
	heap_insert(&timers.heap, &t->node, deadline);
	if (deadline < timers.sleeping_until) {
		timers.sleeping_until = deadline;
		__atomic_add_fetch(&timers.kick, 1, __ATOMIC_SEQ_CST);
		kick = true;
	}
	mutex_unlock(&timers.mu);
	if (kick)
		host_futex_wake(&timers.kick, 1);
}

bool ktimer_cancel(struct ktimer *t)
{
	mutex_lock(&timers.mu);
	bool armed = heap_queued(&t->node);

	heap_remove(&timers.heap, &t->node);
	while (timers.running == t && !pthread_equal(pthread_self(), timers.thread)) {
		uint32_t gen = timers.running_gen;

		mutex_unlock(&timers.mu);
		host_futex_wait(&timers.running_gen, gen, INT64_MAX);
		mutex_lock(&timers.mu);
		heap_remove(&timers.heap, &t->node); /* the callback may have re-armed it */
	}
	mutex_unlock(&timers.mu);
	return armed;
}

static void run_due(int64_t now)
{
	struct heap_node *n;

	while ((n = heap_min(&timers.heap)) != NULL && n->key <= now) {
		struct ktimer *t = heap_entry(n, struct ktimer, node);

		heap_remove(&timers.heap, n);
		timers.running = t;
		mutex_unlock(&timers.mu);
		t->fn(t); /* @t may be freed by the time it returns only through ktimer_cancel() */
		mutex_lock(&timers.mu);
		timers.running = NULL;
		__atomic_add_fetch(&timers.running_gen, 1, __ATOMIC_SEQ_CST);
		host_futex_wake(&timers.running_gen, INT32_MAX);
	}
}

static void *timer_main(void *arg)
{
	(void)arg;
	mutex_lock(&timers.mu);
	timers.thread = pthread_self();
	for (;;) {
		timers.sleeping_until = INT64_MIN; /* awake: nobody needs to kick */
		run_due(clock_mono_ns());

		struct heap_node *n = heap_min(&timers.heap);
		int64_t until = n ? n->key : INT64_MAX;
		uint32_t kick = __atomic_load_n(&timers.kick, __ATOMIC_SEQ_CST);

		timers.sleeping_until = until;
		mutex_unlock(&timers.mu);
		host_futex_wait(&timers.kick, kick, until);
		mutex_lock(&timers.mu);
	}
	return NULL;
}

int ktimer_thread_start(void)
{
	assert(!timers.started);
	timers.started = true;
	return kthread_start(timer_main, NULL, "timer");
}
