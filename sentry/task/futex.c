/* SPDX-License-Identifier: Apache-2.0 */
/* Futexes: futex(2)'s waiting and waking.
 *
 * The word lies in guest memory, whose lock ranks before the buckets'. So a waiter first queues
 * itself and then reads the word: a waker that changed the word before finds it in the queue. If
 * the word differs and somebody has woken the waiter meanwhile, the wake-up is passed on to the
 * next one, so that none is lost. Keys of private futexes are (mm, address); shared ones ask mm for
 * the object behind the page.
 */
#include "task/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#include "util/hash.h"

#define N_BUCKETS 1024

/* Part of the boot object in spirit; initialised by the first task. */
static struct futex_bucket buckets[N_BUCKETS];

__attribute__((constructor)) static void futex_init(void)
{
	for (size_t i = 0; i < N_BUCKETS; i++) {
		mutex_init(&buckets[i].mu, RANK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

int futex_key_get(struct task *t, uint64_t addr, bool shared, struct futex_key *ret)
{
	if (addr & 3)
		return -EINVAL;
	if (addr >= plat_task_size())
		return -EFAULT;
	if (!shared) {
		ret->v[0] = (uint64_t)(uintptr_t)t->mm;
		ret->v[1] = addr;
		return 0;
	}
	return mm_futex_key(t->mm, addr, true, ret->v);
}

struct futex_bucket *futex_bucket(const struct futex_key *key)
{
	return &buckets[hash_u64(key->v[0] ^ (key->v[1] * 0x9e3779b97f4a7c15ull)) % N_BUCKETS];
}

void futex_lock2(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a == b) {
		mutex_lock(&a->mu);
		return;
	}
	if (a > b) {
		struct futex_bucket *tmp = a;

		a = b;
		b = tmp;
	}
	mutex_lock(&a->mu);
	mutex_lock_nested(&b->mu);
}

void futex_unlock2(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_unlock(&a->mu);
	if (a != b)
		mutex_unlock(&b->mu);
}

/* The stub answers wake-ups of private futexes for which nobody waits. */
static void tell_stub(const struct futex_waiter *w, int more)
{
	if (w->key.v[0] == (uint64_t)(uintptr_t)w->task->mm)
		plat_futex_waiters(w->task->plat, w->key.v[1], more);
}

static void link_waiter(struct futex_bucket *b, struct futex_waiter *w)
{
	list_push_back(&b->waiters, &w->link);
	atomic_fetch_add(&b->n, 1);
	tell_stub(w, 1);
}

void futex_unlink(struct futex_bucket *b, struct futex_waiter *w)
{
	list_remove(&w->link);
	atomic_fetch_sub(&b->n, 1);
	tell_stub(w, -1);
}

void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w)
{
	mutex_lock(&b->mu);
	atomic_store_explicit(&w->state, FUTEX_QUEUED, memory_order_relaxed);
	w->bucket = b;
	link_waiter(b, w);
	mutex_unlock(&b->mu);
}

/* Locks the bucket that the waiter is in now: a requeue may move it while we wait for the lock. */
static struct futex_bucket *lock_waiter(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);

		mutex_lock(&b->mu);
		if (b == __atomic_load_n(&w->bucket, __ATOMIC_RELAXED))
			return b;
		mutex_unlock(&b->mu);
	}
}

bool futex_dequeue(struct futex_waiter *w)
{
	struct futex_bucket *b = lock_waiter(w);
	bool queued = atomic_load(&w->state) == FUTEX_QUEUED;

	if (queued)
		futex_unlink(b, w);
	mutex_unlock(&b->mu);
	/* A hand-over that has begun ends soon: the waker holds no lock that we could wait for. */
	while (!queued && atomic_load(&w->state) == FUTEX_CHOSEN)
		__builtin_ia32_pause();
	return queued;
}

/* Under the bucket's lock. After the state is WOKEN the waiter may be gone. */
static void wake_waiter(struct futex_waiter *w)
{
	struct task *t = task_get(w->task);

	futex_unlink(w->bucket, w);
	atomic_store(&w->state, FUTEX_WOKEN);
	task_wake(t);
	task_put(t);
}

