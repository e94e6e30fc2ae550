/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: sending, queueing, taking. Delivery is in sigdeliver.c.
 *
 * Semantics follow signal(7), and where it is silent Linux: a signal below 32 is pending once;
 * ignored signals are dropped when sent unless blocked; SIGCONT and the stop signals cancel each
 * other. Locks: everything under the group's sighand lock [S]; the table of actions, which
 * CLONE_SIGHAND shares between groups, has an own lock inside.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "task/internal.h"
#include "task/timers.h"

int sigactions_new(struct sigactions **ret, struct sigactions *from)
{
	struct sigactions *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	ref_init(&a->ref);
	mutex_init(&a->mu, RANK_TASK);
	if (from) {
		mutex_lock(&from->mu);
		memcpy(a->a, from->a, sizeof(a->a));
		mutex_unlock(&from->mu);
	}
	*ret = a;
	return 0;
}

void sigactions_put(struct sigactions *a)
{
	if (!a || !ref_put(&a->ref))
		return;
	mutex_fini(&a->mu);
	free(a);
}

int sighand_new(struct sighand **ret, struct sigactions *actions)
{
	struct sighand *sh = calloc(1, sizeof(*sh));

	if (!sh)
		return -ENOMEM;
	if (actions) {
		ref_get(&actions->ref);
	} else {
		int r = sigactions_new(&actions, NULL);

		if (r < 0) {
			free(sh);
			return r;
		}
	}
	sh->actions = actions;
	mutex_init(&sh->mu, RANK_SIGHAND);
	list_init(&sh->shared.queue);
	waitq_init(&sh->waitq);
	*ret = sh;
	return 0;
}

void sighand_free(struct sighand *sh)
{
	if (!sh)
		return;
	sigpending_flush(&sh->shared, ~UINT64_C(0));
	sigactions_put(sh->actions);
	mutex_fini(&sh->mu);
	free(sh);
}

struct ksigaction sigaction_get(struct sighand *sh, int signo)
{
	mutex_lock(&sh->actions->mu);
	struct ksigaction sa = sh->actions->a[signo];

	mutex_unlock(&sh->actions->mu);
	return sa;
}

static void sigqueue_free(struct sigqueue *q)
{
	list_remove(&q->link);
	if (q->embedded)
		return;
	if (q->acct) {
		atomic_fetch_sub_explicit(&q->acct->n_signals, 1, memory_order_relaxed);
		user_put(q->acct);
	}
	free(q);
}

void sigpending_flush(struct sigpending *p, sigset64 mask)
{
	if (!(p->set & mask))
		return;
	list_for_each_safe(node, &p->queue)
	{
		struct sigqueue *q = list_entry(node, struct sigqueue, link);

		if (mask & SIGBIT(q->info.signo))
			sigqueue_free(q);
	}
	p->set &= ~mask;
}

void sigqueue_cancel(struct sigpending *p, struct sigqueue *q)
{
	struct sigqueue *other;
	int signo = q->info.signo;

	if (!list_linked(&q->link))
		return;
	list_remove(&q->link);
	list_for_each_entry(other, &p->queue, link)
	{
		if (other->info.signo == signo)
			return;
	}
	p->set &= ~SIGBIT(signo);
}

int signal_default_ignored(int signo)
{
	return signo == SIGCHLD || signo == SIGCONT || signo == SIGURG || signo == SIGWINCH;
}

static sigset64 effective_mask(const struct task *t)
{
	return t->sigmask & ~t->wait_set;
}

void signal_wake_task(struct task *t)
{
	atomic_store_explicit(&t->sig_pending, true, memory_order_seq_cst);
	if (t == task_current())
		return;
	task_wake(t);
	if (t->plat)
		plat_interrupt(t->plat);
}

static bool attention(struct task *t)
{
	struct sighand *sh = t->group->sighand;

	return t->killed || t->stop_pending || sh->notify_parent ||
	       ((t->pending.set | sh->shared.set) & ~effective_mask(t)) != 0;
}

void signal_recalc(struct task *t)
{
	atomic_store_explicit(&t->sig_pending, attention(t), memory_order_seq_cst);
}

bool signal_pending_slow(struct task *t)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool yes = attention(t);

	mutex_unlock(&sh->mu);
	return yes;
}

