/* SPDX-License-Identifier: Apache-2.0 */
/* Priority-inheritance futexes: the word holds the owner's tid (futex(2), PI). Ownership is handed
 * over first come, first served: the sandbox's threads have no real-time priorities to inherit.
 */
#include <errno.h>
#include <linux/futex.h>

#include "task/futex.h"

/* One step towards the lock: 0 got it, -EAGAIN a waiter's turn has come to queue, else an errno. */
static int pi_try(struct task *t, uint64_t addr, bool mark)
{
	uint32_t tid = (uint32_t)t->tid, val, seen;
	int r = mm_load_u32(t->mm, addr, &val);

	for (;;) {
		uint32_t owner = val & FUTEX_TID_MASK, new;

		if (r < 0)
			return r;
		if (owner == tid)
			return -EDEADLK;
		if (owner == 0)
			new = tid | (val & (FUTEX_OWNER_DIED | FUTEX_WAITERS));
		else if (mark)
			new = val | FUTEX_WAITERS;
		else
			return -EAGAIN;
		if (new == val)
			return -EAGAIN;
		r = mm_cmpxchg_u32(t->mm, addr, val, new, &seen);
		if (r == 0 && seen == val)
			return owner == 0 ? 0 : -EAGAIN;
		val = seen;
	}
}

/* The owner named in the word must exist (-ESRCH): a stale word would wait for ever. */
static int check_owner(struct task *t, uint64_t addr)
{
	uint32_t val;
	int r = mm_load_u32(t->mm, addr, &val);

	if (r < 0)
		return r;

	uint32_t owner = val & FUTEX_TID_MASK;

	if (owner == 0)
		return 0;

	struct task *o = task_find(t->kernel, (int32_t)owner);

	if (!o)
		return -ESRCH;
	task_put(o);
	return 0;
}

long futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try, int64_t deadline)
{
	struct futex_waiter w = {.task = t, .bitset = FUTEX_BITSET_MATCH_ANY, .pi = true};
	int r = futex_key_get(t, addr, shared, &w.key);

	if (r < 0)
		return r;
	for (;;) {
		r = pi_try(t, addr, !try);
		if (r != -EAGAIN || try)
			return r;
		r = check_owner(t, addr);
		if (r < 0)
			return r;
		futex_enqueue(futex_bucket(&w.key), &w);
		/* The owner may have let go between the mark and the queue. */
		r = pi_try(t, addr, true);
		if (r != -EAGAIN) {
			bool queued = futex_dequeue(&w);

			if (r == -EDEADLK && !queued)
				return 0; /* handed to us */
			if (!queued && r == 0)
				return 0;
			return r;
		}
		r = futex_sleep(t, &w, deadline);
		return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
	}
}

static struct futex_waiter *choose(const struct futex_key *key)
{
	struct futex_bucket *b = futex_bucket(key);
	struct futex_waiter *w, *found = NULL;

	mutex_lock(&b->mu);
	list_for_each_entry(w, &b->waiters, link)
	{
		if (futex_key_eq(&w->key, key) && w->pi) {
			found = w;
			break;
		}
	}
	if (found) {
		futex_unlink(b, found);
		task_get(found->task);
		atomic_store(&found->state, FUTEX_CHOSEN);
	}
	mutex_unlock(&b->mu);
	return found;
}

/* Writes the next owner into the word and lets it run. @keep: bits to keep. */
static int hand_over(struct task *t, uint64_t addr, struct futex_waiter *w, uint32_t keep)
{
	struct task *next = w->task;
	uint32_t val, seen;
	int r = mm_load_u32(t->mm, addr, &val);

	while (r == 0) {
		uint32_t new = (uint32_t)next->tid | FUTEX_WAITERS | (val & keep);

		r = mm_cmpxchg_u32(t->mm, addr, val, new, &seen);
		if (r == 0 && seen == val)
			break;
		val = seen;
	}
	atomic_store(&w->state, FUTEX_WOKEN); /* @w may be gone from here on */
	task_wake(next);
	task_put(next);
	return r;
}

long futex_unlock_pi(struct task *t, uint64_t addr, bool shared)
{
	struct futex_key key;
	uint32_t val, seen;
	int r = futex_key_get(t, addr, shared, &key);

	if (r == 0)
		r = mm_load_u32(t->mm, addr, &val);
	if (r < 0)
		return r;
	if ((val & FUTEX_TID_MASK) != (uint32_t)t->tid)
		return -EPERM;

	struct futex_waiter *w = choose(&key);

	if (w)
		return hand_over(t, addr, w, 0);
	for (;;) {
		r = mm_cmpxchg_u32(t->mm, addr, val, 0, &seen);
		if (r < 0 || seen == val)
			return r;
		if ((seen & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return -EAGAIN;
		val = seen;
	}
}

void futex_owner_died(struct task *t, uint64_t addr, bool pi)
{
	struct futex_key key;
	uint32_t val, seen;
	int r = mm_load_u32(t->mm, addr, &val);

	for (;;) {
		if (r < 0 || (val & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return;
		r = mm_cmpxchg_u32(t->mm, addr, val, (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
				   &seen);
		if (r == 0 && seen == val)
			break;
		val = seen;
	}
	if (!(val & FUTEX_WAITERS))
		return;
	if (!pi) {
		(void)futex_wake(t, addr, true, 1, FUTEX_BITSET_MATCH_ANY);
		(void)futex_wake(t, addr, false, 1, FUTEX_BITSET_MATCH_ANY);
		return;
	}
	for (int shared = 0; shared < 2; shared++) {
		if (futex_key_get(t, addr, shared, &key) < 0)
			continue;

		struct futex_waiter *w = choose(&key);

		if (w) {
			(void)hand_over(t, addr, w, FUTEX_OWNER_DIED);
			return;
		}
	}
}
