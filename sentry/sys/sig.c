/* SPDX-License-Identifier: Apache-2.0 */
/* sigaction(2), kill(2) and their kin: decoding, permissions. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <time.h>

#include "sys/table.h"
#include "task/internal.h"

#define SYSCALL(nr, name, args, result) long sys_##name(struct task *t, const struct sysargs *a);
#include "sys/sig.def"
#undef SYSCALL

#define MIN_ALTSTACK 2048
/* What a sigaction's flags may hold; the rest is cleared, as Linux since 5.11. */
#define SA_KNOWN 0xdc000807u

/* --- actions and masks --- */

struct guest_sigaction {
	uint64_t handler, flags, restorer, mask;
};

static bool ignores(int signo, const struct ksigaction *sa)
{
	return sa->handler == SIG_IGN_GUEST ||
	       (sa->handler == SIG_DFL_GUEST && signal_default_ignored(signo));
}

static void set_action(struct task *t, int signo, const struct ksigaction *new,
		       struct ksigaction *old)
{
	struct tgroup *g = t->group;
	struct sighand *sh = g->sighand;
	struct task *i;

	mutex_lock(&sh->mu);
	mutex_lock(&sh->actions->mu);
	*old = sh->actions->a[signo];
	if (new)
		sh->actions->a[signo] = *new;
	mutex_unlock(&sh->actions->mu);
	/* POSIX 2.4.3: pending signals that become ignored are discarded, blocked or not. */
	if (new &&ignores(signo, new)) {
		sigpending_flush(&sh->shared, SIGBIT(signo));
		list_for_each_entry(i, &g->tasks, group_link)
			sigpending_flush(&i->pending, SIGBIT(signo));
	}
	mutex_unlock(&sh->mu);
}

long sys_rt_sigaction(struct task *t, const struct sysargs *a)
{
	int signo = (int)a->a[0];
	struct guest_sigaction u;
	struct ksigaction new = {0}, old;

	if (a->a[3] != sizeof(sigset64))
		return -EINVAL;
	if (a->a[1]) {
		if (copy_in(t, &u, a->a[1], sizeof(u)) < 0)
			return -EFAULT;
		new = (struct ksigaction){.handler = u.handler,
					  .flags = u.flags & SA_KNOWN,
					  .restorer = u.restorer,
					  .mask = u.mask & ~SIGSET_UNMASKABLE};
	}
	if (signo < 1 || signo > NSIG_GUEST || (a->a[1] && (SIGBIT(signo) & SIGSET_UNMASKABLE)))
		return -EINVAL;
	set_action(t, signo, a->a[1] ? &new : NULL, &old);
	if (a->a[2]) {
		u = (struct guest_sigaction){old.handler, old.flags, old.restorer, old.mask};
		if (copy_out(t, a->a[2], &u, sizeof(u)) < 0)
			return -EFAULT;
	}
	return 0;
}

long sys_rt_sigprocmask(struct task *t, const struct sysargs *a)
{
	sigset64 old = t->sigmask, set;

	if (a->a[3] != sizeof(sigset64))
		return -EINVAL;
	if (a->a[1]) {
		if (copy_in(t, &set, a->a[1], sizeof(set)) < 0)
			return -EFAULT;
		set &= ~SIGSET_UNMASKABLE;
		switch ((int)a->a[0]) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		if (set != old)
			signal_set_mask(t, set);
	}
	if (a->a[2] && copy_out(t, a->a[2], &old, sizeof(old)) < 0)
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(struct task *t, const struct sysargs *a)
{
	struct sighand *sh = t->group->sighand;

	if (a->a[1] > sizeof(sigset64))
		return -EINVAL;
	mutex_lock(&sh->mu);
	sigset64 set = (t->pending.set | sh->shared.set) & t->sigmask;

	mutex_unlock(&sh->mu);
	return copy_out(t, a->a[0], &set, a->a[1]);
}

long sys_sigaltstack(struct task *t, const struct sysargs *a)
{
	struct {
		uint64_t sp;
		int32_t flags, pad;
		uint64_t size;
	} new = {0}, old = {
			     .sp = t->altstack.sp,
			     .size = t->altstack.size,
			     .flags = sigaltstack_flags(t, t->regs.rsp) |
				      (t->altstack.flags & (int)0x80000000u /* SS_AUTODISARM */),
		     };
	int r = 0;

	if (a->a[0]) {
		if (copy_in(t, &new, a->a[0], sizeof(new)) < 0)
			return -EFAULT;
		r = sigaltstack_set(t, new.sp, new.flags, new.size, MIN_ALTSTACK);
	}
	if (r == 0 && a->a[1])
		r = copy_out(t, a->a[1], &old, sizeof(old));
	return r;
}

long sys_rt_sigreturn(struct task *t, const struct sysargs *a)
{
	(void)a;
	return sigframe_pop(t);
}

long sys_restart_syscall(struct task *t, const struct sysargs *a)
{
	long (*fn)(struct task *) = t->restart_fn;

	(void)a;
	t->restart_fn = NULL;
	return fn ? fn(t) : -EINTR;
}

/* --- waiting --- */

long sys_pause(struct task *t, const struct sysargs *a)
{
	(void)a;
	for (;;) {
		task_wait_begin(t);
		if (task_wait(t, WAIT_FOREVER) < 0)
			return -ERESTARTNOHAND;
	}
}

long sys_rt_sigsuspend(struct task *t, const struct sysargs *a)
{
	sigset64 set;

	if (a->a[1] != sizeof(sigset64))
		return -EINVAL;
	if (copy_in(t, &set, a->a[0], sizeof(set)) < 0)
		return -EFAULT;
	signal_set_temp_mask(t, set);
	return sys_pause(t, a);
}

static void set_wait_set(struct task *t, sigset64 set)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	t->wait_set = set;
	signal_recalc(t);
	mutex_unlock(&sh->mu);
}

