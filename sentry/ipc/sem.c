/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphore sets (semget(2), semop(2), semctl(2)).
 *
 * An operation array takes effect whole or not at all. A sleeper tries again whenever its set
 * changes; while it sleeps it stands in the set's list with the operation that stopped it, for
 * GETNCNT and GETZCNT. SEM_UNDO adjustments belong to the process.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sem.h>

#include "core/wait.h"
#include "ipc/ipc_internal.h"
#include "mm/mm.h"
#include "util/cleanup.h"
#include "vfs/pseudo.h"

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
#define SEM_VALUE_MAX 32767

enum { SEMMSL, SEMMNS, SEMOPM, SEMMNI };
_Atomic int32_t ipc_sem_limits[4] = {32000, 1024000000, 500, 32000};

struct semaphore {
	int value;
	int32_t pid; /* of the last operation */
};

struct undo {
	struct list link;
	struct tgroup *owner; /* compared only; gone from the list before the owner is */
	int16_t adjust[];     /* per semaphore */
};

struct sem_sleeper {
	struct list link;
	uint16_t num;
	bool zero; /* waits for 0, else for an increase */
};

struct sem_set {
	struct ipc_perm_k perm; /* first */
	struct ref ref;		/* the table's, and one per sleeper */
	bool removed;
	uint32_t n; /* [I] */
	time_t otime, ctime;
	struct list undos, sleepers;
	struct waitq waitq;
	struct semaphore sems[];
};

/* Every field of every set is under its mu. */
static struct ipc_ids ids = {
	.mu = {PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT},
	.next_id = SYSCTL_SEM_NEXT_ID,
};
static uint32_t total_sems;
static _Atomic uint32_t n_undos; /* so that a process without any exits for nothing */

static void set_put(struct sem_set *set)
{
	if (!ref_put(&set->ref))
		return;
	waitq_fini(&set->waitq);
	free(set);
}

static long get_locked(struct task *t, int32_t key, int n, int flags)
{
	struct ipc_perm_k *p;
	int r = ipc_get_key(&ids, t, key, flags, &p);

	if (r < 0)
		return r;
	if (p)
		return (uint32_t)n > ((struct sem_set *)p)->n ? -EINVAL : p->id;
	if (n == 0)
		return -EINVAL;
	if (total_sems + (uint32_t)n > (uint32_t)ipc_sem_limits[SEMMNS])
		return -ENOSPC;

	struct sem_set *set = calloc(1, sizeof(*set) + (size_t)n * sizeof(set->sems[0]));

	if (!set)
		return -ENOMEM;
	ref_init(&set->ref);
	waitq_init(&set->waitq);
	list_init(&set->undos);
	list_init(&set->sleepers);
	set->n = (uint32_t)n;
	set->ctime = ipc_now();
	r = ipc_add(&ids, &set->perm, t, key, flags, (uint32_t)ipc_sem_limits[SEMMNI]);
	if (r < 0)
		set_put(set);
	else
		total_sems += set->n;
	return r;
}

long ipc_semget(struct task *t, int32_t key, int n, int flags)
{
	if (n < 0 || n > ipc_sem_limits[SEMMSL])
		return -EINVAL;
	mutex_lock(&ids.mu);
	long r = get_locked(t, key, n, flags);

	mutex_unlock(&ids.mu);
	return r;
}

/* ---- semop ---- */

static struct undo *undo_of(struct sem_set *set, struct tgroup *g, bool make)
{
	list_for_each(node, &set->undos)
	{
		struct undo *u = list_entry(node, struct undo, link);

		if (u->owner == g)
			return u;
	}
	struct undo *u = make ? calloc(1, sizeof(*u) + set->n * sizeof(u->adjust[0])) : NULL;

	if (u) {
		u->owner = g;
		list_push_back(&set->undos, &u->link);
		atomic_fetch_add(&n_undos, 1);
	}
	return u;
}

static void undo_free(struct undo *u)
{
	list_remove(&u->link);
	free(u);
	atomic_fetch_sub(&n_undos, 1);
}

/* Takes the first @n operations back. */
static void roll_back(struct sem_set *set, const struct sembuf *ops, size_t n)
{
	while (n-- > 0)
		set->sems[ops[n].sem_num].value -= ops[n].sem_op;
}

static int check_undo(struct undo *u, const struct sembuf *op)
{
	if (!(op->sem_flg & SEM_UNDO))
		return 0;
	int v = u->adjust[op->sem_num] - op->sem_op;

	return v < -SEM_VALUE_MAX - 1 || v > SEM_VALUE_MAX ? -ERANGE : 0;
}

