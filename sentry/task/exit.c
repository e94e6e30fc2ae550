/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a task, and of a process with its last task: what it held goes first, then the tree is
 * changed under the tasks lock (children find a new parent, the parent is told), as exit(2) says.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "ipc/ipc.h"
#include "task/internal.h"
#include "task/timers.h"
#include "trace/strace.h"
#include "tty/tty.h"

static int64_t to_clock_ticks(int64_t ns)
{
	return ns / 10000000; /* USER_HZ is 100 */
}

/* Counting resident pages takes longer than many a process lives: those report none (ru_maxrss). */
#define RSS_MIN_LIFE_NS (20 * INT64_C(1000000))

static void note_rss(struct task *t)
{
	struct tgroup *g = t->group;
	struct mm_usage usage;

	if (!t->mm || clock_mono_ns() - g->start_time_ns < RSS_MIN_LIFE_NS)
		return;
	mm_usage(t->mm, &usage);
	rwlock_wrlock(&t->kernel->tasks);
	g->dead_usage.maxrss_kb = MAX(g->dead_usage.maxrss_kb, usage.rss / 1024);
	rwlock_unlock(&t->kernel->tasks);
}

static void release_memory(struct task *t)
{
	struct mm *mm = t->mm;

	if (mm) {
		futex_exit_robust(t);
		if (t->clear_child_tid) {
			uint32_t zero = 0;

			if (copy_out(t, t->clear_child_tid, &zero, sizeof(zero)) == 0)
				(void)futex_wake(t, t->clear_child_tid, true, 1, ~0u);
		}
	}
	task_drop_plat(t);
	mutex_lock(&t->mu);
	t->mm = NULL;
	mutex_unlock(&t->mu);
	task_vfork_release(t);
	if (mm)
		mm_unref(mm);
}

static void release_files(struct task *t)
{
	mutex_lock(&t->mu);
	struct fdtable *files = TAKE(t->files);
	struct fs_ctx *fs = TAKE(t->fs);

	mutex_unlock(&t->mu);
	if (files)
		fdtable_unref(files, t);
	if (fs)
		fs_ctx_unref(fs);
}

/* A group that was stopped and lost its last tie to the session: SIGHUP, SIGCONT (POSIX exit()). */
static void check_orphaned(struct pgroup *p, const struct tgroup *ignored)
{
	struct tgroup *g;

	if (!pgroup_orphaned(p, ignored) || !pgroup_has_stopped(p))
		return;
	list_for_each_entry(g, &p->members, pgrp_link)
	{
		struct ksiginfo hup = {.signo = SIGHUP, .code = SI_KERNEL_};
		struct ksiginfo cont = {.signo = SIGCONT, .code = SI_KERNEL_};

		(void)signal_send_group(g, &hup);
		(void)signal_send_group(g, &cont);
	}
}

/* Who takes the children: the nearest ancestor that asked for it, else init. */
static struct tgroup *find_reaper(struct kernel *k, struct tgroup *g)
{
	for (struct tgroup *p = g->parent; p; p = p->parent) {
		if (p->child_subreaper && p->n_tasks > 0)
			return p;
	}
	return k->init && k->init != g && k->init->n_tasks > 0 ? k->init : NULL;
}

/* Tells the parent that @g is a zombie. Returns whether nobody will wait for it. */
static bool notify_exit(struct tgroup *g)
{
	struct tgroup *parent = g->parent;
	bool autoreap = false, send = g->exit_signal != 0;

	if (!parent)
		return true;
	mutex_lock(&parent->sighand->mu);
	if (g->exit_signal == SIGCHLD) {
		struct ksigaction sa = sigaction_get(parent->sighand, SIGCHLD);

		autoreap = sa.handler == SIG_IGN_GUEST || (sa.flags & SA_NOCLDWAIT_G);
		send = sa.handler != SIG_IGN_GUEST;
	}
	if (send && !list_empty(&parent->tasks)) {
		struct cpu_usage usage = g->dead_usage;
		bool signaled = (g->exit_status & 0x7f) != 0;
		struct ksiginfo info = {
			.signo = g->exit_signal,
			.code = signaled ? (g->exit_status & 0x80 ? CLD_DUMPED : CLD_KILLED)
					 : CLD_EXITED,
			.pid = g->pid,
			.uid = task_uid(g->leader),
			.status = signaled ? g->exit_status & 0x7f : g->exit_status >> 8,
			.utime = to_clock_ticks(usage.utime_ns),
			.stime = to_clock_ticks(usage.stime_ns),
		};

		(void)signal_send_locked(parent, NULL, true, &info, NULL);
	}
	mutex_unlock(&parent->sighand->mu);
	return autoreap;
}

