/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and super blocks: life, attributes, permission by mode bits. */
#include "vfs/inode.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/clock.h"
#include "task/cred.h"
#include "task/task.h"
#include "vfs/dentry.h"
#include "vfs/lock.h"
#include "vfs/pipe.h"

static _Atomic uint32_t next_minor = 20;

void super_init(struct super *sb, const struct super_ops *ops, const char *type, uint32_t magic)
{
	ref_init(&sb->ref);
	sb->ops = ops;
	sb->type = type;
	sb->magic = magic;
	sb->dev = makedev(0, atomic_fetch_add(&next_minor, 1));
	sb->flags = 0;
	sb->root = NULL;
	mutex_init(&sb->rename_mu, RANK_RENAME);
	sb->next_ino = 2;
	sb->inode_rank = RANK_INODE;
}

void super_make_layer(struct super *sb)
{
	sb->inode_rank = RANK_INODE_LAYER;
	if (sb->root)
		sb->root->inode->rw.rank = RANK_INODE_LAYER;
}

int super_set_root(struct super *sb, struct inode *root)
{
	int r = dentry_new_root(&sb->root, sb, root);

	if (r < 0)
		inode_put(root);
	return r;
}

void super_get(struct super *sb)
{
	ref_get(&sb->ref);
}

void super_put(struct super *sb)
{
	if (!sb || !ref_put(&sb->ref))
		return;

	dentry_shrink_super(sb);
	struct dentry *root = sb->root;

	sb->root = NULL;
	dentry_put(root);
	mutex_fini(&sb->rename_mu);
	sb->ops->free(sb);
}

uint64_t super_new_ino(struct super *sb)
{
	return atomic_fetch_add_explicit(&sb->next_ino, 1, memory_order_relaxed);
}

void inode_init(struct inode *inode, struct super *sb, const struct inode_ops *ops, uint32_t mode)
{
	ref_init(&inode->ref);
	inode->sb = sb;
	inode->ops = ops;
	inode->mode = mode;
	inode->nlink = 1;
	rwlock_init(&inode->rw, sb->inode_rank);
	mutex_init(&inode->attr_mu, RANK_LEAF);
	clock_read(CLOCK_REALTIME, &inode->mtime);
	inode->atime = inode->ctime = inode->btime = inode->mtime;
	list_init(&inode->watches);
}

void inode_fini(struct inode *inode)
{
	if (inode->map.ops)
		mappable_fini(&inode->map);
	if (inode->locks)
		lock_ctx_free(inode);
	if (inode->fifo)
		pipe_put(inode->fifo);
	rwlock_fini(&inode->rw);
	mutex_fini(&inode->attr_mu);
}

void inode_put(struct inode *inode)
{
	if (inode && ref_put(&inode->ref))
		inode->ops->free(inode);
}

void inode_set_owner(struct inode *inode, uint32_t uid, uint32_t gid)
{
	inode->uid = uid;
	inode->gid = gid;
}

void inode_fill_stat(struct inode *inode, struct kstat *st)
{
	*st = (struct kstat){
		.dev = inode->sb->dev,
		.ino = inode->ino,
		.rdev = inode->rdev,
		.mode = inode->mode,
		.nlink = inode->nlink,
		.uid = inode->uid,
		.gid = inode->gid,
		.blksize = 4096,
		.size = inode->size,
		.blocks = ((uint64_t)inode->size + 511) / 512,
		.has_btime = true,
	};
	mutex_lock(&inode->attr_mu);
	st->atime = inode->atime;
	st->mtime = inode->mtime;
	st->ctime = inode->ctime;
	st->btime = inode->btime;
	mutex_unlock(&inode->attr_mu);
}