/* All of it or nothing. 0, an errno, or 1: @blocker has to wait. */
static int try_ops(struct sem_set *set, struct task *t, const struct sembuf *ops, size_t n,
		   struct undo *u, const struct sembuf **blocker)
{
	for (size_t i = 0; i < n; i++) {
		struct semaphore *s = &set->sems[ops[i].sem_num];
		int after = s->value + ops[i].sem_op;
		int r = 0;

		if ((ops[i].sem_op == 0 && s->value != 0) || after < 0)
			r = ops[i].sem_flg & IPC_NOWAIT ? -EAGAIN : 1;
		else if (after > SEM_VALUE_MAX)
			r = -ERANGE;
		else
			r = check_undo(u, &ops[i]);
		if (r != 0) {
			*blocker = &ops[i];
			roll_back(set, ops, i);
			return r;
		}
		s->value = after;
	}
	for (size_t i = 0; i < n; i++) {
		set->sems[ops[i].sem_num].pid = t->group->pid;
		if (ops[i].sem_flg & SEM_UNDO)
			u->adjust[ops[i].sem_num] =
				(int16_t)(u->adjust[ops[i].sem_num] - ops[i].sem_op);
	}
	set->otime = ipc_now();
	return 0;
}

/* Sleeps and tries until it works. [mu], also afterwards; @set is referenced by the caller. */
static int wait_ops(struct sem_set *set, struct task *t, const struct sembuf *ops, size_t n,
		    struct undo *u, int64_t deadline, const struct sembuf *blocker)
{
	struct task_waiter w;
	int r = 1;

	task_waiter_init(&w, t);
	waitq_add(&set->waitq, &w.waiter, EPOLLIN);
	while (r == 1) {
		struct sem_sleeper me = {.num = blocker->sem_num, .zero = blocker->sem_op == 0};

		task_wait_begin(t);
		/* What changed before the word was cleared is seen here. */
		r = set->removed ? -EIDRM : try_ops(set, t, ops, n, u, &blocker);
		if (r != 1)
			break;
		list_push_back(&set->sleepers, &me.link);
		mutex_unlock(&ids.mu);
		int slept = task_wait(t, deadline);

		mutex_lock(&ids.mu);
		list_remove(&me.link);
		if (slept == 0)
			continue;
		r = set->removed ? -EIDRM : try_ops(set, t, ops, n, u, &blocker);
		if (r == 1)
			r = slept == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	waitq_del(&w.waiter);
	return r;
}

struct op_kinds {
	uint16_t max;
	bool alters, undoes;
};

static struct op_kinds look_at(const struct sembuf *ops, size_t n)
{
	struct op_kinds k = {0};

	for (size_t i = 0; i < n; i++) {
		if (ops[i].sem_num > k.max)
			k.max = ops[i].sem_num;
		k.alters |= ops[i].sem_op != 0;
		k.undoes |= (ops[i].sem_flg & SEM_UNDO) != 0;
	}
	return k;
}

static long do_semop(struct task *t, int id, const struct sembuf *ops, size_t n, int64_t deadline)
{
	struct op_kinds kinds = look_at(ops, n);
	const struct sembuf *blocker = NULL;
	struct undo *u = NULL;

	mutex_lock(&ids.mu);
	struct sem_set *set = (struct sem_set *)ipc_find(&ids, id);
	int r = !set ? -EINVAL : kinds.max >= set->n ? -EFBIG : 0;

	if (r == 0)
		r = ipc_permission(&set->perm, t, kinds.alters ? 0222 : 0444);
	if (r == 0 && kinds.undoes) {
		u = undo_of(set, t->group, true);
		if (!u)
			r = -ENOMEM;
	}
	if (r < 0) {
		mutex_unlock(&ids.mu);
		return r;
	}
	ref_get(&set->ref);
	r = try_ops(set, t, ops, n, u, &blocker);
	if (r == 1)
		r = wait_ops(set, t, ops, n, u, deadline, blocker);
	mutex_unlock(&ids.mu);
	if (r == 0 && kinds.alters)
		waitq_wake(&set->waitq, EPOLLIN);
	set_put(set);
	return r;
}

long ipc_semop(struct task *t, int id, uint64_t sops, uint64_t n, int64_t deadline)
{
	if (n == 0 || id < 0)
		return -EINVAL;
	if (n > (uint64_t)ipc_sem_limits[SEMOPM])
		return -E2BIG;

	struct sembuf *ops = malloc(n * sizeof(*ops));
	long r = ops ? 0 : -ENOMEM;

	if (r == 0 && copy_in(t, ops, sops, n * sizeof(*ops)) < 0)
		r = -EFAULT;
	if (r == 0)
		r = do_semop(t, id, ops, n, deadline);
	free(ops);
	return r;
}

static void apply_undo(struct sem_set *set, struct undo *u, int32_t pid)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct semaphore *s = &set->sems[i];

