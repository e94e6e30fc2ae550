/* SPDX-License-Identifier: Apache-2.0 */
/* Task and process objects: birth, death of the memory, look-up, ids, CPU time.
 * See task.h for the locks; run.c for the loop that a task's thread runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sentry/boot.h"
#include "task/internal.h"
#include "task/timers.h"

static uint64_t host_memory;

/* Read at start, before the process may no longer ask. */
__attribute__((constructor)) static void read_host_memory(void)
{
	host_memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE_SIZE;
}

uint64_t system_total_memory(const struct kernel *k)
{
	uint64_t limit = k->cfg ? k->cfg->memory_limit : 0;

	return limit && limit < host_memory ? limit : host_memory;
}

struct tgroup *tgroup_new(struct kernel *k, struct sigactions *actions)
{
	struct tgroup *g = calloc(1, sizeof(*g));

	(void)k;
	if (!g)
		return NULL;
	ref_init(&g->ref);
	list_init(&g->tasks);
	list_init(&g->children);
	mutex_init(&g->limits_mu, RANK_LEAF);
	waitq_init(&g->child_waitq);
	atomic_init(&g->dumpable, 1);
	g->exit_signal = SIGCHLD;
	g->start_time_ns = clock_mono_ns();
	if (sighand_new(&g->sighand, actions) < 0 || !(g->timers = task_timers_new(g))) {
		tgroup_put(g);
		return NULL;
	}
	return g;
}

void tgroup_put(struct tgroup *g)
{
	if (!g || !ref_put(&g->ref))
		return;
	task_timers_free(g->timers);
	sighand_free(g->sighand);
	waitq_fini(&g->child_waitq);
	mutex_fini(&g->limits_mu);
	free(g);
}

struct task *task_new(struct kernel *k, struct tgroup *g)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	ref_init(&t->ref);
	mutex_init(&t->mu, RANK_TASK);
	t->kernel = k;
	t->group = tgroup_get(g);
	t->wait.v = 1;
	list_init(&t->pending.queue);
	t->altstack.flags = 2; /* SS_DISABLE */
	t->start_time_ns = clock_mono_ns();
	t->timer_slack_ns = 50000;
	t->regs.orig_rax = (uint64_t)-1;
	for (uint32_t cpu = 0; cpu < k->n_cpus && cpu < 1024; cpu++)
		t->cpu_mask[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	return t;
}

void task_put(struct task *t)
{
	if (!t || !ref_put(&t->ref))
		return;
	sigpending_flush(&t->pending, ~UINT64_C(0));
	cred_put(t->cred);
	user_put(t->user);
	mutex_fini(&t->mu);
	tgroup_put(t->group);
	free(t);
}

struct task *task_find(struct kernel *k, int32_t tid)
{
	rwlock_rdlock(&k->tasks);
	struct task *t = pid_task(k, tid);

	if (t)
		task_get(t);
	rwlock_unlock(&k->tasks);
	return t;
}

struct tgroup *tgroup_find(struct kernel *k, int32_t pid)
{
	rwlock_rdlock(&k->tasks);
	struct tgroup *g = pid_group(k, pid);

	if (g)
		tgroup_get(g);
	rwlock_unlock(&k->tasks);
	return g;
}

size_t tgroups_get(struct kernel *k, struct tgroup **ret, size_t max)
{
	struct tgroup *g;
	size_t n = 0;

	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link)
	{
		if (n < max && g->leader && ref_get_unless_zero(&g->ref))
			ret[n++] = g;
	}
	rwlock_unlock(&k->tasks);
	return n;
}

static int32_t ppid_locked(const struct tgroup *g)
{
	return g->parent ? g->parent->pid : 0;
}

int32_t tgroup_ppid(struct tgroup *g)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	int32_t pid = ppid_locked(g);

	rwlock_unlock(&k->tasks);
	return pid;
}

int32_t tgroup_pgid(struct tgroup *g)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	int32_t pgid = g->pgrp ? g->pgrp->pgid : 0;

	rwlock_unlock(&k->tasks);
	return pgid;
}

int32_t tgroup_sid(struct tgroup *g)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	int32_t sid = g->pgrp ? g->pgrp->session->sid : 0;

	rwlock_unlock(&k->tasks);
	return sid;
}

char task_state_char(struct task *t)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool stopped = t->stopped;

	mutex_unlock(&sh->mu);
	switch ((enum task_state)atomic_load_explicit(&t->state, memory_order_relaxed)) {
	case TASK_RUNNING:
		return stopped ? 'T' : 'R';
	case TASK_SLEEPING:
		return stopped ? 'T' : 'S';
	case TASK_STOPPED:
		return 'T';
	case TASK_ZOMBIE:
		return 'Z';
	case TASK_DEAD:
		return 'X';
	}
	return '?';
}

struct mm *task_get_mm(struct task *t)
{
	mutex_lock(&t->mu);
	struct mm *mm = t->mm;

	if (mm)
		mm_ref(mm);
	mutex_unlock(&t->mu);
	return mm;
}

struct fdtable *task_get_files(struct task *t)
{
	mutex_lock(&t->mu);
	struct fdtable *files = t->files ? fdtable_ref(t->files) : NULL;

	mutex_unlock(&t->mu);
	return files;
}

struct fs_ctx *task_get_fs(struct task *t)
{
	mutex_lock(&t->mu);
	struct fs_ctx *fs = t->fs;

	if (fs)
		ref_get(&fs->ref);
	mutex_unlock(&t->mu);
	return fs;
}

