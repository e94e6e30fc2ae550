/* SPDX-License-Identifier: Apache-2.0 */
/* chmod(2), chown(2), utimensat(2), and the xattr(7) calls: decoding. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "core/clock.h"
#include "sys/file_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

/* A place by name, or the object of a descriptor for an empty one. */
static int at_path(struct task *t, int dfd, uint64_t uname, int flags, struct path *ret)
{
	char name[PATH_LEN_MAX];
	unsigned int wf = 0;
	int r;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_SYMLINK_NOFOLLOW)
		wf |= WALK_NOFOLLOW;
	if (flags & AT_EMPTY_PATH)
		wf |= WALK_EMPTY;
	r = getname(t, uname, name, (flags & AT_EMPTY_PATH) != 0);
	return r < 0 ? r : path_lookup(t, dfd, name, wf, ret);
}

/* The place of a regular descriptor. -EPERM for a file without one (nothing to change). */
static int fd_path(struct task *t, int fd, struct path *ret)
{
	struct file *f = FD_OR_RETURN(t, fd);
	int r = 0;

	if (f->path.dentry)
		*ret = path_dup(&f->path);
	else
		r = -EPERM;
	fd_put(t, f);
	return r;
}

static long apply(struct task *t, int r, struct path *p, struct iattr *attr)
{
	if (r == 0)
		r = vfs_setattr(t, p, attr);
	path_put(p);
	return r;
}

static long do_chmod(struct task *t, int dfd, uint64_t uname, uint32_t mode, int flags)
{
	struct path p = { 0 };
	struct iattr attr = { .valid = ATTR_MODE, .mode = mode & 07777 };
	int r = at_path(t, dfd, uname, flags, &p);

	if (r == 0 && inode_kind(p.dentry->inode) == S_IFLNK)
		r = -EOPNOTSUPP;
	return apply(t, r, &p, &attr);
}

long sys_chmod(struct task *t, const struct sysargs *a)
{
	return do_chmod(t, AT_FDCWD, a->a[0], (uint32_t)a->a[1], 0);
}

long sys_fchmodat(struct task *t, const struct sysargs *a)
{
	return do_chmod(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2], 0);
}

long sys_fchmodat2(struct task *t, const struct sysargs *a)
{
	return do_chmod(t, (int)a->a[0], a->a[1], (uint32_t)a->a[2], (int)a->a[3]);
}

long sys_fchmod(struct task *t, const struct sysargs *a)
{
	struct path p = { 0 };
	struct iattr attr = { .valid = ATTR_MODE, .mode = (uint32_t)a->a[1] & 07777 };

	return apply(t, fd_path(t, (int)a->a[0], &p), &p, &attr);
}

static struct iattr owner_attr(uint64_t uid, uint64_t gid)
{
	struct iattr attr = { .uid = (uint32_t)uid, .gid = (uint32_t)gid };

	if ((uint32_t)uid != UINT32_MAX)
		attr.valid |= ATTR_UID;
	if ((uint32_t)gid != UINT32_MAX)
		attr.valid |= ATTR_GID;
	return attr;
}

static long do_chown(struct task *t, int dfd, uint64_t uname, uint64_t uid, uint64_t gid, int flags)
{
	struct path p = { 0 };
	struct iattr attr = owner_attr(uid, gid);

	return apply(t, at_path(t, dfd, uname, flags, &p), &p, &attr);
}

long sys_chown(struct task *t, const struct sysargs *a)
{
	return do_chown(t, AT_FDCWD, a->a[0], a->a[1], a->a[2], 0);
}

