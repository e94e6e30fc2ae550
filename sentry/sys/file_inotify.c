/* SPDX-License-Identifier: Apache-2.0 */
/* inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2): decoding. */
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>

#include "sys/file_internal.h"
#include "vfs/dentry.h"
#include "vfs/inotify.h"

static long do_init(struct task *t, int flags)
{
	struct file *f = NULL;
	int r;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	r = inotify_new(&f, (uint32_t)flags & O_NONBLOCK);
	if (r < 0)
		return r;
	r = fd_install(t, f, 0, (flags & IN_CLOEXEC) != 0);
	if (r < 0)
		file_put(f);
	return r;
}

long sys_inotify_init(struct task *t, const struct sysargs *a)
{
	(void)a;
	return do_init(t, 0);
}

long sys_inotify_init1(struct task *t, const struct sysargs *a)
{
	return do_init(t, (int)a->a[0]);
}

long sys_inotify_add_watch(struct task *t, const struct sysargs *a)
{
	uint32_t mask = (uint32_t)a->a[2];
	char name[PATH_LEN_MAX];
	struct path p = { 0 };
	struct file *f;
	unsigned int wf = 0;
	int r;

	if (!(mask & (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED)))
		return -EINVAL;
	f = FD_OR_RETURN(t, a->a[0]);
	if (mask & IN_DONT_FOLLOW)
		wf |= WALK_NOFOLLOW;
	if (mask & IN_ONLYDIR)
		wf |= WALK_DIRECTORY;
	r = getname(t, a->a[1], name, false);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, wf, &p);
	if (r == 0)
		r = inode_permission(p.dentry->inode, t, t->cred, MAY_READ);
	if (r == 0)
		r = inotify_watch(f, &p, mask);
	path_put(&p);
	fd_put(t, f);
	return r;
}

long sys_inotify_rm_watch(struct task *t, const struct sysargs *a)
{
	struct file *f = FD_OR_RETURN(t, a->a[0]);
	int r = inotify_unwatch(f, (int)a->a[1]);

	fd_put(t, f);
	return r;
}
