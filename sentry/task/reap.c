/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2), waitid(2): looking for a child that changed state, and sleeping until one does. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "task/internal.h"

static bool eligible(const struct tgroup *c, const struct task *t, const struct wait_opts *o)
{
	switch ((idtype_t)o->idtype) {
	case P_ALL:
		break;
	case P_PID:
		if (c->pid != o->id)
			return false;
		break;
	case P_PGID: {
		int32_t pgid = o->id ? o->id : t->group->pgrp->pgid;

		if (!c->pgrp || c->pgrp->pgid != pgid)
			return false;
		break;
	}
	case P_PIDFD:
		return false; /* resolved by the caller */
	}
	if (o->options & __WALL)
		return true;
	return (c->exit_signal != SIGCHLD) == ((o->options & __WCLONE) != 0);
}

static void fill(struct wait_result *ret, struct tgroup *c, int status, int code, int sig_status)
{
	ret->pid = c->pid;
	ret->uid = task_uid(c->leader);
	ret->status = status;
	ret->code = code;
	ret->sig_status = sig_status;
	tgroup_usage(c, &ret->usage);
	cpu_usage_add(&ret->usage, &c->children_usage);
}

static bool take_zombie(struct task *t, struct tgroup *c, const struct wait_opts *o,
			struct wait_result *ret)
{
	if (!c->zombie || !(o->options & WEXITED))
		return false;

	int status = c->exit_status;

	if (status & 0x7f)
		fill(ret, c, status, status & 0x80 ? CLD_DUMPED : CLD_KILLED, status & 0x7f);
	else
		fill(ret, c, status, CLD_EXITED, status >> 8);
	if (!(o->options & WNOWAIT)) {
		cpu_usage_add(&t->group->children_usage, &ret->usage);
		tgroup_reap(t->kernel, c);
	}
	return true;
}

static bool take_stopped(struct tgroup *c, const struct wait_opts *o, struct wait_result *ret)
{
	struct sighand *sh = c->sighand;
	int code = 0, signo = 0;

	mutex_lock(&sh->mu);
	if ((o->options & WSTOPPED) && sh->stopped && sh->stop_unreported) {
		code = CLD_STOPPED;
		signo = sh->stop_signo;
		if (!(o->options & WNOWAIT))
			sh->stop_unreported = false;
	} else if ((o->options & WCONTINUED) && sh->cont_unreported) {
		code = CLD_CONTINUED;
		signo = SIGCONT;
		if (!(o->options & WNOWAIT))
			sh->cont_unreported = false;
	}
	mutex_unlock(&sh->mu);
	if (!code)
		return false;
	fill(ret, c, code == CLD_STOPPED ? (signo << 8) | 0x7f : 0xffff, code, signo);
	return true;
}

/* -EAGAIN: there are such children, none has changed. */
static int scan(struct task *t, const struct wait_opts *o, struct wait_result *ret)
{
	struct kernel *k = t->kernel;
	int r = -ECHILD;

	rwlock_wrlock(&k->tasks);
	list_for_each_safe(node, &t->group->children)
	{
		struct tgroup *c = list_entry(node, struct tgroup, sibling_link);

		if (!eligible(c, t, o))
			continue;
		r = -EAGAIN;
		if (take_zombie(t, c, o, ret) || (!c->zombie && take_stopped(c, o, ret))) {
			r = 1;
			break;
		}
	}
	rwlock_unlock(&k->tasks);
	return r;
}

int task_wait_child(struct task *t, const struct wait_opts *opts, struct wait_result *ret)
{
	struct task_waiter w;
	int r;

	memset(ret, 0, sizeof(*ret));
	task_waiter_init(&w, t);
	waitq_add(&t->group->child_waitq, &w.waiter, EPOLLIN);
	for (;;) {
		task_wait_begin(t);
		r = scan(t, opts, ret);
		if (r != -EAGAIN)
			break;
		if (opts->options & WNOHANG) {
			r = 0;
			break;
		}
		r = task_wait(t, WAIT_FOREVER);
		if (r < 0) {
			/* The signal may be the child's: its change counts first. */
			int again = scan(t, opts, ret);

			r = again == -EAGAIN ? r : again;
			break;
		}
	}
	waitq_del(&w.waiter);
	return r;
}