		if (!u->adjust[i])
			continue;
		s->value += u->adjust[i];
		s->value = MIN(MAX(s->value, 0), SEM_VALUE_MAX);
		s->pid = pid;
	}
	set->otime = ipc_now();
	undo_free(u);
	waitq_wake(&set->waitq, EPOLLIN);
}

void ipc_sem_exit(struct tgroup *g)
{
	if (atomic_load(&n_undos) == 0)
		return;
	mutex_lock(&ids.mu);
	for (uint32_t i = 0; i < ids.cap; i++) {
		struct sem_set *set = (struct sem_set *)ids.slots[i];
		struct undo *u = set ? undo_of(set, g, false) : NULL;

		if (u)
			apply_undo(set, u, g->pid);
	}
	mutex_unlock(&ids.mu);
}

/* ---- semctl ---- */

static void remove_set(struct sem_set *set)
{
	ipc_remove(&ids, &set->perm);
	total_sems -= set->n;
	set->removed = true;
	while (!list_empty(&set->undos))
		undo_free(list_first_entry(&set->undos, struct undo, link));
	waitq_wake(&set->waitq, EPOLLIN);
}

static int count_sleepers(struct sem_set *set, int num, bool zero)
{
	int n = 0;

	list_for_each(node, &set->sleepers)
	{
		struct sem_sleeper *s = list_entry(node, struct sem_sleeper, link);

		n += s->num == num && s->zero == zero;
	}
	return n;
}

/* A value that is set by hand makes adjustments of it void. */
static void forget_undo(struct sem_set *set, uint32_t num)
{
	list_for_each(node, &set->undos) list_entry(node, struct undo, link)->adjust[num] = 0;
}

static long one_sem(struct sem_set *set, struct task *t, int num, int cmd, int value)
{
	bool write = cmd == SETVAL;
	int r = ipc_permission(&set->perm, t, write ? 0222 : 0444);

	if (r < 0)
		return r;
	if (num < 0 || (uint32_t)num >= set->n)
		return -EINVAL;
	switch (cmd) {
	case GETVAL:
		return set->sems[num].value;
	case GETPID:
		return set->sems[num].pid;
	case GETNCNT:
		return count_sleepers(set, num, false);
	case GETZCNT:
		return count_sleepers(set, num, true);
	default:
		if (value < 0 || value > SEM_VALUE_MAX)
			return -ERANGE;
		forget_undo(set, (uint32_t)num);
		set->sems[num].value = value;
		set->sems[num].pid = t->group->pid;
		set->ctime = ipc_now();
		waitq_wake(&set->waitq, EPOLLIN);
		return 0;
	}
}

static int set_all(struct sem_set *set, struct task *t, const uint16_t *values)
{
	for (uint32_t i = 0; i < set->n; i++) {
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	}
	for (uint32_t i = 0; i < set->n; i++) {
		set->sems[i].value = values[i];
		set->sems[i].pid = t->group->pid;
		forget_undo(set, i);
	}
	set->ctime = ipc_now();
	waitq_wake(&set->waitq, EPOLLIN);
	return 0;
}

