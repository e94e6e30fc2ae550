/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: what a task does about its signals before it goes back to the guest. Handlers get a
 * frame (sigframe.c); default actions end, stop or continue the process; interrupted calls restart
 * or fail as signal(7) and restart_syscall(2) say. Runs on the task's own thread, without locks
 * held.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "task/internal.h"
#include "trace/strace.h"

#define NR_RESTART_SYSCALL 219

static int64_t to_clock_ticks(int64_t ns)
{
	return ns / 10000000; /* USER_HZ is 100 */
}

void signal_notify_parent(struct tgroup *g, int cld_code, int signo)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	struct tgroup *parent = g->parent;

	if (parent) {
		struct cpu_usage usage;

		tgroup_usage(g, &usage);
		mutex_lock(&parent->sighand->mu);
		struct ksigaction sa = sigaction_get(parent->sighand, SIGCHLD);

		if (sa.handler != SIG_IGN_GUEST && !(sa.flags & SA_NOCLDSTOP_G) &&
		    !list_empty(&parent->tasks)) {
			struct ksiginfo info = {
				.signo = SIGCHLD,
				.code = cld_code,
				.pid = g->pid,
				.uid = task_uid(g->leader),
				.status = signo,
				.utime = to_clock_ticks(usage.utime_ns),
				.stime = to_clock_ticks(usage.stime_ns),
			};

			signal_send_locked(parent, NULL, true, &info, NULL);
		}
		mutex_unlock(&parent->sighand->mu);
		waitq_wake(&parent->child_waitq, EPOLLIN);
	}
	rwlock_unlock(&k->tasks);
}

/* Sleeps until SIGCONT or SIGKILL. Enters with [S] held, leaves without. */
static void stop_self(struct task *t)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	int signo = sh->stop_signo;
	bool last = false;

	t->stop_pending = false;
	t->stopped = true;
	if (sh->stop_left > 0 && --sh->stop_left == 0) {
		sh->stopped = true;
		sh->stop_unreported = true;
		last = true;
	}
	mutex_unlock(&sh->mu);
	if (last)
		signal_notify_parent(g, CLD_STOPPED, signo);
	for (;;) {
		task_wait_begin(t);
		mutex_lock(&sh->mu);
		bool still = sh->stop_signo != 0 && !t->killed;

		if (!still)
			t->stopped = false;
		mutex_unlock(&sh->mu);
		if (!still)
			return;
		task_wait_killable(t, WAIT_FOREVER);
	}
}

/* The default action of a stop signal. Enters and leaves with [S] held. */
static void stop_group(struct task *t, int signo)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	struct task *i;

	if (signo != SIGSTOP) {
		struct kernel *k = t->kernel;

		mutex_unlock(&sh->mu);
		rwlock_rdlock(&k->tasks);
		bool orphaned = !g->pgrp || pgroup_orphaned(g->pgrp, NULL);

		rwlock_unlock(&k->tasks);
		mutex_lock(&sh->mu);
		if (orphaned)
			return;
	}
	if (!sh->stop_valid || g->group_exiting || sh->stop_signo)
		return;
	sh->stop_signo = signo;
	sh->stop_left = 0;
	sh->stopped = false;
	sh->cont_unreported = false;
	list_for_each_entry(i, &g->tasks, group_link)
	{
		if (i->exiting)
			continue;
		i->stop_pending = true;
		sh->stop_left++;
		if (i != t)
			signal_wake_task(i);
	}
}

static void rewind_syscall(struct task *t, uint64_t nr)
{
	t->regs.rax = nr;
	t->regs.rip -= 2; /* length of syscall(2)'s instruction */
	t->regs_full = true;
}

static void restart_without_handler(struct task *t)
{
	int kind = t->restart;

	t->restart = 0;
	if (kind == ERESTART_RESTARTBLOCK)
		rewind_syscall(t, NR_RESTART_SYSCALL);
	else if (kind)
		rewind_syscall(t, t->regs.orig_rax);
}

static void restart_before_handler(struct task *t, const struct ksigaction *sa)
{
	int kind = t->restart;

	t->restart = 0;
	if (!kind)
		return;
	if (kind == ERESTARTNOINTR || (kind == ERESTARTSYS && (sa->flags & SA_RESTART_G)))
		rewind_syscall(t, t->regs.orig_rax);
	else
		t->regs.rax = (uint64_t)-EINTR;
}

