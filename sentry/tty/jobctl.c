/* SPDX-License-Identifier: Apache-2.0 */
/* Job control: the controlling terminal of a session, its foreground process group, and hang-ups
 * (POSIX.1-2017 11.1.2 to 11.1.4, tty_ioctl(4), credentials(7)). */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sysmacros.h>

#include "task/internal.h"
#include "tty/tty_internal.h"
#include "util/cleanup.h"

/* session.tty points to a struct pty; the type is this folder's own. */
static struct pty *session_pty(const struct session *s)
{
	return (struct pty *)s->tty;
}

static void signal_group_locked(struct kernel *k, int32_t pgid, int32_t sid, int signo)
{
	struct pgroup *p = pgid ? pid_pgroup(k, pgid) : NULL;
	struct ksiginfo info = {.signo = signo, .code = SI_KERNEL};
	struct tgroup *g;

	/* The number may belong to somebody else by now. */
	if (!p || p->session->sid != sid)
		return;
	list_for_each_entry(g, &p->members, pgrp_link)(void) signal_send_group(g, &info);
}

void pty_signal_fg(struct pty *p, int signo)
{
	struct kernel *k = kernel_get();

	rwlock_rdlock(&k->tasks);
	signal_group_locked(k, p->fg_pgid, p->sid, signo);
	rwlock_unlock(&k->tasks);
}

void tty_of_session(const struct session *s, uint32_t *dev, int32_t *fg_pgid)
{
	struct pty *p = session_pty(s);

	*dev = p ? (uint32_t)makedev(136 + p->index / 256, p->index % 256) : 0;
	*fg_pgid = p && p->fg_pgid ? p->fg_pgid : -1;
}

/* ---- background access ---- */

/* Whether @signo does nothing to @t: blocked or ignored. */
static bool signal_ineffective(struct task *t, int signo)
{
	struct sighand *sh = t->group->sighand;

	mutex_lock(&sh->mu);
	bool r = (t->sigmask & SIGBIT(signo)) || sigaction_get(sh, signo).handler == SIG_IGN_GUEST;

	mutex_unlock(&sh->mu);
	return r;
}

/* @t in the background of its terminal: what it gets. 0: it is not in the background. */
static int check_background(struct pty *p, struct task *t, int signo)
{
	struct kernel *k = t->kernel;
	struct ksiginfo info = {.signo = signo, .code = SI_KERNEL};
	int r = 0;

	rwlock_rdlock(&k->tasks);
	struct pgroup *own = t->group->pgrp;
	bool background =
		own && session_pty(own->session) == p && p->fg_pgid && p->fg_pgid != own->pgid;

	if (background) {
		bool off = signal_ineffective(t, signo);

		if (signo == SIGTTIN)
			r = off || pgroup_orphaned(own, NULL) ? -EIO : -ERESTARTSYS;
		else
			r = off ? 0 : pgroup_orphaned(own, NULL) ? -EIO : -ERESTARTSYS;
	}
	if (r == -ERESTARTSYS) {
		struct tgroup *g;

		list_for_each_entry(g, &own->members, pgrp_link)(void) signal_send_group(g, &info);
	}
	rwlock_unlock(&k->tasks);
	return r;
}

int tty_check_read(struct pty *p, struct task *t)
{
	return check_background(p, t, SIGTTIN);
}

int tty_check_change(struct pty *p, struct task *t)
{
	return check_background(p, t, SIGTTOU);
}

/* ---- the controlling terminal ---- */

/* [T] exclusive. */
static void bind_session(struct pty *p, struct session *s, int32_t pgid)
{
	s->tty = (struct tty *)pty_get(p);
	p->sid = s->sid;
	p->fg_pgid = pgid;
}

/* [T] exclusive. The reference goes to the caller. */
static struct pty *unbind_session(struct session *s)
{
	struct pty *p = session_pty(s);

	s->tty = NULL;
	if (p) {
		p->sid = 0;
		p->fg_pgid = 0;
	}
	return p;
}

