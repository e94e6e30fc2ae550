/* SPDX-License-Identifier: Apache-2.0 */
/* open(2) and its kin: the walk to the last component, creation, permissions, and the file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"
#include "vfs/pipe.h"
#include "vfs/walk_internal.h"

#define O_TMPFILE_BIT 020000000U /* __O_TMPFILE without O_DIRECTORY */
#define O_LARGEFILE_BIT 0100000U
#define O_VALID                                                                                     \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC |   \
	 O_ASYNC | O_DIRECT | O_LARGEFILE_BIT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |        \
	 O_PATH | O_TMPFILE_BIT)

static int access_mask(uint32_t flags)
{
	int mask = 0;

	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_ACCMODE) == O_RDWR)
		mask |= MAY_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		mask |= MAY_WRITE;
	if (flags & O_TRUNC)
		mask |= MAY_WRITE;
	return mask;
}

/* What open(2) refuses for an object that exists. */
static int may_open(struct walk *w, const struct path *p, uint32_t flags)
{
	struct inode *inode = p->dentry->inode;
	int mask = access_mask(flags);

	switch (inode_kind(inode)) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (mount_has(p->mnt, MNT_NODEV))
			return -EACCES;
		break;
	case S_IFREG:
		if ((mask & MAY_WRITE) && mount_readonly(p->mnt))
			return -EROFS;
		break;
	default:
		break;
	}

	int r = mask ? inode_permission(inode, w->task, w->cred, mask) : 0;

	if (r < 0)
		return r;
	if ((flags & O_NOATIME) && w->cred->fsuid != inode->uid && !cred_has_cap(w->cred, CAP_FOWNER))
		return -EPERM;
	return 0;
}