static void reparent_children(struct kernel *k, struct tgroup *g)
{
	struct tgroup *reaper = find_reaper(k, g);

	list_for_each_safe(node, &g->children)
	{
		struct tgroup *c = list_entry(node, struct tgroup, sibling_link);
		struct task *i;

		list_remove(&c->sibling_link);
		c->parent = reaper;
		if (reaper)
			list_push_back(&reaper->children, &c->sibling_link);
		mutex_lock(&c->sighand->mu);
		list_for_each_entry(i, &c->tasks, group_link)
		{
			int sig = atomic_load(&i->pdeath_signal);

			if (sig)
				(void)signal_send_locked(
					c, i, true,
					&(struct ksiginfo){.signo = sig,
							   .pid = g->pid,
							   .uid = task_uid(g->leader)},
					NULL);
		}
		mutex_unlock(&c->sighand->mu);
		tgroup_publish_ids(c);
		if (c->zombie) {
			c->exit_signal = SIGCHLD;
			if (notify_exit(c))
				tgroup_reap(k, c);
			else if (c->parent)
				waitq_wake(&c->parent->child_waitq, EPOLLIN);
			continue;
		}
		c->exit_signal = SIGCHLD;
		if (c->pgrp && g->pgrp && c->pgrp != g->pgrp &&
		    c->pgrp->session == g->pgrp->session)
			check_orphaned(c->pgrp, NULL);
	}
}

void tgroup_reap(struct kernel *k, struct tgroup *g)
{
	list_remove(&g->sibling_link);
	list_remove(&g->kernel_link);
	pgroup_leave(k, g);
	pid_bind_group(k, g->pid, NULL);
	pid_bind_task(k, g->leader->tid, NULL);
	atomic_store_explicit(&g->leader->state, TASK_DEAD, memory_order_relaxed);
	task_put(g->leader); /* the number table's: nobody may use g->leader from here on */
	tgroup_put(g);
}

static void kill_all_locked(struct kernel *k, int signo)
{
	struct ksiginfo info = {.signo = signo, .code = SI_USER_, .outside = true};
	struct tgroup *g;

	list_for_each_entry(g, &k->groups, kernel_link)(void) signal_send_group(g, &info);
}

/* The group's last task is gone: the process is a zombie now. [T] exclusive. */
static void group_ended(struct kernel *k, struct tgroup *g)
{
	g->zombie = true;
	atomic_store_explicit(&g->leader->state, TASK_ZOMBIE, memory_order_relaxed);
	reparent_children(k, g);
	if (g->pgrp && g->parent && g->parent->pgrp != g->pgrp && g->parent->pgrp &&
	    g->parent->pgrp->session == g->pgrp->session)
		check_orphaned(g->pgrp, g);

	struct tgroup *parent = g->parent;

	tgroup_get(g);
	if (g == k->init) {
		kill_all_locked(k, SIGKILL);
		k->init_status = g->exit_status;
		atomic_store(&k->init_exited, true);
	}
	if (notify_exit(g))
		tgroup_reap(k, g);
	waitq_wake(&g->child_waitq, EPOLLIN | EPOLLRDNORM); /* pidfd */
	if (parent)
		waitq_wake(&parent->child_waitq, EPOLLIN);
	else
		waitq_wake(&k->exit_waitq, EPOLLIN);
	tgroup_put(g);
}