int futex_wake_key(const struct futex_key *key, int n, uint32_t bitset)
{
	struct futex_bucket *b = futex_bucket(key);
	int woken = 0;

	/* Pairs with the increment in link_waiter(): the waiter reads the word after it. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&b->n, memory_order_relaxed) == 0)
		return 0;
	mutex_lock(&b->mu);
	list_for_each_safe(node, &b->waiters)
	{
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (!futex_key_eq(&w->key, key) || !(w->bitset & bitset))
			continue;
		if (w->pi) {
			woken = woken ? woken : -EINVAL;
			break;
		}
		wake_waiter(w);
		if (++woken >= n)
			break;
	}
	mutex_unlock(&b->mu);
	return woken;
}

long futex_wake(struct task *t, uint64_t addr, bool shared, int n, uint32_t bitset)
{
	struct futex_key key;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_key_get(t, addr, shared, &key);
	if (r < 0)
		return r;
	return futex_wake_key(&key, n, bitset);
}

int futex_sleep(struct task *t, struct futex_waiter *w, int64_t deadline)
{
	for (;;) {
		task_wait_begin(t);
		if (atomic_load(&w->state) != FUTEX_QUEUED) {
			futex_dequeue(w); /* waits for a hand-over to end */
			return 0;
		}

		int r = task_wait(t, deadline);

		if (r < 0)
			return futex_dequeue(w) ? r : 0;
	}
}

long futex_wait(struct task *t, uint64_t addr, bool shared, uint32_t val, uint32_t bitset,
		int64_t deadline)
{
	struct futex_waiter w = {.task = t, .bitset = bitset};
	uint32_t seen;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_key_get(t, addr, shared, &w.key);
	if (r < 0)
		return r;
	futex_enqueue(futex_bucket(&w.key), &w);
	r = mm_load_u32(t->mm, addr, &seen);
	if (r < 0 || seen != val) {
		struct futex_key key = w.key;

		if (!futex_dequeue(&w))
			futex_wake_key(&key, 1, bitset);
		return r < 0 ? r : -EAGAIN;
	}
	return futex_sleep(t, &w, deadline);
}

/* --- FUTEX_WAKE_OP --- */

static uint32_t op_apply(uint32_t op, uint32_t old, uint32_t arg)
{
	switch (op) {
	case FUTEX_OP_SET:
		return arg;
	case FUTEX_OP_ADD:
		return old + arg;
	case FUTEX_OP_OR:
		return old | arg;
	case FUTEX_OP_ANDN:
		return old & ~arg;
	default:
		return old ^ arg;
	}
}