long sys_lchown(struct task *t, const struct sysargs *a)
{
	return do_chown(t, AT_FDCWD, a->a[0], a->a[1], a->a[2], AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(struct task *t, const struct sysargs *a)
{
	return do_chown(t, (int)a->a[0], a->a[1], a->a[2], a->a[3], (int)a->a[4]);
}

long sys_fchown(struct task *t, const struct sysargs *a)
{
	struct path p = { 0 };
	struct iattr attr = owner_attr(a->a[1], a->a[2]);

	return apply(t, fd_path(t, (int)a->a[0], &p), &p, &attr);
}

/* ---- times ---- */

/* @ts NULL: both now. */
static int time_attr(const struct timespec *ts, struct iattr *attr)
{
	struct timespec now;
	bool now_a = !ts || ts[0].tv_nsec == UTIME_NOW;
	bool now_m = !ts || ts[1].tv_nsec == UTIME_NOW;

	*attr = (struct iattr){ 0 };
	clock_read(CLOCK_REALTIME, &now);
	for (int i = 0; ts && i < 2; i++) {
		if (ts[i].tv_nsec != UTIME_NOW && ts[i].tv_nsec != UTIME_OMIT &&
		    (ts[i].tv_nsec < 0 || ts[i].tv_nsec >= NS_PER_SEC))
			return -EINVAL;
	}
	if (now_a || ts[0].tv_nsec != UTIME_OMIT) {
		attr->valid |= ATTR_ATIME;
		attr->atime = now_a ? now : ts[0];
	}
	if (now_m || ts[1].tv_nsec != UTIME_OMIT) {
		attr->valid |= ATTR_MTIME;
		attr->mtime = now_m ? now : ts[1];
	}
	if (now_a && now_m)
		attr->valid |= ATTR_TIMES_NOW;
	return 0;
}

static long do_utimes(struct task *t, int dfd, uint64_t uname, const struct timespec *ts, int flags)
{
	struct path p = { 0 };
	struct iattr attr;
	int r = time_attr(ts, &attr);

	if (r < 0)
		return r;
	/* futimens(3): a null name means the descriptor. */
	if (uname == 0 && dfd != AT_FDCWD)
		r = flags ? -EINVAL : fd_path(t, dfd, &p);
	else
		r = at_path(t, dfd, uname, flags, &p);
	if (r == 0 && !attr.valid) {
		path_put(&p);
		return 0;
	}
	return apply(t, r, &p, &attr);
}

long sys_utimensat(struct task *t, const struct sysargs *a)
{
	struct timespec ts[2];

	if (a->a[2] && copy_in(t, ts, a->a[2], sizeof(ts)) < 0)
		return -EFAULT;
	if (a->a[2] && ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
		return 0;
	return do_utimes(t, (int)a->a[0], a->a[1], a->a[2] ? ts : NULL, (int)a->a[3]);
}

static long utimes_timeval(struct task *t, int dfd, uint64_t uname, uint64_t utv)
{
	struct timeval tv[2];
	struct timespec ts[2];

	if (!utv)
		return do_utimes(t, dfd, uname, NULL, 0);
	if (copy_in(t, tv, utv, sizeof(tv)) < 0)
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){ .tv_sec = tv[i].tv_sec, .tv_nsec = tv[i].tv_usec * 1000 };
	}
	return do_utimes(t, dfd, uname, ts, 0);
}

long sys_utimes(struct task *t, const struct sysargs *a)
{
	return utimes_timeval(t, AT_FDCWD, a->a[0], a->a[1]);
}

long sys_futimesat(struct task *t, const struct sysargs *a)
{
	return utimes_timeval(t, (int)a->a[0], a->a[1], a->a[2]);
}

long sys_utime(struct task *t, const struct sysargs *a)
{
	struct utimbuf ub;

	if (!a->a[1])
		return do_utimes(t, AT_FDCWD, a->a[0], NULL, 0);
	if (copy_in(t, &ub, a->a[1], sizeof(ub)) < 0)
		return -EFAULT;
	struct timespec ts[2] = { { .tv_sec = ub.actime }, { .tv_sec = ub.modtime } };

	return do_utimes(t, AT_FDCWD, a->a[0], ts, 0);
}

/* ---- extended attributes ---- */

static int xattr_name(struct task *t, uint64_t uname, char *name)
{
	ssize_t n = mm_copy_str(t->mm, name, uname, XATTR_NAME_MAX + 1);

	if (n == -ENAMETOOLONG)
		return -ERANGE;
	if (n < 0)
		return (int)n;
	return n == 0 ? -ERANGE : 0;
}

/* xattr(7): who may touch which namespace on what. */
static int xattr_permission(struct task *t, const struct path *p, const char *name, bool write)
{
	struct inode *inode = p->dentry->inode;
	uint32_t kind = inode_kind(inode);

	if (write && mount_readonly(p->mnt))
		return -EROFS;
	if (strncmp(name, "trusted.", 8) == 0) {
		if (!task_has_cap(t, CAP_SYS_ADMIN))
			return write ? -EPERM : -ENODATA;
		return 0;
	}
	if (strncmp(name, "security.", 9) == 0 || strncmp(name, "system.", 7) == 0) {
		if (strncmp(name, "system.", 7) == 0)
			return -EOPNOTSUPP; /* no POSIX ACLs */
		return write && !task_has_cap(t, CAP_SYS_ADMIN) ? -EPERM : 0;
	}
	if (strncmp(name, "user.", 5) != 0)
		return -EOPNOTSUPP;
	if (kind != S_IFREG && kind != S_IFDIR)
		return write ? -EPERM : -ENODATA;
	if (kind == S_IFDIR && (inode->mode & S_ISVTX) && write && t->cred->fsuid != inode->uid &&
	    !task_has_cap(t, CAP_FOWNER))
		return -EPERM;
	return inode_permission(inode, t, t->cred, write ? MAY_WRITE : MAY_READ);
}

static long set_xattr(struct task *t, const struct path *p, const struct sysargs *a)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *inode = p->dentry->inode;
	size_t size = a->a[3];
	int flags = (int)a->a[4];
	void *value;
	int r;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = xattr_name(t, a->a[1], name);
	if (r < 0)
		return r;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	value = malloc(size + 1);
	if (!value)
		return -ENOMEM;
	r = size > 0 ? copy_in(t, value, a->a[2], size) : 0;
	if (r == 0)
		r = xattr_permission(t, p, name, true);
	if (r == 0) {
		rwlock_wrlock(&inode->rw);
		r = inode->ops->setxattr ? inode->ops->setxattr(inode, name, value, size, flags) :
					   -EOPNOTSUPP;
		rwlock_unlock(&inode->rw);
	}
	free(value);
	return r;
}

