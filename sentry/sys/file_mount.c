/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2), umount2(2), pivot_root(2), name_to_handle_at(2): decoding. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "boot/kernel.h"
#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/fstype.h"
#include "vfs/mount.h"

#define MS_MAGIC 0xC0ED0000UL
#define MS_PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* An optional string of at most a page. *ret is malloc'ed or NULL. */
static int get_string(struct task *t, uint64_t addr, char **ret)
{
	char *s;

	*ret = NULL;
	if (!addr)
		return 0;
	s = malloc(PATH_LEN_MAX);
	if (!s)
		return -ENOMEM;
	ssize_t n = mm_copy_str(t->mm, s, addr, PATH_LEN_MAX);

	if (n < 0) {
		free(s);
		return n == -ENAMETOOLONG ? -EINVAL : (int)n;
	}
	*ret = s;
	return 0;
}

static int remount(struct path *at, unsigned long flags)
{
	struct mount *m = at->mnt;

	if (at->dentry != m->root)
		return -EINVAL;
	if (!(flags & MS_BIND)) {
		/* Read-only for the whole file system. */
		if (flags & MS_RDONLY)
			atomic_fetch_or(&m->sb->flags, SB_RDONLY);
		else
			atomic_fetch_and(&m->sb->flags, ~SB_RDONLY);
	}
	m->flags = flags & MNT_FLAGS;
	return 0;
}

static int new_mount(struct task *t, const char *source, struct path *at, const char *type,
		     unsigned long flags, const char *options)
{
	struct super *sb = NULL;
	int r = type ? fstype_mount(&sb, type, options) : -EINVAL;

	if (r < 0)
		return r;
	r = mount_add(t->kernel->mounts, sb, NULL, at, source ? source : "none", flags, NULL);
	super_put(sb);
	return r;
}

static int bind_or_move(struct task *t, const char *source, struct path *at, unsigned long flags)
{
	struct path from = { 0 };
	int r = source ? path_lookup(t, AT_FDCWD, source, 0, &from) : -EINVAL;

	if (r < 0)
		return r;
	if (flags & MS_BIND)
		r = mount_bind(t->kernel->mounts, &from, at, (flags & MS_REC) != 0, 0);
	else if (from.dentry != from.mnt->root)
		r = -EINVAL;
	else
		r = mount_move(t->kernel->mounts, from.mnt, at);
	path_put(&from);
	return r;
}

static int do_mount(struct task *t, const char *source, struct path *at, const char *type,
		    unsigned long flags, const char *options)
{
	if (flags & MS_REMOUNT)
		return remount(at, flags);
	if (flags & (MS_BIND | MS_MOVE))
		return bind_or_move(t, source, at, flags);
	if (flags & MS_PROPAGATION)
		return at->dentry == at->mnt->root ? 0 : -EINVAL; /* one namespace: no peers */
	return new_mount(t, source, at, type, flags, options);
}

long sys_mount(struct task *t, const struct sysargs *a)
{
	char target[PATH_LEN_MAX];
	char *source = NULL;
	char *type = NULL;
	char *options = NULL;
	unsigned long flags = a->a[3];
	struct path at = { 0 };
	long r;

	if ((flags & 0xffff0000UL) == MS_MAGIC)
		flags &= 0xffffUL;
	r = getname(t, a->a[1], target, false);
	if (r == 0)
		r = get_string(t, a->a[0], &source);
	if (r == 0)
		r = get_string(t, a->a[2], &type);
	/* Data means something only for a new mount or a remount. */
	if (r == 0 && !(flags & (MS_BIND | MS_MOVE | MS_PROPAGATION)))
		r = get_string(t, a->a[4], &options);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, target, 0, &at);
	if (r == 0 && !task_has_cap(t, CAP_SYS_ADMIN))
		r = -EPERM;
	if (r == 0)
		r = do_mount(t, source, &at, type, flags, options);
	path_put(&at);
	free(source);
	free(type);
	free(options);
	return r;
}

long sys_umount2(struct task *t, const struct sysargs *a)
{
	char name[PATH_LEN_MAX];
	struct path at = { 0 };
	int flags = (int)a->a[1];
	long r;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	r = getname(t, a->a[0], name, false);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, flags & UMOUNT_NOFOLLOW ? WALK_NOFOLLOW : 0, &at);
	if (r < 0)
		return r;
	if (at.dentry != at.mnt->root) {
		r = -EINVAL;
	} else if (!task_has_cap(t, CAP_SYS_ADMIN)) {
		r = -EPERM;
	} else {
		struct mount *m = mount_get(at.mnt);

		path_put(&at);
		r = mount_remove(t->kernel->mounts, m, (flags & MNT_DETACH) != 0);
		mount_put(m);
		return r;
	}
	path_put(&at);
	return r;
}

long sys_pivot_root(struct task *t, const struct sysargs *a)
{
	char new_name[PATH_LEN_MAX];
	char old_name[PATH_LEN_MAX];
	struct path new = { 0 };
	struct path old = { 0 };
	long r;

	if (!task_has_cap(t, CAP_SYS_ADMIN))
		return -EPERM;
	r = getname(t, a->a[0], new_name, false);
	if (r == 0)
		r = getname(t, a->a[1], old_name, false);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, new_name, WALK_DIRECTORY, &new);
	if (r == 0)
		r = path_lookup(t, AT_FDCWD, old_name, WALK_DIRECTORY, &old);
	if (r == 0)
		r = mount_pivot(t, &new, &old);
	path_put(&new);
	path_put(&old);
	return r;
}

long sys_name_to_handle_at(struct task *t, const struct sysargs *a)
{
	(void)t;
	(void)a;
	return -EOPNOTSUPP; /* no file system here has handles */
}
