/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals of the host that were donated: line discipline and window size are the host's, foreground
 * process group and controlling session are the sandbox's own. Signals that the host's terminal sends to
 * the sentry (^C, ^Z, a new window size) are passed to the foreground process group.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "boot/kernel.h"
#include "fs/hostfs/hostfs_internal.h"
#include "host/file.h"
#include "task/task.h"

static struct mutex ttys_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF };
static struct list ttys = { &ttys, &ttys }; /* [ttys_mu] host_inode.tty_link */

void tty_add(struct host_inode *hi)
{
	mutex_lock(&ttys_mu);
	list_push_back(&ttys, &hi->tty_link);
	mutex_unlock(&ttys_mu);
	poller_watch_signals();
}

void tty_remove(struct host_inode *hi)
{
	mutex_lock(&ttys_mu);
	list_remove(&hi->tty_link);
	mutex_unlock(&ttys_mu);
}

/* The first process that uses a terminal as such is the one it was donated to. */
static void adopt(struct host_inode *hi, struct task *t)
{
	int32_t none = 0;

	atomic_compare_exchange_strong(&hi->sid, &none, t->group->pgrp->session->sid);
	none = 0;
	atomic_compare_exchange_strong(&hi->fg_pgrp, &none, t->group->pgrp->pgid);
}

static long tty_copy(struct host_inode *hi, struct task *t, unsigned long cmd, uint64_t arg, size_t size,
		     bool in)
{
	char buf[64] = { 0 };
	int r = in ? copy_in(t, buf, arg, size) : 0;

	if (r == 0)
		r = host_tty_ioctl(hi->fd, cmd, buf);
	if (r >= 0 && !in)
		r = copy_out(t, arg, buf, size);
	return r;
}

static long tty_set_pgrp(struct host_inode *hi, struct task *t, uint64_t arg)
{
	int32_t pgrp;
	int r = copy_in(t, &pgrp, arg, sizeof(pgrp));

	if (r < 0)
		return r;
	if (pgrp <= 0)
		return -EINVAL;
	adopt(hi, t);
	hi->fg_pgrp = pgrp;
	return 0;
}

long tty_ioctl(struct host_inode *hi, struct task *t, unsigned long cmd, uint64_t arg)
{
	int32_t id;

	switch (cmd) {
	case TCGETS:
		return tty_copy(hi, t, cmd, arg, 36, false); /* struct termios of the kernel */
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tty_copy(hi, t, cmd, arg, 36, true);
	case TIOCGWINSZ:
		return tty_copy(hi, t, cmd, arg, sizeof(struct winsize), false);
	case TIOCSWINSZ:
		return tty_copy(hi, t, cmd, arg, sizeof(struct winsize), true);
	case TCFLSH:
	case TCSBRK:
	case TCXONC:
		return host_tty_ioctl(hi->fd, cmd, (void *)(uintptr_t)arg);
	case TIOCGPGRP:
		adopt(hi, t);
		id = hi->fg_pgrp;
		return copy_out(t, arg, &id, sizeof(id));
	case TIOCSPGRP:
		return tty_set_pgrp(hi, t, arg);
	case TIOCGSID:
		adopt(hi, t);
		id = hi->sid;
		return copy_out(t, arg, &id, sizeof(id));
	case TIOCSCTTY:
		hi->sid = t->group->pgrp->session->sid;
		hi->fg_pgrp = t->group->pgrp->pgid;
		return 0;
	case TIOCNOTTY:
		if (hi->sid == t->group->pgrp->session->sid)
			hi->sid = -1;
		return 0;
	default:
		return -ENOTTY;
	}
}

/* /dev/tty: the terminal that controls the caller's session. */
int hostfs_open_tty(struct task *t, struct file *f)
{
	struct host_inode *found = NULL;
	int32_t sid = t ? t->group->pgrp->session->sid : 0;

	mutex_lock(&ttys_mu);
	list_for_each(node, &ttys) {
		struct host_inode *hi = list_entry(node, struct host_inode, tty_link);

		if (hi->sid == sid || (hi->sid == 0 && !found))
			found = hi;
	}
	if (found && !ref_get_unless_zero(&found->inode.ref))
		found = NULL;
	mutex_unlock(&ttys_mu);
	if (!found)
		return -ENXIO;
	adopt(found, t);
	int r = host_inode_open(found, f);

	inode_put(&found->inode);
	return r;
}

#define FG_MAX 16

void tty_signal(int signo)
{
	struct kernel *k = kernel_get();
	int32_t pgrps[FG_MAX];
	size_t n = 0;
	struct tgroup *g;

	mutex_lock(&ttys_mu);
	list_for_each(node, &ttys) {
		int32_t fg = list_entry(node, struct host_inode, tty_link)->fg_pgrp;
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= pgrps[i] == fg;
		if (!known && n < FG_MAX)
			pgrps[n++] = fg;
	}
	mutex_unlock(&ttys_mu);

	struct ksiginfo info = { .signo = signo, .code = SI_KERNEL };

	rwlock_rdlock(&k->tasks);
	list_for_each_entry(g, &k->groups, kernel_link) {
		for (size_t i = 0; i < n; i++) {
			/* Nobody has asked yet: the container's first process. */
			if (pgrps[i] ? g->pgrp && g->pgrp->pgid == pgrps[i] : g == k->init)
				(void)signal_send_group(g, &info);
		}
	}
	rwlock_unlock(&k->tasks);
}