static int wait_signal(struct task *t, sigset64 set, int64_t deadline, struct ksiginfo *info)
{
	int r = signal_dequeue(t, set, info);

	if (r == 0 || deadline == 0)
		return r;
	/* The signals count as unblocked while we sleep, so that senders choose and wake us. */
	set_wait_set(t, set);
	for (;;) {
		task_wait_begin(t);
		r = signal_dequeue(t, set, info);
		if (r == 0)
			break;
		r = task_wait(t, deadline);
		if (r == 0)
			continue;
		/* One may have come together with the end. */
		int got = signal_dequeue(t, set, info);

		r = got == 0 ? 0 : r == -ETIMEDOUT ? -EAGAIN : -EINTR;
		break;
	}
	set_wait_set(t, 0);
	return r;
}

long sys_rt_sigtimedwait(struct task *t, const struct sysargs *a)
{
	int64_t deadline = WAIT_FOREVER;
	struct ksiginfo info;
	struct timespec ts;
	sigset64 set;

	if (a->a[3] != sizeof(sigset64))
		return -EINVAL;
	if (copy_in(t, &set, a->a[0], sizeof(set)) < 0)
		return -EFAULT;
	if (a->a[2]) {
		if (copy_in(t, &ts, a->a[2], sizeof(ts)) < 0)
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_SEC)
			return -EINVAL;
		if (ts.tv_sec == 0 && ts.tv_nsec == 0)
			deadline = 0;
		else if (ts.tv_sec < INT64_MAX / NS_PER_SEC / 2)
			deadline = clock_mono_ns() + ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	}

	int r = wait_signal(t, set & ~SIGSET_UNMASKABLE, deadline, &info);

	if (r < 0)
		return r;
	if (a->a[1]) {
		uint8_t raw[SIGINFO_SIZE];

		siginfo_encode(raw, &info);
		if (copy_out(t, a->a[1], raw, sizeof(raw)) < 0)
			return -EFAULT;
	}
	return info.signo;
}

/* --- sending --- */

bool task_may_signal(struct task *t, struct task *target, int signo)
{
	const struct cred *mine = t->cred, *theirs;
	bool may;

	if (target->group == t->group)
		return true;
	theirs = task_get_cred(target);
	may = mine->euid == theirs->suid || mine->euid == theirs->uid ||
	      mine->uid == theirs->suid || mine->uid == theirs->uid || cred_has_cap(mine, CAP_KILL);
	cred_put(theirs);
	if (!may && signo == SIGCONT)
		may = target->group->pgrp && t->group->pgrp &&
		      target->group->pgrp->session == t->group->pgrp->session;
	return may;
}

static struct ksiginfo user_info(struct task *t, int signo, int code)
{
	return (struct ksiginfo){
		.signo = signo, .code = code, .pid = t->group->pid, .uid = t->cred->uid};
}

