/* SPDX-License-Identifier: Apache-2.0 */
/* The futex table: what futex.c and futex_pi.c share. */
#pragma once

#include "task/internal.h"

struct futex_key {
	uint64_t v[2];
};

struct futex_bucket {
	struct mutex mu; /* RANK_FUTEX */
	struct list waiters;
	_Atomic uint32_t n; /* changed under mu; a waker skips an empty bucket without the lock */
} __attribute__((aligned(64)));

enum futex_wait_state {
	FUTEX_QUEUED,
	FUTEX_CHOSEN, /* off the queue; the waker is still handing over (PI) */
	FUTEX_WOKEN,
};

struct futex_waiter {
	struct list link;	     /* [bucket] */
	struct futex_bucket *bucket; /* changes by requeueing: under both buckets' locks */
	struct futex_key key;	     /* [bucket] */
	struct task *task;
	uint32_t bitset;
	bool pi;
	_Atomic int state; /* enum futex_wait_state */
	int32_t index;	   /* futex_waitv */
};

int futex_key_get(struct task *t, uint64_t addr, bool shared, struct futex_key *ret);
struct futex_bucket *futex_bucket(const struct futex_key *key);
void futex_lock2(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock2(struct futex_bucket *a, struct futex_bucket *b);
static inline bool futex_key_eq(const struct futex_key *a, const struct futex_key *b)
{
	return a->v[0] == b->v[0] && a->v[1] == b->v[1];
}
void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w);
/* Takes @w off the queue of @b, whose lock is held. */
void futex_unlink(struct futex_bucket *b, struct futex_waiter *w);
/* Takes @w off its queue unless somebody woke it. True: it was still queued. */
bool futex_dequeue(struct futex_waiter *w);
/* Sleeps until woken; 0, -ETIMEDOUT, -ERESTARTSYS. Leaves @w off the queue. */
int futex_sleep(struct task *t, struct futex_waiter *w, int64_t deadline);
int futex_wake_key(const struct futex_key *key, int n, uint32_t bitset);

long futex_wake_op(struct task *t, uint64_t addr1, bool shared, int n1, int n2, uint64_t addr2,
		   uint32_t op);
long futex_requeue(struct task *t, uint64_t addr1, bool shared, int n_wake, int n_move,
		   uint64_t addr2, const uint32_t *expected);
struct futex_waitv_entry {
	uint64_t val, addr;
	uint32_t flags;
};
long futex_wait_many(struct task *t, const struct futex_waitv_entry *e, uint32_t n,
		     int64_t deadline);

long futex_lock_pi(struct task *t, uint64_t addr, bool shared, bool try, int64_t deadline);
long futex_unlock_pi(struct task *t, uint64_t addr, bool shared);
/* A dead owner's PI word: gives it to the first waiter. */
void futex_owner_died(struct task *t, uint64_t addr, bool pi);
