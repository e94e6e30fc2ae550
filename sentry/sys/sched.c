/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2), sched_setscheduler(2), getrlimit(2), uname(2) and others that describe or tune.
 * Scheduling classes and priorities are remembered and reported; the host's scheduler does the
 * scheduling. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include "sys/table.h"
#include "task/futex.h"
#include "task/internal.h"
#include "task/timers.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/sched.def"
#undef SYSCALL

/* --- futex --- */

static int futex_deadline(struct task *t, uint64_t addr, bool relative, int clock, int64_t *ret)
{
	struct timespec ts;
	int64_t ns;

	*ret = WAIT_FOREVER;
	if (!addr)
		return 0;
	if (copy_in(t, &ts, addr, sizeof(ts)) < 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec >= INT64_MAX / NS_PER_SEC)
		return 0;
	ns = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	if (!relative)
		*ret = task_clock_to_mono(clock, ns);
	else if (__builtin_add_overflow(clock_mono_ns(), ns, ret))
		*ret = WAIT_FOREVER;
	return 0;
}

/* restart_arg: address, value, deadline, bitset | shared << 32. */
static long futex_restart(struct task *t)
{
	long r = futex_wait(t, t->restart_arg[0], (t->restart_arg[3] >> 32) != 0,
			    (uint32_t)t->restart_arg[1], (uint32_t)t->restart_arg[3],
			    (int64_t)t->restart_arg[2]);

	if (r == -ERESTARTSYS) {
		t->restart_fn = futex_restart;
		return -ERESTART_RESTARTBLOCK;
	}
	return r;
}

static long wait_restartable(struct task *t, uint64_t addr, bool shared, uint32_t val,
			     uint32_t bitset, int64_t deadline)
{
	long r = futex_wait(t, addr, shared, val, bitset, deadline);

	if (r != -ERESTARTSYS || deadline == WAIT_FOREVER)
		return r;
	t->restart_arg[0] = addr;
	t->restart_arg[1] = val;
	t->restart_arg[2] = (uint64_t)deadline;
	t->restart_arg[3] = bitset | (shared ? UINT64_C(1) << 32 : 0);
	t->restart_fn = futex_restart;
	return -ERESTART_RESTARTBLOCK;
}