void inode_apply_attr(struct inode *inode, const struct iattr *attr)
{
	if (attr->valid & ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (attr->mode & 07777);
	if (attr->valid & ATTR_UID)
		inode->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->gid = attr->gid;
	mutex_lock(&inode->attr_mu);
	if (attr->valid & ATTR_ATIME)
		inode->atime = attr->atime;
	if (attr->valid & ATTR_MTIME)
		inode->mtime = attr->mtime;
	clock_read(CLOCK_REALTIME, &inode->ctime);
	if (attr->valid & ATTR_SIZE)
		inode->mtime = inode->ctime;
	mutex_unlock(&inode->attr_mu);
}

void inode_touch(struct inode *inode, bool mtime, bool ctime)
{
	struct timespec now;

	clock_read(CLOCK_REALTIME_COARSE, &now);
	mutex_lock(&inode->attr_mu);
	if (mtime)
		inode->mtime = now;
	if (ctime)
		inode->ctime = now;
	mutex_unlock(&inode->attr_mu);
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* As the relatime mount option, which is Linux's default: when older than the last change, or a day. */
void inode_touch_atime(struct inode *inode)
{
	struct timespec now;

	clock_read(CLOCK_REALTIME_COARSE, &now);
	mutex_lock(&inode->attr_mu);
	if (!later(&inode->atime, &inode->mtime) || !later(&inode->atime, &inode->ctime) ||
	    now.tv_sec - inode->atime.tv_sec >= 86400)
		inode->atime = now;
	mutex_unlock(&inode->attr_mu);
}

/* credentials(7), path_resolution(7). */
int inode_permission(struct inode *inode, struct task *t, const struct cred *cred, int mask)
{
	if (inode->ops->permission)
		return inode->ops->permission(inode, t, cred, mask);

	uint32_t mode = atomic_load_explicit(&inode->mode, memory_order_relaxed);
	uint32_t bits = mode;

	if (cred->fsuid == atomic_load_explicit(&inode->uid, memory_order_relaxed))
		bits >>= 6;
	else if (((bits >> 3) & 7) != (bits & 7) && cred_in_group(cred, inode->gid))
		bits >>= 3;
	if (((uint32_t)mask & ~bits & 7) == 0)
		return 0;

	if (S_ISDIR(mode)) {
		if (!(mask & MAY_WRITE) && cred_has_cap(cred, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_has_cap(cred, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_has_cap(cred, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (mode & 0111)) && cred_has_cap(cred, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_getattr(struct inode *inode, struct kstat *st)
{
	if (inode->ops->getattr)
		return inode->ops->getattr(inode, st);
	inode_fill_stat(inode, st);
	return 0;
}

int inode_setattr(struct inode *inode, const struct iattr *attr)
{
	if (!inode->ops->setattr)
		return -EPERM;
	rwlock_wrlock(&inode->rw);
	int r = inode->ops->setattr(inode, attr);

	rwlock_unlock(&inode->rw);
	return r;
}

static int check_owner_change(struct inode *inode, const struct cred *cred, const struct iattr *attr)
{
	bool owner = cred->fsuid == inode->uid;

	if (cred_has_cap(cred, CAP_CHOWN))
		return 0;
	if ((attr->valid & ATTR_UID) && !(owner && attr->uid == inode->uid))
		return -EPERM;
	if ((attr->valid & ATTR_GID) &&
	    !(owner && (attr->gid == inode->gid || cred_in_group(cred, attr->gid))))
		return -EPERM;
	return 0;
}

int inode_setattr_check(struct inode *inode, struct task *t, struct iattr *attr)
{
	const struct cred *cred = t->cred;
	bool owner = cred->fsuid == inode->uid || cred_has_cap(cred, CAP_FOWNER);

	if (attr->valid & (ATTR_UID | ATTR_GID)) {
		int r = check_owner_change(inode, cred, attr);

		if (r < 0)
			return r;
		/* chown(2): executables lose setuid and setgid. */
		uint32_t mode = inode->mode;

		if (!S_ISDIR(mode) && (mode & (S_ISUID | S_ISGID)) && !(attr->valid & ATTR_MODE)) {
			attr->mode = mode & 07777 & ~(uint32_t)S_ISUID;
			if (mode & S_IXGRP)
				attr->mode &= ~(uint32_t)S_ISGID;
			attr->valid |= ATTR_MODE;
			return 0;
		}
	}
	if (attr->valid & ATTR_MODE) {
		if (!owner)
			return -EPERM;
		if (!cred_in_group(cred, inode->gid) && !cred_has_cap(cred, CAP_FSETID))
			attr->mode &= ~(uint32_t)S_ISGID;
	}
	if (attr->valid & (ATTR_ATIME | ATTR_MTIME)) {
		if (owner)
			return 0;
		if (!(attr->valid & ATTR_TIMES_NOW))
			return -EPERM;
		return inode_permission(inode, t, cred, MAY_WRITE);
	}
	return 0;
}

void inode_kill_suid(struct inode *inode, struct task *t)
{
	uint32_t mode = inode->mode;
	uint32_t kill = mode & S_ISUID;

	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		kill |= S_ISGID;
	if (!kill || !t || cred_has_cap(t->cred, CAP_FSETID) || !inode->ops->setattr)
		return;

	struct iattr attr = { .valid = ATTR_MODE, .mode = mode & 07777 & ~kill };

	(void)inode->ops->setattr(inode, &attr);
}

int64_t generic_llseek_size(struct file *f, int64_t off, int whence, int64_t size)
{
	int64_t base = 0;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
		if (off < 0 || off >= size)
			return -ENXIO;
		f->pos = off;
		return off;
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		f->pos = size;
		return size;
	default:
		return -EINVAL;
	}

	int64_t pos;

	if (__builtin_add_overflow(base, off, &pos))
		return -EOVERFLOW;
	if (pos < 0)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

int64_t generic_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	return generic_llseek_size(f, off, whence, f->inode ? f->inode->size : 0);
}

int64_t generic_dir_llseek(struct file *f, struct task *t, int64_t off, int whence)
{
	(void)t;
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return generic_llseek_size(f, off, whence, 0);
}