bool signal_fatal_pending(struct task *t)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool yes = t->killed;

	mutex_unlock(&sh->mu);
	return yes;
}

bool signal_pending_in(struct task *t, sigset64 mask)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool yes = ((t->pending.set | sh->shared.set) & mask) != 0;

	mutex_unlock(&sh->mu);
	return yes;
}

void signal_kill_group_locked(struct tgroup *g, int status)
{
	struct task *t;

	if (!g->group_exiting) {
		g->group_exiting = true;
		g->exit_status = status;
	}
	g->sighand->stop_signo = 0;
	g->sighand->stopped = false;
	list_for_each_entry(t, &g->tasks, group_link)
	{
		t->killed = true;
		t->stop_pending = false;
		signal_wake_task(t);
	}
}

/* What sending does besides queueing: stop signals and SIGCONT cancel each other. */
static void cancel_opposites(struct tgroup *g, int signo)
{
	struct sighand *sh = g->sighand;
	sigset64 mask = 0;
	struct task *t;

	if (SIGBIT(signo) & SIGSET_STOP)
		mask = SIGBIT(SIGCONT);
	else if (signo == SIGCONT)
		mask = SIGSET_STOP;
	if (!mask)
		return;
	sigpending_flush(&sh->shared, mask);
	list_for_each_entry(t, &g->tasks, group_link) sigpending_flush(&t->pending, mask);
	if (signo != SIGCONT)
		return;

	sh->stop_valid = false;
	if (!sh->stop_signo)
		return;
	/* A stop that was under way but not complete is reported as if it had been, as Linux. */
	sh->notify_parent = sh->stopped ? CLD_CONTINUED : CLD_STOPPED;
	if (sh->stopped)
		sh->cont_unreported = true;
	sh->stopped = false;
	sh->stop_unreported = false;
	sh->stop_signo = 0;
	sh->stop_left = 0;
	list_for_each_entry(t, &g->tasks, group_link)
	{
		t->stop_pending = false;
		signal_wake_task(t);
	}
}

static bool is_ignored(struct tgroup *g, struct task *t, const struct ksiginfo *info)
{
	struct sighand *sh = g->sighand;
	int signo = info->signo;

	/* Blocked signals are kept: the action may change before they are unblocked. */
	if (t && (t->sigmask & SIGBIT(signo)))
		return false;

	struct ksigaction sa = sigaction_get(sh, signo);

	if (sh->unkillable && sa.handler == SIG_DFL_GUEST &&
	    !(info->outside && (SIGBIT(signo) & SIGSET_UNMASKABLE)))
		return true;
	return sa.handler == SIG_IGN_GUEST ||
	       (sa.handler == SIG_DFL_GUEST && signal_default_ignored(signo));
}

static int enqueue(struct sigpending *p, struct task *sender_limits, const struct ksiginfo *info,
		   struct sigqueue *embedded)
{
	if (!embedded && info->signo < 32 && (p->set & SIGBIT(info->signo)))
		return 0;

	struct sigqueue *q = embedded;

	if (!q) {
		struct user_acct *acct = sender_limits ? sender_limits->user : NULL;
		bool over = false;

		if (acct) {
			uint32_t n = atomic_fetch_add_explicit(&acct->n_signals, 1,
							       memory_order_relaxed) +
				     1;

			/* Kernel-made standard signals always get an entry, as Linux. */
			over = n > task_rlimit(sender_limits, RLIMIT_SIGPENDING) &&
			       (info->signo >= 32 || info->code == SI_USER_ || info->code < 0);
		}
		q = over ? NULL : calloc(1, sizeof(*q));
		if (!q) {
			if (acct)
				atomic_fetch_sub_explicit(&acct->n_signals, 1,
							  memory_order_relaxed);
			if (info->signo >= 32 && info->code != SI_USER_)
				return -EAGAIN;
			/* The signal itself is not lost, only what it says. */
			p->set |= SIGBIT(info->signo);
			return 0;
		}
		q->acct = acct ? user_ref(acct) : NULL;
	}
	q->info = *info;
	list_push_back(&p->queue, &q->link);
	p->set |= SIGBIT(info->signo);
	return 0;
}

static bool wants(const struct task *t, int signo)
{
	if (t->exiting || t->killed)
		return false;
	if (effective_mask(t) & SIGBIT(signo))
		return false;
	return signo == SIGKILL || !t->stopped;
}

