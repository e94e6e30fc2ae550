/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_open(2): a descriptor that stands for a process, readable when it has ended. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "task/internal.h"

static void pidfd_release(struct file *f)
{
	tgroup_put(f->priv);
}

static uint32_t pidfd_poll(struct file *f, struct waiter *w)
{
	struct tgroup *g = f->priv;
	struct kernel *k = kernel_get();

	if (w)
		waitq_add(&g->child_waitq, w, w->mask);
	rwlock_rdlock(&k->tasks);
	bool ended = g->zombie;

	rwlock_unlock(&k->tasks);
	return ended ? EPOLLIN | EPOLLRDNORM : 0;
}

static int pidfd_fdinfo(struct file *f, char *buf, size_t size)
{
	const struct tgroup *g = f->priv;

	return snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", g->pid, g->pid);
}

static const struct file_ops pidfd_ops = {
	.kind = "[pidfd]",
	.release = pidfd_release,
	.poll = pidfd_poll,
	.fdinfo = pidfd_fdinfo,
};

int pidfd_new(struct task *t, struct tgroup *g, uint32_t flags)
{
	struct file *f;
	int r = file_new(&f, &pidfd_ops, tgroup_get(g), O_RDWR | flags);

	if (r < 0) {
		tgroup_put(g);
		return r;
	}
	r = fd_install(t, f, 0, true);
	if (r < 0)
		file_put(f);
	return r;
}

struct tgroup *pidfd_group(struct file *f)
{
	return f->ops == &pidfd_ops ? tgroup_get(f->priv) : NULL;
}

bool task_may_inspect(struct task *t, struct task *target)
{
	const struct cred *mine = t->cred, *theirs;
	bool same;

	if (target->group == t->group)
		return true;
	theirs = task_get_cred(target);
	same = mine->fsuid == theirs->euid && mine->fsuid == theirs->suid &&
	       mine->fsuid == theirs->uid && mine->fsgid == theirs->egid &&
	       mine->fsgid == theirs->sgid && mine->fsgid == theirs->gid &&
	       (theirs->cap_permitted & ~mine->cap_permitted) == 0 &&
	       atomic_load(&target->group->dumpable) == 1;
	cred_put(theirs);
	return same || cred_has_cap(mine, CAP_SYS_PTRACE);
}
