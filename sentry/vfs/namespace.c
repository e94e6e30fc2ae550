/* SPDX-License-Identifier: Apache-2.0 */
/* Making, linking and removing names: the checks of mkdir(2), mknod(2), symlink(2), link(2), unlink(2),
 * rmdir(2), readlink(2) around the file systems' operations. rename.c has rename(2). */
#include "vfs/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>

#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/namespace_internal.h"
#include "vfs/pipe.h"

uint32_t task_umask(struct task *t)
{
	if (!t)
		return 0;
	mutex_lock(&t->fs->mu);
	uint32_t mask = t->fs->umask;

	mutex_unlock(&t->fs->mu);
	return mask;
}

void vfs_new_owner(struct inode *dir, const struct cred *cred, struct inode_init *init)
{
	init->uid = cred->fsuid;
	init->gid = cred->fsgid;
	if (!(dir->mode & S_ISGID))
		return;
	init->gid = dir->gid;
	if (S_ISDIR(init->mode))
		init->mode |= S_ISGID;
	else if ((init->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 !cred_in_group(cred, init->gid) && !cred_has_cap(cred, CAP_FSETID))
		init->mode &= ~(uint32_t)S_ISGID;
}

int may_create(struct task *t, const struct cred *cred, const struct path *dir)
{
	struct inode *inode = dir->dentry->inode;

	if (mount_readonly(dir->mnt))
		return -EROFS;
	if (dir->dentry->deleted)
		return -ENOENT;
	return inode_permission(inode, t, cred, MAY_WRITE | MAY_EXEC);
}

int may_delete(struct task *t, const struct cred *cred, const struct path *dir, struct dentry *victim,
	       bool want_dir)
{
	struct inode *di = dir->dentry->inode;
	struct inode *vi = victim->inode;

	if (mount_readonly(dir->mnt))
		return -EROFS;

	int r = inode_permission(di, t, cred, MAY_WRITE | MAY_EXEC);

	if (r < 0)
		return r;
	if ((di->mode & S_ISVTX) && cred->fsuid != vi->uid && cred->fsuid != di->uid &&
	    !cred_has_cap(cred, CAP_FOWNER))
		return -EPERM;
	if (want_dir && !inode_is_dir(vi))
		return -ENOTDIR;
	if (!want_dir && inode_is_dir(vi))
		return -EISDIR;
	return atomic_load(&victim->mounts) > 0 ? -EBUSY : 0;
}

static int check_device(const struct cred *cred, const struct inode_init *init)
{
	uint32_t kind = init->mode & S_IFMT;

	/* Overlay whiteouts (0:0) need no capability. */
	if ((kind == S_IFCHR && init->rdev != 0) || kind == S_IFBLK)
		return cred_has_cap(cred, CAP_MKNOD) ? 0 : -EPERM;
	return 0;
}

int vfs_create_locked(struct task *t, const struct cred *cred, struct path *dir,
		      const struct fname *name, struct inode_init *init, struct dentry **ret)
{
	struct inode *di = dir->dentry->inode;
	struct dentry *d = NULL;
	struct inode *inode = NULL;
	int r = dentry_lookup_locked(dir->dentry, name, &d);

	if (r < 0)
		return r;
	if (d->inode) {
		dentry_put(d);
		return -EEXIST;
	}
	r = may_create(t, cred, dir);
	if (r == 0)
		r = check_device(cred, init);
	if (r == 0 && !di->ops->create)
		r = -EPERM;
	if (r == 0) {
		vfs_new_owner(di, cred, init);
		r = di->ops->create(di, name, init, &inode);
	}
	if (r < 0) {
		dentry_put(d);
		return r;
	}
	dentry_drop(d, false);
	dentry_put(d);
	r = dentry_add(dir->dentry, name, inode, ret);
	inode_put(inode);
	if (r == 0)
		fsnotify(di, IN_CREATE | (S_ISDIR(init->mode) ? IN_ISDIR : 0), name, 0);
	return r;
}

/* Creates at a name that must not exist. */
static int create_at(struct task *t, int dfd, const char *name, struct inode_init *init,
		     struct path *ret)
{
	struct walk_parent wp = { 0 };
	struct dentry *d = NULL;
	int r = path_lookup_parent(t, dfd, name, &wp);

	if (r < 0)
		return r;
	if (wp.kind != LAST_NORM) {
		walk_parent_end(&wp);
		return -EEXIST;
	}
	rwlock_wrlock(&wp.dir.dentry->inode->rw);
	if (wp.trailing_slash && !S_ISDIR(init->mode)) {
		/* "name/" can only be a directory. */
		r = dentry_lookup_locked(wp.dir.dentry, &wp.last, &d);
		if (r == 0)
			r = d->inode ? -EEXIST : -ENOENT;
		dentry_put(d);
		d = NULL;
	} else {
		r = vfs_create_locked(t, t->cred, &wp.dir, &wp.last, init, &d);
	}
	rwlock_unlock(&wp.dir.dentry->inode->rw);
	if (r == 0 && ret)
		*ret = (struct path){ mount_get(wp.dir.mnt), d };
	else
		dentry_put(d);
	walk_parent_end(&wp);
	return r;
}

int vfs_mknod(struct task *t, int dfd, const char *name, uint32_t mode, uint64_t rdev,
	      struct path *ret)
{
	struct inode_init init = { .rdev = rdev };

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	init.mode = (mode & S_IFMT) | (mode & 07777 & ~task_umask(t));
	return create_at(t, dfd, name, &init, ret);
}

int vfs_mkdir(struct task *t, int dfd, const char *name, uint32_t mode)
{
	struct inode_init init = { .mode = S_IFDIR | (mode & 01777 & ~task_umask(t)) };

	return create_at(t, dfd, name, &init, NULL);
}

int vfs_symlink(struct task *t, const char *target, int dfd, const char *name)
{
	struct inode_init init = { .mode = S_IFLNK | 0777, .target = target };

	return create_at(t, dfd, name, &init, NULL);
}

static int link_locked(struct task *t, struct path *dir, const struct fname *name,
		       struct inode *target)
{
	struct inode *di = dir->dentry->inode;
	struct dentry *d = NULL;
	struct dentry *added = NULL;
	int r = dentry_lookup_locked(dir->dentry, name, &d);

	if (r < 0)
		return r;
	if (d->inode)
		r = -EEXIST;
	if (r == 0)
		r = may_create(t, t->cred, dir);
	if (r == 0 && target->nlink == 0 && !target->linkable)
		r = -ENOENT;
	if (r == 0)
		r = di->ops->link ? di->ops->link(di, name, target) : -EPERM;
	if (r == 0) {
		target->linkable = false;
		dentry_drop(d, false);
		r = dentry_add(dir->dentry, name, target, &added);
		dentry_put(added);
		fsnotify(di, IN_CREATE, name, 0);
		fsnotify(target, IN_ATTRIB, NULL, 0);
	}
	dentry_put(d);
	return r;
}

/* fs.protected_hardlinks (proc_sys_fs(5)): who does not own a file may link it only when it could have
 * been copied, and never one that gives privileges. */
static int may_link(struct task *t, struct inode *inode)
{
	uint32_t mode = inode->mode;

	if (t->cred->fsuid == inode->uid || task_has_cap(t, CAP_FOWNER))
		return 0;
	if (!S_ISREG(mode) || (mode & S_ISUID) ||
	    (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ||
	    inode_permission(inode, t, t->cred, MAY_READ | MAY_WRITE) < 0)
		return -EPERM;
	return 0;
}

int vfs_link(struct task *t, int olddfd, const char *old, int newdfd, const char *new, int flags)
{
	struct path src = { 0 };
	struct walk_parent wp = { 0 };
	unsigned int wf = (flags & AT_SYMLINK_FOLLOW) ? 0 : WALK_NOFOLLOW;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		if (old[0] == 0 && !task_has_cap(t, CAP_DAC_READ_SEARCH))
			return -ENOENT;
		wf |= WALK_EMPTY;
	}

	int r = path_lookup(t, olddfd, old, wf, &src);

	if (r < 0)
		return r;
	r = path_lookup_parent(t, newdfd, new, &wp);
	if (r < 0) {
		path_put(&src);
		return r;
	}
	if (wp.kind != LAST_NORM)
		r = -EEXIST;
	else if (src.mnt != wp.dir.mnt)
		r = -EXDEV;
	else if (inode_is_dir(src.dentry->inode))
		r = -EPERM;
	else if (wp.trailing_slash)
		r = -ENOENT;
	else
		r = may_link(t, src.dentry->inode);
	if (r == 0) {
		rwlock_wrlock(&wp.dir.dentry->inode->rw);
		r = link_locked(t, &wp.dir, &wp.last, src.dentry->inode);
		rwlock_unlock(&wp.dir.dentry->inode->rw);
	}
	walk_parent_end(&wp);
	path_put(&src);
	return r;
}

/* The victim as the file system shall see it. Parent locked. */
static int remove_locked(struct task *t, struct walk_parent *wp, bool dir)
{
	struct inode *di = wp->dir.dentry->inode;
	struct dentry *d = NULL;
	struct dentry *negative = NULL;
	int r = dentry_lookup_locked(wp->dir.dentry, &wp->last, &d);

	if (r < 0)
		return r;

	struct inode *vi = d->inode;

	if (!vi)
		r = -ENOENT;
	else if (!dir && wp->trailing_slash)
		r = inode_is_dir(vi) ? -EISDIR : -ENOTDIR;
	else
		r = may_delete(t, t->cred, &wp->dir, d, dir);
	if (r == 0 && dir) {
		rwlock_wrlock_nested(&vi->rw);
		r = di->ops->rmdir ? di->ops->rmdir(di, &wp->last, vi) : -EPERM;
		if (r == 0)
			dentry_drop(d, true);
		rwlock_unlock(&vi->rw);
	} else if (r == 0) {
		r = di->ops->unlink ? di->ops->unlink(di, &wp->last, vi) : -EPERM;
		if (r == 0)
			dentry_drop(d, true);
	}
	if (r == 0) {
		fsnotify(di, IN_DELETE | (dir ? IN_ISDIR : 0), &wp->last, 0);
		fsnotify(vi, vi->nlink == 0 || dir ? IN_DELETE_SELF : IN_ATTRIB, NULL, 0);
		if (dentry_add(wp->dir.dentry, &wp->last, NULL, &negative) == 0)
			dentry_put(negative);
	}
	dentry_put(d);
	return r;
}

static int remove_at(struct task *t, int dfd, const char *name, bool dir)
{
	struct walk_parent wp = { 0 };
	int r = path_lookup_parent(t, dfd, name, &wp);

	if (r < 0)
		return r;
	switch (wp.kind) {
	case LAST_NORM:
		break;
	case LAST_DOT:
		r = dir ? -EINVAL : -EISDIR;
		break;
	case LAST_DOTDOT:
		r = dir ? -ENOTEMPTY : -EISDIR;
		break;
	case LAST_ROOT:
		r = dir ? -EBUSY : -EISDIR;
		break;
	}
	if (r == 0) {
		rwlock_wrlock(&wp.dir.dentry->inode->rw);
		r = remove_locked(t, &wp, dir);
		rwlock_unlock(&wp.dir.dentry->inode->rw);
	}
	walk_parent_end(&wp);
	return r;
}

int vfs_unlink(struct task *t, int dfd, const char *name)
{
	return remove_at(t, dfd, name, false);
}

int vfs_rmdir(struct task *t, int dfd, const char *name)
{
	return remove_at(t, dfd, name, true);
}

ssize_t vfs_readlink(struct task *t, int dfd, const char *name, char *buf, size_t size)
{
	struct path p = { 0 };
	ssize_t r = path_lookup(t, dfd, name, WALK_NOFOLLOW | WALK_EMPTY, &p);

	if (r < 0)
		return r;

	struct inode *inode = p.dentry->inode;

	if (inode_kind(inode) != S_IFLNK || !inode->ops->readlink)
		r = name[0] == 0 ? -ENOENT : -EINVAL;
	else
		r = inode->ops->readlink(inode, t, buf, size);
	if (r >= 0)
		inode_touch_atime(inode);
	path_put(&p);
	return r;
}

int vfs_setattr(struct task *t, const struct path *p, struct iattr *attr)
{
	struct inode *inode = p->dentry->inode;

	if (mount_readonly(p->mnt))
		return -EROFS;

	int r = inode_setattr_check(inode, t, attr);

	if (r < 0)
		return r;
	r = inode_setattr(inode, attr);
	if (r == 0)
		fsnotify_dentry(p->dentry, IN_ATTRIB);
	return r;
}

int vfs_truncate(struct task *t, struct inode *inode, int64_t len)
{
	struct iattr attr = { .valid = ATTR_SIZE, .size = len };

	if (t && len > inode->size) {
		uint64_t limit = task_rlimit(t, RLIMIT_FSIZE);

		if (limit != RLIM_INFINITY && (uint64_t)len > limit) {
			struct ksiginfo info = { .signo = SIGXFSZ, .code = SI_USER,
						 .pid = t->group->pid, .uid = t->cred->uid };

			signal_send_task(t, &info);
			return -EFBIG;
		}
	}
	if (!inode->ops->setattr)
		return -EPERM;
	rwlock_wrlock(&inode->rw);
	inode_kill_suid(inode, t);
	int r = inode->ops->setattr(inode, &attr);

	rwlock_unlock(&inode->rw);
	if (r == 0)
		fsnotify(inode, IN_MODIFY, NULL, 0);
	return r;
}

int file_stat(struct file *f, struct task *t, struct kstat *st)
{
	if (f->ops->stat)
		return f->ops->stat(f, t, st);
	if (f->inode)
		return inode_getattr(f->inode, st);
	/* Anonymous: eventfd, epoll, timerfd, pipes. */
	*st = (struct kstat){ .dev = 12, .ino = (uint64_t)(uintptr_t)f->priv >> 4, .mode = 0600,
			      .nlink = 1, .blksize = 4096 };
	if (pipe_of(f))
		st->mode = S_IFIFO | 0600;
	return 0;
}