/* Finds a thread that takes the signal and makes it look. */
static void complete(struct tgroup *g, struct task *t, bool group, int signo)
{
	struct task *i;

	if (signo == SIGKILL) {
		signal_kill_group_locked(g, SIGKILL);
		return;
	}
	if (t && wants(t, signo)) {
		signal_wake_task(t);
		return;
	}
	if (!group)
		return;
	list_for_each_entry(i, &g->tasks, group_link)
	{
		if (i != t && wants(i, signo)) {
			signal_wake_task(i);
			return;
		}
	}
}

int signal_send_locked(struct tgroup *g, struct task *t, bool group, const struct ksiginfo *info,
		       struct sigqueue *embedded)
{
	struct sighand *sh = g->sighand;
	struct task *main = t ? t : g->leader;

	if (g->group_exiting)
		return 0;
	if (main->exiting && !list_empty(&g->tasks))
		main = list_first_entry(&g->tasks, struct task, group_link);
	if (!(sh->unkillable && is_ignored(g, main, info)))
		cancel_opposites(g, info->signo);
	if (is_ignored(g, main, info))
		return 1;

	int r = enqueue(group ? &sh->shared : &t->pending, main, info, embedded);

	if (r < 0)
		return r;
	waitq_wake(&sh->waitq, EPOLLIN | EPOLLRDNORM);
	complete(g, main, group, info->signo);
	return 0;
}

int signal_send_task(struct task *t, const struct ksiginfo *info)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	int r = t->exiting ? 0 : signal_send_locked(t->group, t, false, info, NULL);

	mutex_unlock(&sh->mu);
	return r < 0 ? r : 0;
}

int signal_send_group(struct tgroup *g, const struct ksiginfo *info)
{
	struct sighand *sh = g->sighand;

	mutex_lock(&sh->mu);
	int r = list_empty(&g->tasks) ? 0 : signal_send_locked(g, NULL, true, info, NULL);

	mutex_unlock(&sh->mu);
	return r < 0 ? r : 0;
}

int signal_send_pgrp(struct pgroup *p, const struct ksiginfo *info)
{
	struct kernel *k = kernel_get();
	struct tgroup *g;
	int r = -ESRCH;

	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &p->members, pgrp_link)
	{
		int one = signal_send_group(g, info);

		if (r != 0)
			r = one;
	}
	rwlock_unlock(&k->tasks);
	return r;
}

int signal_send_job(struct tgroup *g, const struct ksiginfo *info)
{
	struct kernel *k = kernel_get();
	struct pgroup *p;

	rwlock_rdlock(&k->tasks);
	p = g->pgrp;
	if (p)
		ref_get(&p->ref);
	rwlock_unlock(&k->tasks);

	int r = p ? signal_send_pgrp(p, info) : -ESRCH;

	rwlock_wrlock(&k->tasks);
	pgroup_put(p);
	rwlock_unlock(&k->tasks);
	return r;
}

void signal_force(struct task *t, const struct ksiginfo *info)
{
	struct sighand *sh = t->group->sighand;
	sigset64 bit = SIGBIT(info->signo);

	if (!(bit & (SIGSET_SYNC | SIGBIT(SIGKILL)))) {
		signal_send_task(t, info);
		return;
	}
	mutex_lock(&sh->mu);
	if (info->signo == SIGKILL) {
		signal_kill_group_locked(t->group, SIGKILL);
		mutex_unlock(&sh->mu);
		return;
	}

	struct ksigaction sa = sigaction_get(sh, info->signo);

	if (sa.handler == SIG_IGN_GUEST || (t->sigmask & bit)) {
		mutex_lock(&sh->actions->mu);
		sh->actions->a[info->signo].handler = SIG_DFL_GUEST;
		mutex_unlock(&sh->actions->mu);
		t->sigmask &= ~bit;
		sa.handler = SIG_DFL_GUEST;
	}
	if (sa.handler == SIG_DFL_GUEST)
		sh->unkillable = false; /* init dies of its own faults */
	enqueue(&t->pending, NULL, info, NULL);
	signal_wake_task(t);
	mutex_unlock(&sh->mu);
}