static int op_compare(uint32_t cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == arg;
	case FUTEX_OP_CMP_NE:
		return old != arg;
	case FUTEX_OP_CMP_LT:
		return old < arg;
	case FUTEX_OP_CMP_LE:
		return old <= arg;
	case FUTEX_OP_CMP_GT:
		return old > arg;
	case FUTEX_OP_CMP_GE:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

static int op_on_word(struct task *t, uint64_t addr, uint32_t encoded)
{
	uint32_t op = (encoded >> 28) & 7, cmp = (encoded >> 24) & 15;
	int32_t oparg = (int32_t)(encoded << 8) >> 20, cmparg = (int32_t)(encoded << 20) >> 20;
	uint32_t old, seen;
	int r;

	if (encoded & ((uint32_t)FUTEX_OP_OPARG_SHIFT << 28))
		oparg = (int32_t)(UINT32_C(1) << (oparg & 31));
	if (op > FUTEX_OP_XOR)
		return -ENOSYS;
	r = mm_load_u32(t->mm, addr, &old);
	if (r < 0)
		return r;
	for (;;) {
		r = mm_cmpxchg_u32(t->mm, addr, old, op_apply(op, old, (uint32_t)oparg), &seen);
		if (r < 0)
			return r;
		if (seen == old)
			return op_compare(cmp, (int32_t)old, cmparg);
		old = seen;
	}
}

long futex_wake_op(struct task *t, uint64_t addr1, bool shared, int n1, int n2, uint64_t addr2,
		   uint32_t op)
{
	struct futex_key key1, key2;
	int r = futex_key_get(t, addr1, shared, &key1);

	if (r == 0)
		r = futex_key_get(t, addr2, shared, &key2);
	if (r < 0)
		return r;

	int matched = op_on_word(t, addr2, op);

	if (matched < 0)
		return matched;
	r = futex_wake_key(&key1, n1, FUTEX_BITSET_MATCH_ANY);
	if (r >= 0 && matched) {
		int more = futex_wake_key(&key2, n2, FUTEX_BITSET_MATCH_ANY);

		r = more < 0 ? more : r + more;
	}
	return r;
}

/* --- FUTEX_REQUEUE, FUTEX_CMP_REQUEUE --- */

long futex_requeue(struct task *t, uint64_t addr1, bool shared, int n_wake, int n_move,
		   uint64_t addr2, const uint32_t *expected)
{
	struct futex_key key1, key2;
	int woken = 0, moved = 0, r;
	uint32_t seen;

	if (n_wake < 0 || n_move < 0)
		return -EINVAL;
	r = futex_key_get(t, addr1, shared, &key1);
	if (r == 0)
		r = futex_key_get(t, addr2, shared, &key2);
	if (r < 0)
		return r;
	if (expected) {
		r = mm_load_u32(t->mm, addr1, &seen);
		if (r < 0)
			return r;
		if (seen != *expected)
			return -EAGAIN;
	}

	struct futex_bucket *from = futex_bucket(&key1), *to = futex_bucket(&key2);

	futex_lock2(from, to);
	list_for_each_safe(node, &from->waiters)
	{
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (!futex_key_eq(&w->key, &key1))
			continue;
		if (w->pi) {
			r = -EINVAL;
			break;
		}
		if (woken < n_wake) {
			wake_waiter(w);
			woken++;
			continue;
		}
		if (moved >= n_move)
			break;
		moved++;
		if (futex_key_eq(&key1, &key2))
			continue;
		futex_unlink(from, w);
		w->key = key2;
		link_waiter(to, w);
		__atomic_store_n(&w->bucket, to, __ATOMIC_RELEASE);
	}
	futex_unlock2(from, to);
	if (r < 0)
		return r;
	return expected ? woken + moved : woken;
}

/* --- futex_waitv(2) --- */

static int enqueue_all(struct task *t, struct futex_waiter *ws, const struct futex_waitv_entry *e,
		       uint32_t n, uint32_t *queued)
{
	for (uint32_t i = 0; i < n; i++) {
		bool shared = !(e[i].flags & FUTEX_PRIVATE_FLAG);
		uint32_t seen;
		int r = futex_key_get(t, e[i].addr, shared, &ws[i].key);

		if (r < 0)
			return r;
		ws[i].task = t;
		ws[i].bitset = FUTEX_BITSET_MATCH_ANY;
		futex_enqueue(futex_bucket(&ws[i].key), &ws[i]);
		*queued = i + 1;
		r = mm_load_u32(t->mm, e[i].addr, &seen);
		if (r < 0)
			return r;
		if (seen != (uint32_t)e[i].val)
			return -EAGAIN;
	}
	return 0;
}

/* Takes all off their queues; the index of one that was woken, or -1. */
static long dequeue_all(struct futex_waiter *ws, uint32_t n)
{
	long woken = -1;

	for (uint32_t i = 0; i < n; i++) {
		if (!futex_dequeue(&ws[i]))
			woken = i;
	}
	return woken;
}

long futex_wait_many(struct task *t, const struct futex_waitv_entry *e, uint32_t n,
		     int64_t deadline)
{
	struct futex_waiter *ws = calloc(n, sizeof(*ws));
	uint32_t queued = 0;
	long woken;
	int r;

	if (!ws)
		return -ENOMEM;
	r = enqueue_all(t, ws, e, n, &queued);
	while (r == 0) {
		bool any = false;

		task_wait_begin(t);
		for (uint32_t i = 0; i < n; i++)
			any |= atomic_load(&ws[i].state) != FUTEX_QUEUED;
		if (any)
			break;
		r = task_wait(t, deadline);
	}
	woken = dequeue_all(ws, queued);
	free(ws);
	return woken >= 0 ? woken : r;
}
