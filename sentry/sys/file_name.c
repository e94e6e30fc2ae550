/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir(2), unlink(2), rename(2), link(2), symlink(2), readlink(2), mknod(2), getcwd(2), chdir(2),
 * chroot(2), umask(2): decoding. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

static long do_mkdir(struct task *t, int dfd, uint64_t uname, uint32_t mode)
{
	char name[PATH_LEN_MAX];
	long r = getname(t, uname, name, false);

	return r < 0 ? r : vfs_mkdir(t, dfd, name, mode);
}

long sys_mkdir(struct task *t, const struct sysargs *a)
{
	return do_mkdir(t, AT_FDCWD, a->a[0], (uint32_t)a->a[1]);
}

long sys_mkdirat(struct task *t, const struct sysargs *a)
{
	return do_mkdir(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2]);
}

/* The kernel's 32-bit encoding of a device number. */
static uint64_t decode_dev(uint32_t dev)
{
	return makedev((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

static long do_mknod(struct task *t, int dfd, uint64_t uname, uint32_t mode, uint32_t dev)
{
	char name[PATH_LEN_MAX];
	long r = getname(t, uname, name, false);
	uint32_t kind = mode & S_IFMT;

	if (r < 0)
		return r;
	return vfs_mknod(t, dfd, name, mode,
			 kind == S_IFCHR || kind == S_IFBLK ? decode_dev(dev) : 0, NULL);
}

long sys_mknod(struct task *t, const struct sysargs *a)
{
	return do_mknod(t, AT_FDCWD, a->a[0], (uint32_t)a->a[1], (uint32_t)a->a[2]);
}

long sys_mknodat(struct task *t, const struct sysargs *a)
{
	return do_mknod(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2], (uint32_t)a->a[3]);
}

static long do_remove(struct task *t, int dfd, uint64_t uname, bool dir)
{
	char name[PATH_LEN_MAX];
	long r = getname(t, uname, name, false);

	if (r < 0)
		return r;
	return dir ? vfs_rmdir(t, dfd, name) : vfs_unlink(t, dfd, name);
}

long sys_rmdir(struct task *t, const struct sysargs *a)
{
	return do_remove(t, AT_FDCWD, a->a[0], true);
}

long sys_unlink(struct task *t, const struct sysargs *a)
{
	return do_remove(t, AT_FDCWD, a->a[0], false);
}

long sys_unlinkat(struct task *t, const struct sysargs *a)
{
	if (a->a[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	return do_remove(t, (int)a->a[0], a->a[1], (a->a[2] & AT_REMOVEDIR) != 0);
}

/* Two names; buffers of a page each. */
static long get_two(struct task *t, uint64_t u1, char *n1, uint64_t u2, char *n2, bool empty_first)
{
	long r = getname(t, u1, n1, empty_first);

	return r < 0 ? r : getname(t, u2, n2, false);
}

static long do_rename(struct task *t, int od, uint64_t uo, int nd, uint64_t un, unsigned int flags)
{
	char old[PATH_LEN_MAX];
	char new[PATH_LEN_MAX];
	long r = get_two(t, uo, old, un, new, false);

	return r < 0 ? r : vfs_rename(t, od, old, nd, new, flags);
}

long sys_rename(struct task *t, const struct sysargs *a)
{
	return do_rename(t, AT_FDCWD, a->a[0], AT_FDCWD, a->a[1], 0);
}

long sys_renameat(struct task *t, const struct sysargs *a)
{
	return do_rename(t, (int)a->a[0], a->a[1], (int)a->a[2], a->a[3], 0);
}

long sys_renameat2(struct task *t, const struct sysargs *a)
{
	return do_rename(t, (int)a->a[0], a->a[1], (int)a->a[2], a->a[3], (unsigned int)a->a[4]);
}

static long do_link(struct task *t, int od, uint64_t uo, int nd, uint64_t un, int flags)
{
	char old[PATH_LEN_MAX];
	char new[PATH_LEN_MAX];
	long r = get_two(t, uo, old, un, new, (flags & AT_EMPTY_PATH) != 0);

	return r < 0 ? r : vfs_link(t, od, old, nd, new, flags);
}

long sys_link(struct task *t, const struct sysargs *a)
{
	return do_link(t, AT_FDCWD, a->a[0], AT_FDCWD, a->a[1], 0);
}

long sys_linkat(struct task *t, const struct sysargs *a)
{
	return do_link(t, (int)a->a[0], a->a[1], (int)a->a[2], a->a[3], (int)a->a[4]);
}

static long do_symlink(struct task *t, uint64_t utarget, int dfd, uint64_t uname)
{
	char target[PATH_LEN_MAX];
	char name[PATH_LEN_MAX];
	long r = get_two(t, utarget, target, uname, name, false);

	return r < 0 ? r : vfs_symlink(t, target, dfd, name);
}

long sys_symlink(struct task *t, const struct sysargs *a)
{
	return do_symlink(t, a->a[0], AT_FDCWD, a->a[1]);
}

long sys_symlinkat(struct task *t, const struct sysargs *a)
{
	return do_symlink(t, a->a[0], (int)a->a[1], a->a[2]);
}

static long do_readlink(struct task *t, int dfd, uint64_t uname, uint64_t ubuf, int size)
{
	char name[PATH_LEN_MAX];
	char buf[PATH_LEN_MAX];
	long r;

	if (size <= 0)
		return -EINVAL;
	r = getname(t, uname, name, true);
	if (r < 0)
		return r;
	if (name[0] == 0 && dfd == AT_FDCWD)
		return -ENOENT;
	r = vfs_readlink(t, dfd, name, buf, MIN(sizeof(buf), (size_t)size));
	if (r > 0 && copy_out(t, ubuf, buf, (size_t)r) < 0)
		r = -EFAULT;
	return r;
}

long sys_readlink(struct task *t, const struct sysargs *a)
{
	return do_readlink(t, AT_FDCWD, a->a[0], a->a[1], (int)a->a[2]);
}

long sys_readlinkat(struct task *t, const struct sysargs *a)
{
	return do_readlink(t, (int)a->a[0], a->a[1], a->a[2], (int)a->a[3]);
}

/* ---- working directory and root ---- */

long sys_getcwd(struct task *t, const struct sysargs *a)
{
	char buf[PATH_LEN_MAX];
	struct path cwd;
	struct path root;
	ssize_t n;

	mutex_lock(&t->fs->mu);
	cwd = path_dup(&t->fs->cwd);
	root = path_dup(&t->fs->root);
	mutex_unlock(&t->fs->mu);
	n = cwd.dentry->deleted ? -ENOENT : path_to_str(&cwd, &root, buf, sizeof(buf), true);
	path_put(&cwd);
	path_put(&root);
	if (n < 0)
		return n;
	if ((uint64_t)n + 1 > a->a[1])
		return -ERANGE;
	return copy_out(t, a->a[0], buf, (size_t)n + 1) < 0 ? -EFAULT : n + 1;
}

/* Takes @p. */
static void set_cwd(struct task *t, struct path *p)
{
	mutex_lock(&t->fs->mu);
	struct path old = t->fs->cwd;

	t->fs->cwd = *p;
	mutex_unlock(&t->fs->mu);
	path_put(&old);
}

long sys_chdir(struct task *t, const struct sysargs *a)
{
	char name[PATH_LEN_MAX];
	struct path p = { 0 };
	long r = getname(t, a->a[0], name, false);

	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, WALK_DIRECTORY, &p);
	if (r < 0)
		return r;
	r = inode_permission(p.dentry->inode, t, t->cred, MAY_EXEC);
	if (r < 0) {
		path_put(&p);
		return r;
	}
	set_cwd(t, &p);
	return 0;
}

long sys_fchdir(struct task *t, const struct sysargs *a)
{
	struct file *f = fd_get_raw(t, (int)a->a[0]);
	long r = 0;

	if (!f)
		return -EBADF;
	if (!f->inode || !inode_is_dir(f->inode))
		r = -ENOTDIR;
	else
		r = inode_permission(f->inode, t, t->cred, MAY_EXEC);
	if (r == 0) {
		struct path p = path_dup(&f->path);

		set_cwd(t, &p);
	}
	fd_put(t, f);
	return r;
}

long sys_chroot(struct task *t, const struct sysargs *a)
{
	char name[PATH_LEN_MAX];
	struct path p = { 0 };
	long r = getname(t, a->a[0], name, false);

	if (r == 0)
		r = path_lookup(t, AT_FDCWD, name, WALK_DIRECTORY, &p);
	if (r < 0)
		return r;
	r = inode_permission(p.dentry->inode, t, t->cred, MAY_EXEC);
	if (r == 0 && !task_has_cap(t, CAP_SYS_CHROOT))
		r = -EPERM;
	if (r < 0) {
		path_put(&p);
		return r;
	}
	mutex_lock(&t->fs->mu);
	struct path old = t->fs->root;

	t->fs->root = p;
	mutex_unlock(&t->fs->mu);
	path_put(&old);
	return 0;
}

long sys_umask(struct task *t, const struct sysargs *a)
{
	mutex_lock(&t->fs->mu);
	uint32_t old = t->fs->umask;

	t->fs->umask = (uint32_t)a->a[0] & 0777;
	mutex_unlock(&t->fs->mu);
	return (long)old;
}
