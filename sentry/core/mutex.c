/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked locks over pthread's. The rank check keeps a per-thread count of held ranks; it is compiled
 * out with assertions.
 */
#include "core/mutex.h"

#include <assert.h>
#include <stdint.h>

#ifndef NDEBUG
/* The one thread-local of the sentry besides the current task: how many locks of each rank are held. */
static _Thread_local uint16_t held[RANK_LEAF + 1];

static void rank_take(enum lock_rank rank, bool nested)
{
	for (int r = (int)rank + (nested ? 1 : 0); r <= RANK_LEAF; r++)
		assert(held[r] == 0 && "lock order: see core/mutex.h");
	held[rank]++;
}

static void rank_drop(enum lock_rank rank)
{
	assert(held[rank] > 0);
	held[rank]--;
}
#else
static void rank_take(enum lock_rank rank, bool nested)
{
	(void)rank;
	(void)nested;
}

static void rank_drop(enum lock_rank rank)
{
	(void)rank;
}
#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	pthread_mutex_init(&m->m, NULL);
	m->rank = rank;
}

void mutex_fini(struct mutex *m)
{
	pthread_mutex_destroy(&m->m);
}

void mutex_lock(struct mutex *m)
{
	rank_take(m->rank, false);
	pthread_mutex_lock(&m->m);
}

void mutex_lock_nested(struct mutex *m)
{
	rank_take(m->rank, true);
	pthread_mutex_lock(&m->m);
}

bool mutex_trylock(struct mutex *m)
{
	if (pthread_mutex_trylock(&m->m) != 0)
		return false;
#ifndef NDEBUG
	held[m->rank]++; /* a trylock cannot deadlock: any order */
#endif
	return true;
}

void mutex_unlock(struct mutex *m)
{
	rank_drop(m->rank);
	pthread_mutex_unlock(&m->m);
}

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
	pthread_rwlock_init(&l->l, NULL);
	l->rank = rank;
}

void rwlock_fini(struct rwlock *l)
{
	pthread_rwlock_destroy(&l->l);
}

void rwlock_rdlock(struct rwlock *l)
{
	rank_take(l->rank, false);
	pthread_rwlock_rdlock(&l->l);
}

void rwlock_wrlock(struct rwlock *l)
{
	rank_take(l->rank, false);
	pthread_rwlock_wrlock(&l->l);
}

void rwlock_unlock(struct rwlock *l)
{
	rank_drop(l->rank);
	pthread_rwlock_unlock(&l->l);
}

void rwlock_wrlock_nested(struct rwlock *l)
{
	rank_take(l->rank, true);
	pthread_rwlock_wrlock(&l->l);
}

void rwlock_rdlock_nested(struct rwlock *l)
{
	rank_take(l->rank, true);
	pthread_rwlock_rdlock(&l->l);
}