/* Runs the handler of @info next. Returns false when the frame could not be written. */
static void run_handler(struct task *t, const struct ksigaction *sa, const struct ksiginfo *info)
{
	struct sighand *sh = t->group->sighand;

	restart_before_handler(t, sa);

	int r = sigframe_push(t, sa, info);

	t->regs_full = true;
	t->regs.orig_rax = (uint64_t)-1;
	if (r < 0) {
		/* As Linux: SIGSEGV, and if that was the signal, nothing can catch it. */
		if (info->signo == SIGSEGV) {
			mutex_lock(&sh->mu);
			mutex_lock(&sh->actions->mu);
			sh->actions->a[SIGSEGV].handler = SIG_DFL_GUEST;
			mutex_unlock(&sh->actions->mu);
			mutex_unlock(&sh->mu);
		}
		signal_force(t, &(struct ksiginfo){.signo = SIGSEGV, .code = SI_KERNEL_});
		return;
	}
	t->restore_sigmask = false;

	sigset64 mask = t->sigmask | sa->mask;

	if (!(sa->flags & SA_NODEFER_G))
		mask |= SIGBIT(info->signo);
	signal_set_mask(t, mask);
}

static void log_signal(struct task *t, const struct ksiginfo *info)
{
	if (t->kernel->strace)
		strace_note(t, "%s {si_signo=%d, si_code=%d, si_pid=%d, si_addr=%#lx}",
			    sigabbrev_np(info->signo) ? sigabbrev_np(info->signo) : "RT",
			    info->signo, info->code, info->pid, (unsigned long)info->addr);
}

/* One signal that was taken, under [S]; leaves with [S] held. True: a handler was set up. */
static bool deliver(struct task *t, struct ksiginfo *info)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	int signo = info->signo;
	struct ksigaction sa = sigaction_get(sh, signo);

	if (sa.handler == SIG_IGN_GUEST)
		return false;
	if (sa.handler != SIG_DFL_GUEST) {
		if (sa.flags & SA_RESETHAND_G) {
			mutex_lock(&sh->actions->mu);
			sh->actions->a[signo].handler = SIG_DFL_GUEST;
			mutex_unlock(&sh->actions->mu);
		}
		mutex_unlock(&sh->mu);
		log_signal(t, info);
		signal_dequeued(t, info);
		run_handler(t, &sa, info);
		mutex_lock(&sh->mu);
		return true;
	}
	if (signal_default_ignored(signo))
		return false;
	if (sh->unkillable && !(info->outside && (SIGBIT(signo) & SIGSET_UNMASKABLE)))
		return false;
	if (SIGBIT(signo) & SIGSET_STOP) {
		stop_group(t, signo);
		return false;
	}
	log_signal(t, info);
	signal_kill_group_locked(g, signo);
	return false;
}

void signal_work(struct task *t)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;

	mutex_lock(&sh->mu);
	for (;;) {
		struct ksiginfo info;

		if (t->killed) {
			t->must_exit = true;
			t->exit_status = g->group_exiting ? g->exit_status : 0;
			break;
		}
		if (sh->notify_parent) {
			int code = sh->notify_parent;

			sh->notify_parent = 0;
			mutex_unlock(&sh->mu);
			signal_notify_parent(g, code, SIGCONT);
			mutex_lock(&sh->mu);
			continue;
		}
		if (t->stop_pending) {
			stop_self(t);
			mutex_lock(&sh->mu);
			continue;
		}
		if (!signal_dequeue_locked(t, ~t->sigmask, &info)) {
			signal_recalc(t);
			break;
		}
		if (!deliver(t, &info) && (info.code == SI_TIMER_ || info.signo == SIGALRM)) {
			mutex_unlock(&sh->mu);
			signal_dequeued(t, &info);
			mutex_lock(&sh->mu);
		}
	}
	mutex_unlock(&sh->mu);
	if (t->must_exit)
		return;
	restart_without_handler(t);
	if (t->restore_sigmask) {
		t->restore_sigmask = false;
		signal_set_mask(t, t->saved_sigmask);
		/* The old mask may let something through. */
		if (signal_pending(t))
			signal_work(t);
	}
}
