/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2), renameat2(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "task/task.h"
#include "vfs/dentry.h"
#include "vfs/namespace_internal.h"

/* Locks both directories, an ancestor first. With two of them the file system's rename lock keeps
 * their relation still. */
static void lock_dirs(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		rwlock_wrlock(&a->inode->rw);
		return;
	}
	mutex_lock(&a->sb->rename_mu);
	/* Unrelated ones by address: any order would do under the rename lock. */
	if (dentry_is_below(a, b) || (b->inode < a->inode && !dentry_is_below(b, a))) {
		struct dentry *tmp = a;

		a = b;
		b = tmp;
	}
	rwlock_wrlock(&a->inode->rw);
	rwlock_wrlock_nested(&b->inode->rw);
}

static void unlock_dirs(struct dentry *a, struct dentry *b)
{
	rwlock_unlock(&a->inode->rw);
	if (a == b)
		return;
	rwlock_unlock(&b->inode->rw);
	mutex_unlock(&a->sb->rename_mu);
}

struct rename {
	struct task *t;
	struct walk_parent from, to;
	struct dentry *src, *dst; /* dst may be negative */
	unsigned int flags;
};

/* Shape errors: what exists, loops, trailing slashes. */
static int check_shape(const struct rename *rn)
{
	const struct dentry *src = rn->src;
	const struct dentry *dst = rn->dst;

	if (!src->inode)
		return -ENOENT;
	if ((rn->flags & RENAME_NOREPLACE) && dst->inode)
		return -EEXIST;
	if ((rn->flags & RENAME_EXCHANGE) && !dst->inode)
		return -ENOENT;
	if (!inode_is_dir(src->inode)) {
		if (rn->from.trailing_slash)
			return -ENOTDIR;
		if (!(rn->flags & RENAME_EXCHANGE) && rn->to.trailing_slash)
			return -ENOTDIR;
	}
	if ((rn->flags & RENAME_EXCHANGE) && !inode_is_dir(dst->inode) && rn->to.trailing_slash)
		return -ENOTDIR;
	if (dentry_is_below(rn->to.dir.dentry, rn->src))
		return -EINVAL;
	if (dentry_is_below(rn->from.dir.dentry, rn->dst))
		return (rn->flags & RENAME_EXCHANGE) ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_permissions(struct rename *rn)
{
	struct task *t = rn->t;
	bool src_dir = inode_is_dir(rn->src->inode);
	int r = may_delete(t, t->cred, &rn->from.dir, rn->src, src_dir);

	if (r < 0)
		return r;
	if (!rn->dst->inode)
		r = may_create(t, t->cred, &rn->to.dir);
	else
		r = may_delete(t, t->cred, &rn->to.dir, rn->dst,
			       (rn->flags & RENAME_EXCHANGE) ? inode_is_dir(rn->dst->inode) : src_dir);
	if (r < 0)
		return r;
	/* A directory's ".." changes. */
	if (src_dir && rn->from.dir.dentry != rn->to.dir.dentry)
		r = inode_permission(rn->src->inode, t, t->cred, MAY_WRITE);
	if (r == 0 && (rn->flags & RENAME_EXCHANGE) && inode_is_dir(rn->dst->inode) &&
	    rn->from.dir.dentry != rn->to.dir.dentry)
		r = inode_permission(rn->dst->inode, t, t->cred, MAY_WRITE);
	return r;
}

static void notify(const struct rename *rn)
{
	static _Atomic uint32_t next_cookie = 1;
	uint32_t cookie = atomic_fetch_add(&next_cookie, 1);
	uint32_t dir = inode_is_dir(rn->src->inode) ? IN_ISDIR : 0;

	fsnotify(rn->from.dir.dentry->inode, IN_MOVED_FROM | dir, &rn->from.last, cookie);
	fsnotify(rn->to.dir.dentry->inode, IN_MOVED_TO | dir, &rn->to.last, cookie);
	fsnotify(rn->src->inode, IN_MOVE_SELF, NULL, 0);
}

static int rename_locked(struct rename *rn)
{
	struct inode *from = rn->from.dir.dentry->inode;
	struct inode *to = rn->to.dir.dentry->inode;
	struct inode *victim = NULL;
	int r = dentry_lookup_locked(rn->from.dir.dentry, &rn->from.last, &rn->src);

	if (r == 0)
		r = dentry_lookup_locked(rn->to.dir.dentry, &rn->to.last, &rn->dst);
	if (r == 0)
		r = check_shape(rn);
	if (r < 0)
		return r;
	if (rn->src->inode == rn->dst->inode)
		return 0; /* two names of one object: nothing to do */
	r = check_permissions(rn);
	if (r < 0)
		return r;
	if (!from->ops->rename)
		return -EPERM;

	victim = rn->dst->inode;
	bool lock_victim = victim && inode_is_dir(victim);

	if (lock_victim)
		rwlock_wrlock_nested(&victim->rw);
	r = from->ops->rename(from, &rn->from.last, rn->src->inode, to, &rn->to.last, victim, rn->flags);
	if (r == 0) {
		if (rn->flags & RENAME_EXCHANGE) {
			r = dentry_exchange(rn->src, rn->dst);
		} else {
			dentry_drop(rn->dst, victim != NULL);
			r = dentry_move(rn->src, rn->to.dir.dentry, &rn->to.last);
		}
	}
	if (lock_victim)
		rwlock_unlock(&victim->rw);
	if (r == 0)
		notify(rn);
	return r;
}

static int check_kinds(const struct rename *rn)
{
	if (rn->from.dir.mnt != rn->to.dir.mnt)
		return -EXDEV;
	if (rn->from.kind != LAST_NORM)
		return -EBUSY;
	if (rn->to.kind != LAST_NORM)
		return (rn->flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY;
	return 0;
}

int vfs_rename(struct task *t, int olddfd, const char *old, int newdfd, const char *new,
	       unsigned int flags)
{
	struct rename rn = { .t = t, .flags = flags };

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((flags & RENAME_WHITEOUT) ||
	    (flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;

	int r = path_lookup_parent(t, olddfd, old, &rn.from);

	if (r < 0)
		return r;
	r = path_lookup_parent(t, newdfd, new, &rn.to);
	if (r == 0)
		r = check_kinds(&rn);
	if (r == 0) {
		lock_dirs(rn.from.dir.dentry, rn.to.dir.dentry);
		r = rename_locked(&rn);
		unlock_dirs(rn.from.dir.dentry, rn.to.dir.dentry);
	}
	dentry_put(rn.src);
	dentry_put(rn.dst);
	walk_parent_end(&rn.from);
	walk_parent_end(&rn.to);
	return r;
}