void tty_adopt(struct pty *p, struct task *t, uint32_t flags)
{
	struct kernel *k = t->kernel;

	/* A descriptor that can only be written to makes no controlling terminal (Linux). */
	if ((flags & O_NOCTTY) || (flags & O_ACCMODE) == O_WRONLY)
		return;
	rwlock_wrlock(&k->tasks);
	struct pgroup *g = t->group->pgrp;

	if (g && g->session->sid == t->group->pid && !g->session->tty && p->sid == 0)
		bind_session(p, g->session, g->pgid);
	rwlock_unlock(&k->tasks);
}

static int set_controlling(struct pty *p, struct file *f, struct task *t, uint64_t arg)
{
	struct kernel *k = t->kernel;
	struct pty *old = NULL;
	bool admin = task_has_cap(t, CAP_SYS_ADMIN);
	int r = 0;

	rwlock_wrlock(&k->tasks);
	struct pgroup *g = t->group->pgrp;
	struct session *s = g ? g->session : NULL;
	bool leader = s && s->sid == t->group->pid;

	if (leader && p->sid == s->sid) {
		r = 0;
	} else if (!leader || s->tty) {
		r = -EPERM;
	} else if (p->sid && !(arg == 1 && admin)) {
		r = -EPERM;
	} else if ((atomic_load(&f->flags) & O_ACCMODE) == O_WRONLY && !admin) {
		r = -EPERM;
	} else {
		struct session *other = p->sid ? pid_session(k, p->sid) : NULL;

		if (other && session_pty(other) == p)
			old = unbind_session(other);
		bind_session(p, s, g->pgid);
	}
	rwlock_unlock(&k->tasks);
	pty_put(old);
	return r;
}

/* The session of @g gives its terminal up: SIGHUP and SIGCONT to the foreground. @p: only if it is
 * this one. Returns the terminal, with a reference, or NULL. */
static struct pty *give_up(struct tgroup *g, const struct pty *only)
{
	struct kernel *k = kernel_get();
	struct pty *p = NULL;

	rwlock_wrlock(&k->tasks);
	struct session *s = g->pgrp ? g->pgrp->session : NULL;

	if (s && s->tty && (!only || session_pty(s) == only)) {
		int32_t fg = session_pty(s)->fg_pgid;

		p = unbind_session(s);
		signal_group_locked(k, fg, s->sid, SIGHUP);
		signal_group_locked(k, fg, s->sid, SIGCONT);
	}
	rwlock_unlock(&k->tasks);
	return p;
}

static int drop_controlling(struct pty *p, struct task *t)
{
	struct kernel *k = t->kernel;

	rwlock_rdlock(&k->tasks);
	struct session *s = t->group->pgrp ? t->group->pgrp->session : NULL;
	bool ours = s && session_pty(s) == p;
	bool leader = ours && s->sid == t->group->pid;

	rwlock_unlock(&k->tasks);
	if (!ours)
		return -ENOTTY;
	/* Linux lets one process alone lose it; here the session has it or not. */
	if (leader)
		pty_put(give_up(t->group, p));
	return 0;
}

void tty_hangup(struct pty *p)
{
	struct kernel *k = kernel_get();
	struct pty *held = NULL;

	mutex_lock(&p->mu);
	p->generation++;
	p->slaves = 0;
	p->slave_gone = true;
	p->exclusive = false;
	mutex_unlock(&p->mu);
	rwlock_wrlock(&k->tasks);
	struct session *s = p->sid ? pid_session(k, p->sid) : NULL;

	if (s && session_pty(s) == p) {
		struct tgroup *leader = pid_group(k, s->sid);
		struct ksiginfo hup = {.signo = SIGHUP, .code = SI_KERNEL};
		struct ksiginfo cont = {.signo = SIGCONT, .code = SI_KERNEL};
		int32_t fg = p->fg_pgid;

		held = unbind_session(s);
		if (leader && !leader->zombie) {
			(void)signal_send_group(leader, &hup);
			(void)signal_send_group(leader, &cont);
		}
		if (fg != s->sid) {
			signal_group_locked(k, fg, s->sid, SIGHUP);
			signal_group_locked(k, fg, s->sid, SIGCONT);
		}
	}
	rwlock_unlock(&k->tasks);
	waitq_wake(&p->slave_q, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR);
	waitq_wake(&p->master_q, EPOLLIN | EPOLLHUP);
	pty_put(held);
}