/* An exec keeps writers out and the other way round (ETXTBSY); writers below zero: being executed. */
static int get_write_access(struct inode *inode)
{
	int32_t n = atomic_load(&inode->writers);

	do {
		if (n < 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange_weak(&inode->writers, &n, n + 1));
	return 0;
}

static int open_device(struct inode *inode, struct task *t, struct file *f)
{
	switch (inode_kind(inode)) {
	case S_IFCHR:
		return chrdev_open(inode, t, f);
	case S_IFBLK:
	case S_IFSOCK:
		return -ENXIO;
	default:
		return -EACCES;
	}
}

static void attach(struct file *f, const struct path *p)
{
	f->path = path_dup(p);
	f->inode = p->dentry->inode;
}

static const struct file_ops path_only_ops = { .kind = "path" };

/* Makes the open file. @flags are what fcntl(F_GETFL) shall show and O_PATH. */
static int open_inode(struct task *t, const struct path *p, uint32_t flags, struct file **ret)
{
	struct inode *inode = p->dentry->inode;
	struct file *f = NULL;
	uint32_t keep = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	bool writes = (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
	int r;

	if (flags & O_PATH) {
		r = file_new(&f, &path_only_ops, NULL, keep);
		if (r == 0) {
			attach(f, p);
			*ret = f;
		}
		return r;
	}
	if (inode_kind(inode) == S_IFIFO && !inode->ops->open) {
		r = pipe_open_fifo(&inode->fifo, t, keep, &f);
		if (r == 0) {
			attach(f, p);
			*ret = f;
		}
		return r;
	}

	/* The open operation sees O_TRUNC: an overlay then need not copy what is thrown away. And
	 * O_NOCTTY, which is about what opening a terminal does. */
	r = file_new(&f, NULL, NULL, keep | (flags & (O_TRUNC | O_NOCTTY)));
	if (r < 0)
		return r;
	attach(f, p);
	if (writes && inode_kind(inode) == S_IFREG) {
		r = get_write_access(inode);
		if (r == 0)
			f->wrote_access = true;
	}
	if (r == 0)
		r = inode->ops->open && inode_kind(inode) != S_IFSOCK ? inode->ops->open(inode, t, f) :
									 open_device(inode, t, f);
	if (r < 0) {
		f->ops = NULL;
		file_put(f);
		return r;
	}
	atomic_store_explicit(&f->flags, keep, memory_order_relaxed);
	*ret = f;
	return 0;
}

static int finish_open(struct walk *w, const struct path *p, uint32_t flags, bool created,
		       struct file **ret)
{
	struct inode *inode = p->dentry->inode;
	struct file *f = NULL;
	int r = 0;

	if (!created && !(flags & O_PATH))
		r = may_open(w, p, flags);
	if (r == 0)
		r = open_inode(w->task, p, flags, &f);
	if (r == 0 && (flags & O_TRUNC) && !created && inode_kind(inode) == S_IFREG) {
		r = vfs_truncate(w->task, inode, 0);
		if (r < 0)
			file_put(f);
	}
	if (r < 0)
		return r;
	if (!(flags & O_PATH))
		fsnotify_file(f, IN_OPEN);
	*ret = f;
	return 0;
}

/* Creates the last component below w->cur. -EEXIST when another was faster. */
static int create_last(struct walk *w, uint32_t flags, uint32_t mode, struct file **ret)
{
	struct dentry *d = NULL;
	struct inode_init init = { .mode = S_IFREG | (mode & 07777 & ~task_umask(w->task)) };
	int r;

	(void)flags;
	rwlock_wrlock(&w->cur.dentry->inode->rw);
	r = vfs_create_locked(w->task, w->cred, &w->cur, &w->last, &init, &d);
	rwlock_unlock(&w->cur.dentry->inode->rw);
	if (r < 0)
		return r;

	struct path p = { mount_get(w->cur.mnt), d };

	r = finish_open(w, &p, flags, true, ret);
	path_put(&p);
	return r;
}

/* The last component of open with O_CREAT: 1 when @w moved on (a symlink), else the result. */
static int open_create_step(struct walk *w, uint32_t flags, uint32_t mode, struct file **ret)
{
	struct dentry *d = NULL;

	if (w->last_kind != LAST_NORM || w->trailing_slash)
		return -EISDIR;

	int r = walk_lookup_name(w, &w->last, &d);

	if (r < 0)
		return r;
	if (!d->inode) {
		dentry_put(d);
		return create_last(w, flags, mode, ret);
	}
	if (flags & O_EXCL) {
		dentry_put(d);
		return -EEXIST;
	}
	if (inode_kind(d->inode) == S_IFLNK && atomic_load(&d->mounts) == 0) {
		r = (flags & O_NOFOLLOW) ? -ELOOP : walk_follow(w, d);
		dentry_put(d);
		return r < 0 ? r : 1;
	}
	r = walk_enter(w, d);
	if (r < 0)
		return r;
	if (inode_is_dir(w->cur.dentry->inode))
		return -EISDIR;
	/* fs.protected_regular and protected_fifos are off, as on many hosts. */
	return finish_open(w, &w->cur, flags, false, ret);
}

static int reopen_file(struct walk *w, uint32_t flags, struct file **ret)
{
	struct file *f = w->file;
	uint32_t have = atomic_load(&f->flags) & O_ACCMODE;

	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (f->ops->reopen)
		return f->ops->reopen(f, w->task, flags, ret);
	if (have != O_RDWR && have != (flags & O_ACCMODE))
		return -EACCES;
	*ret = file_get(f);
	return 0;
}

static int open_create(struct walk *w, uint32_t flags, uint32_t mode, struct file **ret)
{
	for (int tries = 0;;) {
		int r = walk_parent(w);

		if (r < 0)
			return r;
		r = open_create_step(w, flags, mode, ret);
		if (r == 1) {
			if (w->jumped)
				return w->file ? reopen_file(w, flags, ret) :
						 finish_open(w, &w->cur, flags, false, ret);
			continue;
		}
		if (r != -EEXIST || (flags & O_EXCL) || ++tries > 8)
			return r;
		/* Somebody created it meanwhile: look again. */
		w->stack[w->depth++] = w->last.s;
	}
}

static int open_tmpfile(struct walk *w, uint32_t flags, uint32_t mode, struct file **ret)
{
	struct inode *inode = NULL;
	struct dentry *d = NULL;
	int r = walk_finish(w, WALK_DIRECTORY);

	if (r < 0)
		return r;

	struct inode *dir = w->cur.dentry->inode;
	struct inode_init init = { .mode = S_IFREG | (mode & 07777 & ~task_umask(w->task)) };

	if (mount_readonly(w->cur.mnt))
		return -EROFS;
	r = inode_permission(dir, w->task, w->cred, MAY_WRITE | MAY_EXEC);
	if (r < 0)
		return r;
	if (!dir->ops->tmpfile)
		return -EOPNOTSUPP;
	vfs_new_owner(dir, w->cred, &init);
	r = dir->ops->tmpfile(dir, &init, &inode);
	if (r < 0)
		return r;
	r = dentry_new_root(&d, dir->sb, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	d->deleted = true;

	struct path p = { mount_get(w->cur.mnt), d };

	r = open_inode(w->task, &p, flags & ~(uint32_t)(O_TMPFILE_BIT | O_DIRECTORY), ret);
	path_put(&p);
	return r;
}

static int open_existing(struct walk *w, uint32_t flags, struct file **ret)
{
	unsigned int wf = 0;

	if (flags & O_NOFOLLOW)
		wf |= WALK_NOFOLLOW;
	if (flags & O_DIRECTORY)
		wf |= WALK_DIRECTORY;

	w->for_read = !(flags & (O_ACCMODE | O_PATH | O_DIRECTORY | O_TRUNC));
	int r = walk_finish(w, wf);

	if (r < 0)
		return r;
	if (w->file)
		return reopen_file(w, flags, ret);
	return finish_open(w, &w->cur, flags, false, ret);
}

static int check_how(const struct open_how *how)
{
	uint64_t flags = how->flags;

	if (how->resolve & ~(uint64_t)(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
				       RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED))
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if ((flags & O_TMPFILE_BIT) &&
	    ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_ACCMODE) == O_RDONLY))
		return -EINVAL;
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT) && !(flags & O_TMPFILE_BIT))
		return -EINVAL;
	if ((flags & O_ACCMODE) == O_ACCMODE && !(flags & O_PATH))
		return -EINVAL;
	return 0;
}

