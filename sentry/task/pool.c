/* SPDX-License-Identifier: Apache-2.0 */
/* Sentry threads for tasks. A thread whose task has ended waits for the next one, so that making a
 * guest thread costs a wake-up and not a host thread; at most POOL_MAX wait.
 */
#include <stdlib.h>

#include "core/thread.h"
#include "host/sync.h"
#include "task/internal.h"

#define POOL_MAX 32

struct worker {
	struct list link;
	uint32_t word; /* futex: 1 when task is set */
	struct task *task;
};

/* Part of the boot object in spirit. */
static struct {
	struct mutex mu;
	struct list idle;
	uint32_t n;
} pool = {{PTHREAD_MUTEX_INITIALIZER, RANK_LEAF}, {&pool.idle, &pool.idle}, 0};

/* Waits for a task, or says that there are enough waiting. */
static bool next_task(struct worker *w)
{
	mutex_lock(&pool.mu);
	if (pool.n >= POOL_MAX) {
		mutex_unlock(&pool.mu);
		return false;
	}
	__atomic_store_n(&w->word, 0, __ATOMIC_RELAXED);
	list_push_front(&pool.idle, &w->link);
	pool.n++;
	mutex_unlock(&pool.mu);
	while (__atomic_load_n(&w->word, __ATOMIC_ACQUIRE) == 0)
		host_futex_wait(&w->word, 0, INT64_MAX);
	return true;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	do {
		struct task *t = w->task;

		task_run(t);
		task_current_ = NULL;
		task_put(t); /* the thread's own reference */
	} while (next_task(w));
	free(w);
	return NULL;
}

int task_start(struct task *t)
{
	mutex_lock(&pool.mu);
	struct worker *w = list_pop_entry(&pool.idle, struct worker, link);

	if (w)
		pool.n--;
	mutex_unlock(&pool.mu);
	task_get(t);
	if (w) {
		w->task = t;
		__atomic_store_n(&w->word, 1, __ATOMIC_RELEASE);
		host_futex_wake(&w->word, 1);
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		task_put(t);
		return -EAGAIN;
	}
	w->task = t;

	pthread_t thread;
	int r = kthread_start_task(&thread, worker_main, w);

	if (r < 0) {
		free(w);
		task_put(t);
	}
	return r;
}