static long all_sems(struct task *t, int id, int cmd, uint64_t arg)
{
	uint16_t *values = NULL;
	long r;

	mutex_lock(&ids.mu);
	struct sem_set *set = (struct sem_set *)ipc_find(&ids, id);

	r = set ? ipc_permission(&set->perm, t, cmd == SETALL ? 0222 : 0444) : -EINVAL;
	uint32_t n = set ? set->n : 0;

	mutex_unlock(&ids.mu);
	if (r < 0)
		return r;
	values = calloc(n, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (cmd == SETALL && copy_in(t, values, arg, n * sizeof(*values)) < 0) {
		free(values);
		return -EFAULT;
	}
	mutex_lock(&ids.mu);
	set = (struct sem_set *)ipc_find(&ids, id);
	if (!set || set->n != n)
		r = -EIDRM;
	else if (cmd == SETALL)
		r = set_all(set, t, values);
	for (uint32_t i = 0; r == 0 && cmd == GETALL && i < n; i++)
		values[i] = (uint16_t)set->sems[i].value;
	mutex_unlock(&ids.mu);
	if (r == 0 && cmd == GETALL && copy_out(t, arg, values, n * sizeof(*values)) < 0)
		r = -EFAULT;
	free(values);
	return r;
}

static long stat_set(struct task *t, int id, int cmd, uint64_t arg)
{
	struct semid_ds ds = {0};
	long r = 0;

	mutex_lock(&ids.mu);
	struct ipc_perm_k *p = cmd == IPC_STAT ? ipc_find(&ids, id) : ipc_at(&ids, id);

	if (!p)
		r = -EINVAL;
	else if (cmd != SEM_STAT_ANY)
		r = ipc_permission(p, t, 0444);
	if (r == 0) {
		struct sem_set *set = (struct sem_set *)p;

		ipc_fill(&ds.sem_perm, p);
		ds.sem_otime = set->otime;
		ds.sem_ctime = set->ctime;
		ds.sem_nsems = set->n;
		r = cmd == IPC_STAT ? 0 : p->id;
	}
	mutex_unlock(&ids.mu);
	if (r >= 0 && copy_out(t, arg, &ds, sizeof(ds)) < 0)
		return -EFAULT;
	return r;
}

static long sem_info(struct task *t, int cmd, uint64_t arg)
{
	struct seminfo info = {
		.semmap = ipc_sem_limits[SEMMNS],
		.semmni = ipc_sem_limits[SEMMNI],
		.semmns = ipc_sem_limits[SEMMNS],
		.semmnu = ipc_sem_limits[SEMMNS],
		.semmsl = ipc_sem_limits[SEMMSL],
		.semopm = ipc_sem_limits[SEMOPM],
		.semume = ipc_sem_limits[SEMOPM],
		.semusz = 20,
		.semvmx = SEM_VALUE_MAX,
		.semaem = SEM_VALUE_MAX,
	};

	mutex_lock(&ids.mu);
	if (cmd == SEM_INFO) {
		info.semusz = (int)ids.n;
		info.semaem = (int)total_sems;
	}
	int32_t top = ipc_highest(&ids);

	mutex_unlock(&ids.mu);
	if (copy_out(t, arg, &info, sizeof(info)) < 0)
		return -EFAULT;
	return MAX(top, 0);
}

static long change_set(struct task *t, int id, int cmd, uint64_t arg)
{
	struct semid_ds ds;
	struct sem_set *gone = NULL;

	if (cmd == IPC_SET && copy_in(t, &ds, arg, sizeof(ds)) < 0)
		return -EFAULT;
	mutex_lock(&ids.mu);
	struct sem_set *set = (struct sem_set *)ipc_find(&ids, id);
	int r = set ? ipc_may_change(&set->perm, t) : -EINVAL;

	if (r == 0 && cmd == IPC_SET) {
		r = ipc_apply(&set->perm, &ds.sem_perm);
		if (r == 0)
			set->ctime = ipc_now();
	} else if (r == 0) {
		remove_set(set);
		gone = set;
	}
	mutex_unlock(&ids.mu);
	if (gone)
		set_put(gone);
	return r;
}

long ipc_semctl(struct task *t, int id, int num, int cmd, uint64_t arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO_CMD:
	case SEM_INFO:
		return sem_info(t, cmd, arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat_set(t, id, cmd, arg);
	case GETALL:
	case SETALL:
		return all_sems(t, id, cmd, arg);
	case IPC_SET:
	case IPC_RMID:
		return change_set(t, id, cmd, arg);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL:
		break;
	default:
		return -EINVAL;
	}
	mutex_lock(&ids.mu);
	struct sem_set *set = (struct sem_set *)ipc_find(&ids, id);
	long r = set ? one_sem(set, t, num, cmd, (int)arg) : -EINVAL;

	mutex_unlock(&ids.mu);
	return r;
}

void ipc_show_sem(struct seq *s)
{
	seq_printf(s,
		   "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
		   "ctime\n");
	mutex_lock(&ids.mu);
	for (uint32_t i = 0; i < ids.cap; i++) {
		struct sem_set *set = (struct sem_set *)ids.slots[i];

		if (!set)
			continue;
		const struct ipc_perm_k *p = &set->perm;

		seq_printf(s, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lld %10lld\n", p->key, p->id,
			   p->mode, set->n, p->uid, p->gid, p->cuid, p->cgid, (long long)set->otime,
			   (long long)set->ctime);
	}
	mutex_unlock(&ids.mu);
}