int vfs_openat(struct task *t, int dfd, const char *name, const struct open_how *how,
	       struct file **ret)
{
	uint32_t flags = (uint32_t)how->flags & O_VALID;
	struct walk w;
	int r = check_how(how);

	if (r < 0)
		return r;
	if (name[0] == 0)
		return -ENOENT;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	r = walk_init(&w, t, dfd, name, how->resolve);
	if (r < 0)
		return r;
	if (flags & O_TMPFILE_BIT)
		r = open_tmpfile(&w, flags, (uint32_t)how->mode, ret);
	else if (flags & O_CREAT)
		r = open_create(&w, flags, (uint32_t)how->mode, ret);
	else
		r = open_existing(&w, flags, ret);
	walk_fini(&w);
	return r;
}

int vfs_open_path(struct task *t, const struct path *p, uint32_t flags, struct file **ret)
{
	struct walk w;

	memset(&w, 0, offsetof(struct walk, stack));
	w.task = t;
	w.cred = t->cred;

	return finish_open(&w, p, flags, false, ret);
}

int vfs_open_exec(struct task *t, int dfd, const char *name, int flags, struct file **ret)
{
	struct path p = { 0 };
	unsigned int wf = 0;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_SYMLINK_NOFOLLOW)
		wf |= WALK_NOFOLLOW;
	if (flags & AT_EMPTY_PATH)
		wf |= WALK_EMPTY;

	int r = path_lookup(t, dfd, name, wf, &p);

	if (r < 0)
		return r == -EPERM ? -EACCES : r;

	struct inode *inode = p.dentry->inode;

	if (inode_kind(inode) == S_IFLNK)
		r = -ELOOP;
	else if (inode_kind(inode) != S_IFREG || mount_has(p.mnt, MNT_NOEXEC))
		r = -EACCES;
	else
		r = inode_permission(inode, t, t->cred, MAY_EXEC);
	if (r == 0 && atomic_load(&inode->writers) > 0)
		r = -ETXTBSY;
	if (r == 0)
		r = open_inode(t, &p, O_RDONLY, ret);
	path_put(&p);
	return r;
}