const struct cred *task_get_cred(struct task *t)
{
	mutex_lock(&t->mu);
	const struct cred *c = cred_get(t->cred);

	mutex_unlock(&t->mu);
	return c;
}

void task_get_comm(struct task *t, char comm[16])
{
	mutex_lock(&t->mu);
	memcpy(comm, t->comm, 16);
	mutex_unlock(&t->mu);
}

void task_set_comm(struct task *t, const char *comm)
{
	mutex_lock(&t->mu);
	memset(t->comm, 0, sizeof(t->comm));
	strncpy(t->comm, comm, sizeof(t->comm) - 1);
	mutex_unlock(&t->mu);
}

/* Under [S], so that t->plat stays. */
static void publish_ids_locked(struct task *t)
{
	struct tgroup *g = t->group;

	if (!t->plat)
		return;
	mutex_lock(&t->mu);

	struct plat_ids ids = {
		.pid = g->pid,
		.tid = t->tid,
		.ppid = ppid_locked(g),
		.pgid = g->pgrp ? g->pgrp->pgid : 0,
		.sid = g->pgrp ? g->pgrp->session->sid : 0,
		.uid = t->cred->uid,
		.euid = t->cred->euid,
		.gid = t->cred->gid,
		.egid = t->cred->egid,
	};

	mutex_unlock(&t->mu);
	plat_thread_set_ids(t->plat, &ids);
}

void task_publish_ids(struct task *t)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	publish_ids_locked(t);
	mutex_unlock(&sh->mu);
}

void tgroup_publish_ids(struct tgroup *g)
{
	struct sighand *sh = g->sighand;
	struct task *t;

	mutex_lock(&sh->mu);
	list_for_each_entry(t, &g->tasks, group_link) publish_ids_locked(t);
	mutex_unlock(&sh->mu);
}

int task_ensure_plat(struct task *t)
{
	struct sighand *sh = t->group->sighand;
	struct kernel *k = t->kernel;
	struct plat_space *space;
	struct plat_thread *plat;
	int r;

	if (t->plat)
		return 0;
	r = mm_space(t->mm, &space);
	if (r < 0)
		return r;
	r = plat_thread_new(&plat, space, NULL);
	if (r < 0)
		return r;
	rwlock_rdlock(&k->tasks);
	mutex_lock(&sh->mu);
	t->plat = plat;
	publish_ids_locked(t);
	mutex_unlock(&sh->mu);
	rwlock_unlock(&k->tasks);
	t->regs_full = true;
	return 0;
}

void task_drop_plat(struct task *t)
{
	struct sighand *sh = t->group->sighand;
	struct plat_thread *plat = t->plat;

	if (!plat)
		return;

	int64_t used = plat_thread_cpu_ns(plat);

	mutex_lock(&sh->mu);
	t->plat = NULL;
	mutex_unlock(&sh->mu);
	atomic_fetch_add_explicit(&t->stub_cpu_ns, used, memory_order_relaxed);
	plat_thread_free(plat);
}

/* Under [S] or on the task's own thread. */
static void cpu_split_locked(struct task *t, int64_t *user_ns, int64_t *system_ns)
{
	clockid_t clock = atomic_load_explicit(&t->cpu_clock, memory_order_acquire);
	struct timespec ts;

	*user_ns = atomic_load_explicit(&t->stub_cpu_ns, memory_order_relaxed);
	if (t->plat)
		*user_ns += plat_thread_cpu_ns(t->plat);
	*system_ns = 0;
	if (clock != 0 && clock_gettime(clock, &ts) == 0)
		*system_ns = (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec - t->cpu_base_ns;
}

void task_cpu_split(struct task *t, int64_t *user_ns, int64_t *system_ns)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	cpu_split_locked(t, user_ns, system_ns);
	mutex_unlock(&sh->mu);
}

int64_t task_cpu_ns(struct task *t)
{
	int64_t user, sys;

	task_cpu_split(t, &user, &sys);
	return user + sys;
}

/* [T] held, or the caller accepts that a task that ends meanwhile counts twice or not at all. */
void tgroup_usage(struct tgroup *g, struct cpu_usage *ret)
{
	struct task *t;

	mutex_lock(&g->sighand->mu);
	*ret = g->dead_usage;
	list_for_each_entry(t, &g->tasks, group_link)
	{
		int64_t user, sys;

		cpu_split_locked(t, &user, &sys);
		ret->utime_ns += user;
		ret->stime_ns += sys;
		ret->minflt += atomic_load_explicit(&t->minflt, memory_order_relaxed);
		ret->nvcsw += atomic_load_explicit(&t->nvcsw, memory_order_relaxed);
	}
	mutex_unlock(&g->sighand->mu);
}

void cpu_usage_add(struct cpu_usage *to, const struct cpu_usage *what)
{
	to->utime_ns += what->utime_ns;
	to->stime_ns += what->stime_ns;
	to->minflt += what->minflt;
	to->majflt += what->majflt;
	to->nvcsw += what->nvcsw;
	to->nivcsw += what->nivcsw;
	to->maxrss_kb = MAX(to->maxrss_kb, what->maxrss_kb);
}

void tgroup_cpu_split(struct tgroup *g, int64_t *user_ns, int64_t *system_ns)
{
	struct cpu_usage usage;

	tgroup_usage(g, &usage);
	*user_ns = usage.utime_ns;
	*system_ns = usage.stime_ns;
}

int64_t tgroup_cpu_ns(struct tgroup *g)
{
	int64_t user, sys;

	tgroup_cpu_split(g, &user, &sys);
	return user + sys;
}