/* Takes the task out of its group. Returns whether it was the last. [T] exclusive. */
static bool leave_group(struct task *t, int status, bool *stop_completed)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	int64_t user, sys;

	task_cpu_split(t, &user, &sys);
	mutex_lock(&sh->mu);
	/* The thread's clock will be another task's. */
	atomic_store_explicit(&t->cpu_clock, 0, memory_order_relaxed);
	list_remove(&t->group_link);
	g->n_tasks--;
	g->dead_usage.utime_ns += user;
	g->dead_usage.stime_ns += sys;
	g->dead_usage.minflt += atomic_load(&t->minflt);
	g->dead_usage.nvcsw += atomic_load(&t->nvcsw);
	if (t == g->leader && !g->group_exiting)
		g->exit_status = status;
	if (t->stop_pending) {
		t->stop_pending = false;
		if (sh->stop_left > 0 && --sh->stop_left == 0 && g->n_tasks > 0) {
			sh->stopped = true;
			sh->stop_unreported = true;
			*stop_completed = true;
		}
	}
	sigpending_flush(&t->pending, ~UINT64_C(0));
	if (g->exec_task)
		task_wake(g->exec_task);
	mutex_unlock(&sh->mu);
	return g->n_tasks == 0;
}

void task_exit(struct task *t, int status)
{
	struct kernel *k = t->kernel;
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	bool stop_completed = false;

	mutex_lock(&sh->mu);
	t->exiting = true;
	signal_retarget(t, ~t->sigmask);
	mutex_unlock(&sh->mu);
	if (k->strace)
		strace_note(t, "exited with status %#x", status);

	rwlock_rdlock(&k->tasks);
	bool maybe_last = g->n_tasks == 1;

	rwlock_unlock(&k->tasks);
	if (maybe_last)
		note_rss(t);
	release_memory(t);
	release_files(t);
	atomic_fetch_sub(&t->user->n_tasks, 1);
	if (maybe_last)
		ipc_sem_exit(g);
	if (maybe_last)
		timers_stop(g); /* waits for a callback, so not under the lock */

	rwlock_wrlock(&k->tasks);
	if (g->n_tasks == 1 && g->pgrp && g->pgrp->session->sid == g->pid && g->pgrp->session->tty) {
		rwlock_unlock(&k->tasks);
		tty_leader_exit(g); /* before the parent can see the end */
		rwlock_wrlock(&k->tasks);
	}

	bool last = leave_group(t, status, &stop_completed);
	bool leader = t == g->leader;

	if (!leader) {
		pid_bind_task(k, t->tid, NULL);
		atomic_store_explicit(&t->state, TASK_DEAD, memory_order_relaxed);
	} else {
		atomic_store_explicit(&t->state, TASK_ZOMBIE, memory_order_relaxed);
	}
	if (last)
		group_ended(k, g);
	rwlock_unlock(&k->tasks);
	if (last && !maybe_last)
		timers_stop(g); /* two ended at once */
	if (!leader)
		task_put(t); /* the number table's */
	if (stop_completed)
		signal_notify_parent(g, CLD_STOPPED, sh->stop_signo);
}

void task_exit_group(struct task *t, int status)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	signal_kill_group_locked(t->group, status);
	mutex_unlock(&sh->mu);
}

void tasks_kill_all(struct kernel *k, int signo)
{
	rwlock_rdlock(&k->tasks);
	kill_all_locked(k, signo);
	rwlock_unlock(&k->tasks);
}

void tasks_kill_mm(struct kernel *k, const void *mm)
{
	struct tgroup *g;
	struct task *t;

	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link)
	{
		bool uses = false;

		list_for_each_entry(t, &g->tasks, group_link) uses |=
			(const void *)__atomic_load_n(&t->mm, __ATOMIC_RELAXED) == mm;
		if (!uses)
			continue;
		mutex_lock(&g->sighand->mu);
		signal_kill_group_locked(g, SIGKILL);
		mutex_unlock(&g->sighand->mu);
	}
	rwlock_unlock(&k->tasks);
}