long sys_futex(struct task *t, const struct sysargs *a)
{
	uint64_t addr = a->a[0], utime = a->a[3], addr2 = a->a[4];
	uint32_t op = (uint32_t)a->a[1], val = (uint32_t)a->a[2], val3 = (uint32_t)a->a[5];
	int cmd = (int)(op & (uint32_t)FUTEX_CMD_MASK), n2 = (int)a->a[3];
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = (op & FUTEX_CLOCK_REALTIME) != 0;
	int clock = realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	int64_t deadline = WAIT_FOREVER;
	int r = 0;

	if (realtime && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	if (cmd == FUTEX_WAIT)
		r = futex_deadline(t, utime, true, clock, &deadline);
	else if (cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI2)
		r = futex_deadline(t, utime, false, clock, &deadline);
	else if (cmd == FUTEX_LOCK_PI)
		r = futex_deadline(t, utime, false, CLOCK_REALTIME, &deadline);
	if (r < 0)
		return r;

	switch (cmd) {
	case FUTEX_WAIT:
		return wait_restartable(t, addr, shared, val, FUTEX_BITSET_MATCH_ANY, deadline);
	case FUTEX_WAIT_BITSET:
		return wait_restartable(t, addr, shared, val, val3, deadline);
	case FUTEX_WAKE:
		return futex_wake(t, addr, shared, (int)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(t, addr, shared, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(t, addr, shared, (int)val, n2, addr2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(t, addr, shared, (int)val, n2, addr2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(t, addr, shared, (int)val, n2, addr2, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(t, addr, shared, false, deadline);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(t, addr, shared, true, 0);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(t, addr, shared);
	default:
		return -ENOSYS;
	}
}

struct guest_waitv {
	uint64_t val, addr;
	uint32_t flags, reserved;
};

long sys_futex_waitv(struct task *t, const struct sysargs *a)
{
	uint32_t n = (uint32_t)a->a[1];
	int clock = (int)a->a[4];
	struct futex_waitv_entry *e;
	int64_t deadline = WAIT_FOREVER;
	long r = 0;

	if (a->a[2] || n == 0 || n > FUTEX_WAITV_MAX || !a->a[0])
		return -EINVAL;
	if (a->a[3]) {
		if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
			return -EINVAL;
		r = futex_deadline(t, a->a[3], false, clock, &deadline);
		if (r < 0)
			return r;
	}
	e = calloc(n, sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct guest_waitv u;

		if (copy_in(t, &u, a->a[0] + i * sizeof(u), sizeof(u)) < 0)
			r = -EFAULT;
		else if (u.reserved || (u.flags & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_32)) ||
			 !(u.flags & FUTEX_32))
			r = -EINVAL;
		e[i] = (struct futex_waitv_entry){u.val, u.addr, u.flags};
	}
	if (r == 0)
		r = futex_wait_many(t, e, n, deadline);
	free(e);
	return r;
}

/* --- scheduling --- */

long sys_sched_yield(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	sched_yield();
	return 0;
}

/* The task of @pid (0: the caller) with a reference. */
static struct task *find(struct task *t, uint64_t pid)
{
	return (int32_t)pid == 0 ? task_get(t) : task_find(t->kernel, (int32_t)pid);
}

static bool may_tune(struct task *t, struct task *other)
{
	const struct cred *theirs = task_get_cred(other);
	bool same = t->cred->euid == theirs->euid || t->cred->euid == theirs->uid;

	cred_put(theirs);
	return same || task_has_cap(t, CAP_SYS_NICE);
}

static int priority_range(int policy, int *min, int *max)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		*min = 1;
		*max = 99;
		return 0;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		*min = *max = 0;
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_sched_get_priority_max(struct task *t, const struct sysargs *a)
{
	int min, max, r = priority_range((int)a->a[0], &min, &max);

	(void)t;
	return r < 0 ? r : max;
}

long sys_sched_get_priority_min(struct task *t, const struct sysargs *a)
{
	int min, max, r = priority_range((int)a->a[0], &min, &max);

	(void)t;
	return r < 0 ? r : min;
}

/* @policy -1: keep. */
static long set_scheduler(struct task *t, uint64_t pid, int policy, int prio)
{
	bool reset = policy >= 0 && (policy & SCHED_RESET_ON_FORK);
	struct task *other;
	int min, max, r;

	if ((int32_t)pid < 0)
		return -EINVAL;
	other = find(t, pid);
	if (!other)
		return -ESRCH;
	if (policy < 0)
		policy = atomic_load(&other->sched_policy);
	else
		policy &= ~SCHED_RESET_ON_FORK;
	r = priority_range(policy, &min, &max);
	if (r == 0 && (prio < min || prio > max || policy == SCHED_DEADLINE))
		r = -EINVAL;
	if (r == 0 && !may_tune(t, other))
		r = -EPERM;
	if (r == 0 && prio > 0 && !task_has_cap(t, CAP_SYS_NICE) &&
	    (uint64_t)prio > task_rlimit(other, RLIMIT_RTPRIO))
		r = -EPERM;
	if (r == 0) {
		atomic_store(&other->sched_policy, policy);
		atomic_store(&other->sched_priority, prio);
		atomic_store(&other->sched_reset_on_fork, reset);
	}
	task_put(other);
	return r;
}

long sys_sched_setscheduler(struct task *t, const struct sysargs *a)
{
	int32_t prio;

	if ((int)a->a[1] < 0 || !a->a[2])
		return -EINVAL;
	if (copy_in(t, &prio, a->a[2], sizeof(prio)) < 0)
		return -EFAULT;
	return set_scheduler(t, a->a[0], (int)a->a[1], prio);
}

long sys_sched_setparam(struct task *t, const struct sysargs *a)
{
	int32_t prio;

	if (!a->a[1])
		return -EINVAL;
	if (copy_in(t, &prio, a->a[1], sizeof(prio)) < 0)
		return -EFAULT;
	return set_scheduler(t, a->a[0], -1, prio);
}

long sys_sched_getscheduler(struct task *t, const struct sysargs *a)
{
	struct task *other;
	int policy;

	if ((int32_t)a->a[0] < 0)
		return -EINVAL;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	policy = atomic_load(&other->sched_policy);
	if (atomic_load(&other->sched_reset_on_fork))
		policy |= SCHED_RESET_ON_FORK;
	task_put(other);
	return policy;
}

long sys_sched_getparam(struct task *t, const struct sysargs *a)
{
	struct task *other;
	int32_t prio;

	if ((int32_t)a->a[0] < 0 || !a->a[1])
		return -EINVAL;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	prio = atomic_load(&other->sched_priority);
	task_put(other);
	return copy_out(t, a->a[1], &prio, sizeof(prio));
}

long sys_sched_rr_get_interval(struct task *t, const struct sysargs *a)
{
	struct timespec ts = {0, 0};
	struct task *other;
	int policy;

	if ((int32_t)a->a[0] < 0)
		return -EINVAL;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	policy = atomic_load(&other->sched_policy);
	task_put(other);
	if (policy == SCHED_RR)
		ts.tv_nsec = 100000000;
	else if (policy != SCHED_FIFO)
		ts.tv_nsec = 3000000; /* a fair slice */
	return copy_out(t, a->a[1], &ts, sizeof(ts));
}

struct guest_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

long sys_sched_setattr(struct task *t, const struct sysargs *a)
{
	struct guest_sched_attr attr = {0};
	uint32_t size;
	long r;

	if (!a->a[1] || (int32_t)a->a[0] < 0 || a->a[2])
		return -EINVAL;
	if (copy_in(t, &size, a->a[1], sizeof(size)) < 0)
		return -EFAULT;
	if (size == 0)
		size = 48;
	if (size < 48 || size > 4096)
		return -E2BIG;
	if (copy_in(t, &attr, a->a[1], MIN(size, sizeof(attr))) < 0)
		return -EFAULT;
	r = set_scheduler(t, a->a[0],
			  (int)(attr.policy | (attr.flags & 1 ? SCHED_RESET_ON_FORK : 0)),
			  (int)attr.priority);
	if (r == 0 && (attr.policy == SCHED_NORMAL || attr.policy == SCHED_BATCH)) {
		struct task *other = find(t, a->a[0]);

		if (other)
			atomic_store(&other->nice, MAX(-20, MIN(19, attr.nice)));
		task_put(other);
	}
	return r;
}

long sys_sched_getattr(struct task *t, const struct sysargs *a)
{
	uint32_t usize = (uint32_t)a->a[2];
	struct guest_sched_attr attr = {.size = sizeof(attr)};
	struct task *other;

	if (!a->a[1] || (int32_t)a->a[0] < 0 || usize < 48 || usize > 4096 || a->a[3])
		return -EINVAL;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	attr.policy = (uint32_t)atomic_load(&other->sched_policy);
	attr.flags = atomic_load(&other->sched_reset_on_fork);
	attr.nice = atomic_load(&other->nice);
	attr.priority = (uint32_t)atomic_load(&other->sched_priority);
	attr.util_max = 1024;
	task_put(other);
	attr.size = MIN(usize, attr.size);
	return copy_out(t, a->a[1], &attr, attr.size);
}

long sys_sched_setaffinity(struct task *t, const struct sysargs *a)
{
	uint64_t mask[16] = {0}, any = 0;
	size_t len = MIN((uint32_t)a->a[1], sizeof(mask));
	struct task *other;
	int r = 0;

	if (copy_in(t, mask, a->a[2], len) < 0)
		return -EFAULT;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t n = t->kernel->n_cpus;
		uint64_t present = n >= (i + 1) * 64 ? ~UINT64_C(0)
				   : n > i * 64	     ? (UINT64_C(1) << (n - i * 64)) - 1
						     : 0;

		mask[i] &= present;
		any |= mask[i];
	}
	if (!may_tune(t, other))
		r = -EPERM;
	else if (!any)
		r = -EINVAL;
	if (r == 0) {
		mutex_lock(&other->mu);
		memcpy(other->cpu_mask, mask, sizeof(mask));
		mutex_unlock(&other->mu);
	}
	task_put(other);
	return r;
}

long sys_sched_getaffinity(struct task *t, const struct sysargs *a)
{
	uint64_t mask[16];
	size_t len = (uint32_t)a->a[1], need = (t->kernel->n_cpus + 63) / 64 * 8;
	struct task *other;

	if (len * 8 < t->kernel->n_cpus || (len & 7))
		return -EINVAL;
	other = find(t, a->a[0]);
	if (!other)
		return -ESRCH;
	mutex_lock(&other->mu);
	memcpy(mask, other->cpu_mask, sizeof(mask));
	mutex_unlock(&other->mu);
	task_put(other);
	len = MIN(len, need);
	len = MIN(len, sizeof(mask));
	return copy_out(t, a->a[2], mask, len) < 0 ? -EFAULT : (long)len;
}

long sys_getcpu(struct task *t, const struct sysargs *a)
{
	int cpu = sched_getcpu();
	uint32_t nr = cpu < 0 ? 0 : (uint32_t)cpu % t->kernel->n_cpus, node = 0;

	if (a->a[0] && copy_out(t, a->a[0], &nr, sizeof(nr)) < 0)
		return -EFAULT;
	if (a->a[1] && copy_out(t, a->a[1], &node, sizeof(node)) < 0)
		return -EFAULT;
	return 0;
}

/* Calls @fn for every task that (which, who) of getpriority(2) or ioprio_get(2) names. */
struct prio_walk {
	struct task *caller;
	int (*fn)(struct prio_walk *w, struct task *t);
	int value, result;
	bool found;
};

static void prio_visit_group(struct prio_walk *w, struct tgroup *g)
{
	struct task *i;

	list_for_each_entry(i, &g->tasks, group_link)
	{
		w->found = true;
		w->result = w->fn(w, i);
	}
}

static int prio_walk(struct prio_walk *w, int which, int32_t who)
{
	struct task *t = w->caller;
	struct kernel *k = t->kernel;
	struct tgroup *g;

	rwlock_rdlock(&k->tasks);
	switch (which) {
	case PRIO_PROCESS: {
		struct task *other = who ? pid_task(k, who) : t;

		if (other) {
			w->found = true;
			w->result = w->fn(w, other);
		}
		break;
	}
	case PRIO_PGRP: {
		struct pgroup *p = who ? pid_pgroup(k, who) : t->group->pgrp;

		if (p) {
			list_for_each_entry(g, &p->members, pgrp_link) prio_visit_group(w, g);
		}
		break;
	}
	case PRIO_USER:
		list_for_each_entry(g, &k->groups, kernel_link)
		{
			if (task_uid(g->leader) == (who ? (uint32_t)who : t->cred->uid))
				prio_visit_group(w, g);
		}
		break;
	default:
		w->result = -EINVAL;
		w->found = true;
		break;
	}
	rwlock_unlock(&k->tasks);
	return w->found ? w->result : -ESRCH;
}

static int nice_get(struct prio_walk *w, struct task *i)
{
	w->value = MAX(w->value, 20 - atomic_load(&i->nice));
	return w->value;
}

static int nice_set(struct prio_walk *w, struct task *i)
{
	int nice = w->value;
	uint64_t limit;

	if (!may_tune(w->caller, i))
		return -EPERM;
	limit = task_rlimit(i, RLIMIT_NICE);
	if (nice < atomic_load(&i->nice) && (uint64_t)(20 - nice) > limit &&
	    !task_has_cap(w->caller, CAP_SYS_NICE))
		return -EACCES;
	atomic_store(&i->nice, nice);
	return w->result < 0 ? w->result : 0;
}

long sys_getpriority(struct task *t, const struct sysargs *a)
{
	struct prio_walk w = {.caller = t, .fn = nice_get};

	return prio_walk(&w, (int)a->a[0], (int32_t)a->a[1]);
}

long sys_setpriority(struct task *t, const struct sysargs *a)
{
	struct prio_walk w = {
		.caller = t, .fn = nice_set, .value = MAX(-20, MIN(19, (int)a->a[2]))};

	return prio_walk(&w, (int)a->a[0], (int32_t)a->a[1]);
}

static int ioprio_get_one(struct prio_walk *w, struct task *i)
{
	(void)w;
	return atomic_load(&i->ioprio);
}

static int ioprio_set_one(struct prio_walk *w, struct task *i)
{
	if (!may_tune(w->caller, i))
		return -EPERM;
	atomic_store(&i->ioprio, w->value);
	return 0;
}

long sys_ioprio_get(struct task *t, const struct sysargs *a)
{
	struct prio_walk w = {.caller = t, .fn = ioprio_get_one};

	/* IOPRIO_WHO_* count from 1. */
	return prio_walk(&w, (int)a->a[0] - 1, (int32_t)a->a[1]);
}

long sys_ioprio_set(struct task *t, const struct sysargs *a)
{
	struct prio_walk w = {.caller = t, .fn = ioprio_set_one, .value = (int)a->a[2]};
	int class = w.value >> 13;

	if (class < 0 || class > 3 || (class == 0 && (w.value & 0x1fff)))
		return -EINVAL;
	if (class == 1 && !task_has_cap(t, CAP_SYS_ADMIN) && !task_has_cap(t, CAP_SYS_NICE))
		return -EPERM;
	return prio_walk(&w, (int)a->a[0] - 1, (int32_t)a->a[1]);
}

/* --- limits --- */

#define NOFILE_MAX (1u << 20)

static int change_limit(struct task *t, struct task *target, int resource, const struct rlimit *new,
			struct rlimit *old)
{
	struct tgroup *g = target->group;
	int r = 0;

	if (new &&new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (new &&resource == RLIMIT_NOFILE &&new->rlim_max > NOFILE_MAX)
		return -EPERM;
	mutex_lock(&g->limits_mu);
	*old = g->limits[resource];
	if (new &&new->rlim_max > old->rlim_max && !task_has_cap(t, CAP_SYS_RESOURCE))
		r = -EPERM;
	else if (new)
		g->limits[resource] = *new;
	mutex_unlock(&g->limits_mu);
	if (r == 0 && new &&resource == RLIMIT_CPU)
		timers_cpu_limit(g);
	if (r == 0 && new &&resource == RLIMIT_STACK) {
		struct mm *mm = task_get_mm(target);

		if (mm) {
			mm_set_stack_limit(mm, new->rlim_cur);
			mm_unref(mm);
		}
	}
	return r;
}

static bool may_limit(struct task *t, struct task *target)
{
	const struct cred *mine = t->cred, *theirs;
	bool same;

	if (target->group == t->group)
		return true;
	theirs = task_get_cred(target);
	same = mine->uid == theirs->euid && mine->uid == theirs->suid && mine->uid == theirs->uid &&
	       mine->gid == theirs->egid && mine->gid == theirs->sgid && mine->gid == theirs->gid;
	cred_put(theirs);
	return same || cred_has_cap(mine, CAP_SYS_RESOURCE);
}

static long do_prlimit(struct task *t, int32_t pid, uint32_t resource, uint64_t unew, uint64_t uold)
{
	struct rlimit new, old;
	struct task *target;
	long r;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (unew && copy_in(t, &new, unew, sizeof(new)) < 0)
		return -EFAULT;
	target = find(t, (uint64_t)(uint32_t)pid);
	if (!target)
		return -ESRCH;
	r = may_limit(t, target) ? change_limit(t, target, (int)resource, unew ? &new : NULL, &old)
				 : -EPERM;
	task_put(target);
	if (r == 0 && uold && copy_out(t, uold, &old, sizeof(old)) < 0)
		return -EFAULT;
	return r;
}

long sys_prlimit64(struct task *t, const struct sysargs *a)
{
	return do_prlimit(t, (int32_t)a->a[0], (uint32_t)a->a[1], a->a[2], a->a[3]);
}

long sys_getrlimit(struct task *t, const struct sysargs *a)
{
	if (!a->a[1])
		return (uint32_t)a->a[0] < RLIM_NLIMITS ? -EFAULT : -EINVAL;
	return do_prlimit(t, 0, (uint32_t)a->a[0], 0, a->a[1]);
}

long sys_setrlimit(struct task *t, const struct sysargs *a)
{
	if (!a->a[1])
		return -EFAULT;
	return do_prlimit(t, 0, (uint32_t)a->a[0], a->a[1], 0);
}

/* --- the system --- */

long sys_uname(struct task *t, const struct sysargs *a)
{
	struct kernel *k = t->kernel;
	struct utsname u = {.sysname = "Linux",
			    .release = KERNEL_RELEASE,
			    .version = KERNEL_VERSION,
			    .machine = "x86_64"};

	mutex_lock(&k->uts_mu);
	memcpy(u.nodename, k->hostname, sizeof(u.nodename));
	memcpy(u.domainname, k->domainname[0] ? k->domainname : "(none)",
	       k->domainname[0] ? sizeof(u.domainname) : sizeof("(none)"));
	mutex_unlock(&k->uts_mu);
	return copy_out(t, a->a[0], &u, sizeof(u));
}

static long set_name(struct task *t, char *name, uint64_t addr, int64_t len)
{
	char buf[65] = {0};

	if (!task_has_cap(t, CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copy_in(t, buf, addr, (size_t)len) < 0)
		return -EFAULT;
	mutex_lock(&t->kernel->uts_mu);
	memcpy(name, buf, sizeof(buf));
	mutex_unlock(&t->kernel->uts_mu);
	return 0;
}

long sys_sethostname(struct task *t, const struct sysargs *a)
{
	return set_name(t, t->kernel->hostname, a->a[0], (int32_t)a->a[1]);
}

long sys_setdomainname(struct task *t, const struct sysargs *a)
{
	return set_name(t, t->kernel->domainname, a->a[0], (int32_t)a->a[1]);
}

long sys_personality(struct task *t, const struct sysargs *a)
{
	uint32_t old = t->personality;

	if ((uint32_t)a->a[0] != UINT32_MAX)
		t->personality = (uint32_t)a->a[0];
	return old;
}

/* The kernel log of the sandbox is empty. */
long sys_syslog(struct task *t, const struct sysargs *a)
{
	int type = (int)a->a[0];

	if (type < 0 || type > 10)
		return -EINVAL;
	if (type != 3 && type != 10 && !task_has_cap(t, CAP_SYSLOG) &&
	    !task_has_cap(t, CAP_SYS_ADMIN))
		return -EPERM;
	if ((type >= 2 && type <= 4) && (!a->a[1] || (int)a->a[2] < 0))
		return -EINVAL;
	return 0;
}

long sys_reboot(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return -EPERM;
}

long sys_getrandom(struct task *t, const struct sysargs *a)
{
	uint64_t addr = a->a[0], len = MIN(a->a[1], (uint64_t)INT32_MAX), done = 0;
	uint32_t flags = (uint32_t)a->a[2];
	uint8_t buf[256];

	/* GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE; the last two exclude each other. */
	if ((flags & ~7u) || (flags & 6u) == 6u)
		return -EINVAL;
	while (done < len) {
		size_t n = (size_t)MIN(len - done, (uint64_t)sizeof(buf));

		krandom(buf, n);

		size_t copied = mm_copy_out_some(t->mm, addr + done, buf, n);

		done += copied;
		if (copied < n)
			return done ? (long)done : -EFAULT;
		if (done < len && (done & 0xffff) == 0 && signal_pending(t) &&
		    signal_pending_slow(t))
			break;
	}
	return (long)done;
}