static struct pty *current_pty(struct task *t)
{
	struct kernel *k = t->kernel;

	rwlock_rdlock(&k->tasks);
	struct pty *p = t->group->pgrp ? session_pty(t->group->pgrp->session) : NULL;

	if (p)
		pty_get(p);
	rwlock_unlock(&k->tasks);
	return p;
}

void tty_leader_exit(struct tgroup *g)
{
	struct pty *p = give_up(g, NULL);

	if (p)
		tty_hangup(p);
	pty_put(p);
}

void tty_vhangup(struct task *t)
{
	struct pty *p = current_pty(t);

	if (p)
		tty_hangup(p);
	pty_put(p);
}

int tty_open_current(struct task *t, struct file *f)
{
	struct pty *p = t ? current_pty(t) : NULL;

	if (!p)
		return -ENXIO;
	int r = pty_slave_open(p, t, f);

	pty_put(p);
	return r;
}

/* ---- ioctls ---- */

/* What TIOCGPGRP and TIOCGSID ask first: through the slave, only one's own terminal. [T] held. */
static bool may_ask(const struct tty_file *tf, struct task *t)
{
	struct pgroup *g = t->group->pgrp;

	return tf->master || (g && session_pty(g->session) == tf->pty);
}

static long get_id(struct tty_file *tf, struct task *t, bool session, uint64_t arg)
{
	struct kernel *k = t->kernel;
	int32_t id;

	rwlock_rdlock(&k->tasks);
	bool ok = may_ask(tf, t);

	id = session ? tf->pty->sid : tf->pty->fg_pgid;
	rwlock_unlock(&k->tasks);
	if (!ok || (session && id == 0))
		return -ENOTTY;
	return copy_out(t, arg, &id, sizeof(id));
}

static long set_pgrp(struct tty_file *tf, struct task *t, uint64_t arg)
{
	struct kernel *k = t->kernel;
	struct pty *p = tf->pty;
	int32_t pgid;
	int r = tty_check_change(p, t);

	if (r < 0)
		return r == -EIO ? -ENOTTY : r;
	if (copy_in(t, &pgid, arg, sizeof(pgid)) < 0)
		return -EFAULT;
	if (pgid < 0)
		return -EINVAL;
	rwlock_wrlock(&k->tasks);
	struct pgroup *own = t->group->pgrp;
	struct pgroup *want = pid_pgroup(k, pgid);

	if (!own || session_pty(own->session) != p || p->sid != own->session->sid)
		r = -ENOTTY;
	else if (!want)
		r = pid_task(k, pgid) ? -EPERM : -ESRCH;
	else if (want->session != own->session)
		r = -EPERM;
	else
		p->fg_pgid = pgid;
	rwlock_unlock(&k->tasks);
	return r;
}

long tty_job_ioctl(struct tty_file *tf, struct file *f, struct task *t, unsigned long cmd,
		   uint64_t arg)
{
	switch (cmd) {
	case TIOCGPGRP:
		return get_id(tf, t, false, arg);
	case TIOCSPGRP:
		return set_pgrp(tf, t, arg);
	case TIOCGSID:
		return get_id(tf, t, true, arg);
	case TIOCSCTTY:
		return set_controlling(tf->pty, f, t, arg);
	case TIOCNOTTY:
		return drop_controlling(tf->pty, t);
	default:
		return -ENOIOCTLCMD_TTY;
	}
}