void signal_self(struct task *t, int signo)
{
	signal_send_task(t, &(struct ksiginfo){.signo = signo,
					       .code = SI_USER_,
					       .pid = t->group->pid,
					       .uid = t->cred->uid});
}

/* Takes the signal number that comes first: faults, then the lowest. */
static int pick(const struct sigpending *p, sigset64 mask)
{
	sigset64 set = p->set & mask;

	if (!set)
		return 0;
	if (set & SIGSET_SYNC)
		set &= SIGSET_SYNC;
	return __builtin_ctzll(set) + 1;
}

static bool take(struct sigpending *p, int signo, struct ksiginfo *ret)
{
	struct sigqueue *found = NULL, *q;
	bool more = false;

	list_for_each_entry(q, &p->queue, link)
	{
		if (q->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		p->set &= ~SIGBIT(signo);
	if (!found) {
		*ret = (struct ksiginfo){.signo = signo, .code = SI_USER_};
		return true;
	}
	*ret = found->info;
	sigqueue_free(found);
	return true;
}

bool signal_dequeue_locked(struct task *t, sigset64 mask, struct ksiginfo *ret)
{
	struct sighand *sh = t->group->sighand;
	struct sigpending *from = &t->pending;
	int signo = pick(from, mask);

	if (!signo) {
		from = &sh->shared;
		signo = pick(from, mask);
	}
	if (!signo)
		return false;
	take(from, signo, ret);
	if (SIGBIT(signo) & SIGSET_STOP)
		sh->stop_valid = true;
	return true;
}

void signal_dequeued(struct task *t, struct ksiginfo *info)
{
	if (info->code == SI_TIMER_)
		timers_signal_taken(t->group, info);
	else if (info->signo == SIGALRM)
		timers_alarm_taken(t->group);
}

int signal_dequeue(struct task *t, sigset64 mask, struct ksiginfo *ret)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool got = signal_dequeue_locked(t, mask & ~SIGSET_UNMASKABLE, ret);

	signal_recalc(t);
	mutex_unlock(&sh->mu);
	if (!got)
		return -EAGAIN;
	signal_dequeued(t, ret);
	return 0;
}

struct waitq *signal_waitq(struct task *t)
{
	return &t->group->sighand->waitq;
}

void signal_retarget(struct task *t, sigset64 newly_blocked)
{
	struct sighand *sh = t->group->sighand;
	sigset64 want = sh->shared.set & newly_blocked;
	struct task *i;

	if (!want)
		return;
	list_for_each_entry(i, &t->group->tasks, group_link)
	{
		sigset64 takes = want & ~effective_mask(i);

		if (i == t || i->exiting || !takes)
			continue;
		signal_wake_task(i);
		want &= ~takes;
		if (!want)
			return;
	}
}

static void set_mask_locked(struct task *t, sigset64 mask)
{
	mask &= ~SIGSET_UNMASKABLE;
	signal_retarget(t, mask & ~t->sigmask);
	t->sigmask = mask;
	signal_recalc(t);
}

void signal_set_mask(struct task *t, sigset64 mask)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	set_mask_locked(t, mask);
	mutex_unlock(&sh->mu);
}

void signal_set_temp_mask(struct task *t, sigset64 mask)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	if (!t->restore_sigmask) {
		t->saved_sigmask = t->sigmask;
		t->restore_sigmask = true;
	}
	set_mask_locked(t, mask);
	mutex_unlock(&sh->mu);
}

void signal_get_sets(struct task *t, struct signal_sets *ret)
{
	struct sighand *sh = t->group->sighand;

	*ret = (struct signal_sets){0};
	mutex_lock(&sh->mu);
	ret->pending = t->pending.set;
	ret->shared = sh->shared.set;
	ret->blocked = t->sigmask;
	mutex_lock(&sh->actions->mu);
	for (int sig = 1; sig <= NSIG_GUEST; sig++) {
		uint64_t h = sh->actions->a[sig].handler;

		if (h == SIG_IGN_GUEST)
			ret->ignored |= SIGBIT(sig);
		else if (h != SIG_DFL_GUEST)
			ret->caught |= SIGBIT(sig);
	}
	mutex_unlock(&sh->actions->mu);
	ret->queued = t->user ? atomic_load(&t->user->n_signals) : 0;
	mutex_unlock(&sh->mu);
}