static long get_xattr(struct task *t, const struct path *p, const struct sysargs *a)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *inode = p->dentry->inode;
	size_t size = MIN(a->a[3], (uint64_t)XATTR_SIZE_MAX);
	long r = xattr_name(t, a->a[1], name);

	if (r < 0)
		return r;
	r = xattr_permission(t, p, name, false);
	if (r < 0)
		return r;
	if (!inode->ops->getxattr)
		return -EOPNOTSUPP;

	char *buf = malloc(size + 1);

	if (!buf)
		return -ENOMEM;
	r = inode->ops->getxattr(inode, name, buf, size);
	if (r > 0 && size > 0 && copy_out(t, a->a[2], buf, (size_t)r) < 0)
		r = -EFAULT;
	free(buf);
	return r;
}

/* Hides trusted names from those who may not read them. */
static size_t filter_names(struct task *t, char *buf, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		size_t n = strnlen(buf + i, len - i) + 1;

		if (i + n > len)
			break;
		if (strncmp(buf + i, "trusted.", 8) != 0 || task_has_cap(t, CAP_SYS_ADMIN)) {
			memmove(buf + out, buf + i, n);
			out += n;
		}
		i += n;
	}
	return out;
}

static long list_xattr(struct task *t, const struct path *p, const struct sysargs *a)
{
	struct inode *inode = p->dentry->inode;
	size_t size = MIN(a->a[2], (uint64_t)XATTR_LIST_MAX);
	char *buf;

	if (!inode->ops->listxattr)
		return 0;
	buf = malloc(XATTR_LIST_MAX);
	if (!buf)
		return -ENOMEM;
	long r = inode->ops->listxattr(inode, buf, XATTR_LIST_MAX);

	if (r > 0)
		r = (long)filter_names(t, buf, (size_t)r);
	if (r > 0 && size > 0) {
		if ((size_t)r > size)
			r = -ERANGE;
		else if (copy_out(t, a->a[1], buf, (size_t)r) < 0)
			r = -EFAULT;
	}
	free(buf);
	return r;
}

static long remove_xattr(struct task *t, const struct path *p, const struct sysargs *a)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *inode = p->dentry->inode;
	int r = xattr_name(t, a->a[1], name);

	if (r == 0)
		r = xattr_permission(t, p, name, true);
	if (r < 0)
		return r;
	rwlock_wrlock(&inode->rw);
	r = inode->ops->removexattr ? inode->ops->removexattr(inode, name) : -EOPNOTSUPP;
	rwlock_unlock(&inode->rw);
	return r;
}

typedef long (*xattr_fn)(struct task *t, const struct path *p, const struct sysargs *a);

static long xattr_by_name(struct task *t, const struct sysargs *a, int flags, xattr_fn fn)
{
	struct path p = { 0 };
	long r = at_path(t, AT_FDCWD, a->a[0], flags, &p);

	if (r < 0)
		return r;
	r = fn(t, &p, a);
	path_put(&p);
	return r;
}

static long xattr_by_fd(struct task *t, const struct sysargs *a, xattr_fn fn)
{
	struct path p = { 0 };
	long r = fd_path(t, (int)a->a[0], &p);

	if (r < 0)
		return r == -EPERM ? -EOPNOTSUPP : r;
	r = fn(t, &p, a);
	path_put(&p);
	return r;
}

#define XATTR_CALLS(verb)                                                                          \
	long sys_##verb##xattr(struct task *t, const struct sysargs *a)                            \
	{                                                                                          \
		return xattr_by_name(t, a, 0, verb##_xattr);                                       \
	}                                                                                          \
	long sys_l##verb##xattr(struct task *t, const struct sysargs *a)                           \
	{                                                                                          \
		return xattr_by_name(t, a, AT_SYMLINK_NOFOLLOW, verb##_xattr);                     \
	}                                                                                          \
	long sys_f##verb##xattr(struct task *t, const struct sysargs *a)                           \
	{                                                                                          \
		return xattr_by_fd(t, a, verb##_xattr);                                            \
	}

XATTR_CALLS(set)
XATTR_CALLS(get)
XATTR_CALLS(list)
XATTR_CALLS(remove)