/* Under the tasks lock. @signo 0 only asks. */
static int send_to_group(struct task *t, struct tgroup *g, const struct ksiginfo *info)
{
	if (info->signo < 0 || info->signo > NSIG_GUEST)
		return -EINVAL;
	if (!task_may_signal(t, g->leader, info->signo))
		return -EPERM;
	return info->signo ? signal_send_group(g, info) : 0;
}

static int kill_pgrp(struct task *t, struct pgroup *p, const struct ksiginfo *info)
{
	struct tgroup *g;
	int r = -ESRCH;
	bool any = false;

	if (!p)
		return -ESRCH;
	list_for_each_entry(g, &p->members, pgrp_link)
	{
		int one = send_to_group(t, g, info);

		any |= one == 0;
		r = one;
	}
	return any ? 0 : r;
}

static int kill_all(struct task *t, const struct ksiginfo *info)
{
	struct kernel *k = t->kernel;
	struct tgroup *g;
	int r = 0, n = 0;

	list_for_each_entry(g, &k->groups, kernel_link)
	{
		if (g == k->init || g == t->group)
			continue;

		int one = send_to_group(t, g, info);

		n++;
		if (one != -EPERM)
			r = one;
	}
	return n ? r : -ESRCH;
}

long sys_kill(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0];
	struct ksiginfo info = user_info(t, (int)a->a[1], SI_USER_);
	struct kernel *k = t->kernel;
	int r;

	if (pid == INT32_MIN)
		return -ESRCH;
	rwlock_rdlock(&k->tasks);
	if (pid > 0) {
		struct task *target = pid_task(k, pid);

		r = target ? send_to_group(t, target->group, &info) : -ESRCH;
	} else if (pid == -1) {
		r = kill_all(t, &info);
	} else {
		r = kill_pgrp(t, pid ? pid_pgroup(k, -pid) : t->group->pgrp, &info);
	}
	rwlock_unlock(&k->tasks);
	return r;
}

static int send_to_task(struct task *t, int32_t tgid, int32_t tid, const struct ksiginfo *info)
{
	struct task *target;
	int r = -ESRCH;

	if (tid <= 0)
		return -EINVAL;
	target = task_find(t->kernel, tid);
	if (!target)
		return -ESRCH;
	if (tgid < 0 || target->group->pid == tgid) {
		if (info->signo < 0 || info->signo > NSIG_GUEST)
			r = -EINVAL;
		else if (!task_may_signal(t, target, info->signo))
			r = -EPERM;
		else
			r = info->signo ? signal_send_task(target, info) : 0;
	}
	task_put(target);
	return r;
}

long sys_tkill(struct task *t, const struct sysargs *a)
{
	struct ksiginfo info = user_info(t, (int)a->a[1], SI_TKILL_);

	return send_to_task(t, -1, (int32_t)a->a[0], &info);
}

long sys_tgkill(struct task *t, const struct sysargs *a)
{
	struct ksiginfo info = user_info(t, (int)a->a[2], SI_TKILL_);
	int32_t tgid = (int32_t)a->a[0];

	return tgid <= 0 ? -EINVAL : send_to_task(t, tgid, (int32_t)a->a[1], &info);
}

static int read_siginfo(struct task *t, uint64_t addr, int signo, bool self, struct ksiginfo *info)
{
	uint8_t raw[SIGINFO_SIZE];

	if (copy_in(t, raw, addr, sizeof(raw)) < 0)
		return -EFAULT;
	siginfo_decode(info, raw);
	info->signo = signo;
	if (!self && (info->code >= 0 || info->code == SI_TKILL_))
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(struct task *t, const struct sysargs *a)
{
	int32_t pid = (int32_t)a->a[0];
	struct ksiginfo info;
	int r = read_siginfo(t, a->a[2], (int)a->a[1], pid == t->group->pid, &info);

	if (r < 0)
		return r;
	rwlock_rdlock(&t->kernel->tasks);
	struct task *target = pid_task(t->kernel, pid);

	r = target ? send_to_group(t, target->group, &info) : -ESRCH;
	rwlock_unlock(&t->kernel->tasks);
	return r;
}

long sys_rt_tgsigqueueinfo(struct task *t, const struct sysargs *a)
{
	int32_t tgid = (int32_t)a->a[0], tid = (int32_t)a->a[1];
	struct ksiginfo info;
	int r;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	r = read_siginfo(t, a->a[3], (int)a->a[2], tgid == t->group->pid, &info);
	if (r < 0)
		return r;
	return send_to_task(t, tgid, tid, &info);
}
