/* SPDX-License-Identifier: Apache-2.0 */
/* Advisory locks (flock(2), fcntl_locking(2)). */
#include "vfs/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>

#include "task/task.h"
#include "util/list.h"
#include "vfs/pseudo.h"

enum lock_kind { LOCK_KIND_FLOCK, LOCK_KIND_POSIX, LOCK_KIND_OFD };

struct file_lock {
	struct list link; /* in ctx->held, or on the stack of a waiter */
	enum lock_kind kind;
	const void *owner; /* POSIX: struct fdtable; flock, OFD: struct file. Identity only. */
	bool write;
	int64_t start, end; /* inclusive; end INT64_MAX: to the end of the file */
	int32_t pid;
};

struct lock_ctx {
	struct list held; /* struct file_lock, POSIX ones by start */
	struct waitq waitq;
	struct list all_link; /* for /proc/locks */
	struct inode *inode;
};

/* A task that sleeps for a POSIX lock, for the deadlock check. */
struct blocked {
	struct list link;
	const void *owner;
	const void *blocker;
};

static struct mutex locks_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT };
static struct list all_ctx = { &all_ctx, &all_ctx };	 /* [locks_mu] */
static struct list all_blocked = { &all_blocked, &all_blocked }; /* [locks_mu] */

static struct lock_ctx *ctx_get_locked(struct inode *inode)
{
	if (inode->locks)
		return inode->locks;

	struct lock_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	list_init(&ctx->held);
	waitq_init(&ctx->waitq);
	ctx->inode = inode;
	list_push_back(&all_ctx, &ctx->all_link);
	__atomic_store_n(&inode->locks, ctx, __ATOMIC_RELEASE);
	return ctx;
}

void lock_ctx_free(struct inode *inode)
{
	struct lock_ctx *ctx = inode->locks;
	struct file_lock *l;

	if (!ctx)
		return;
	mutex_lock(&locks_mu);
	list_remove(&ctx->all_link);
	mutex_unlock(&locks_mu);
	while ((l = list_pop_entry(&ctx->held, struct file_lock, link)))
		free(l);
	waitq_fini(&ctx->waitq);
	free(ctx);
	inode->locks = NULL;
}

/* flock and record locks do not see each other. */
static bool same_family(const struct file_lock *a, const struct file_lock *b)
{
	return (a->kind == LOCK_KIND_FLOCK) == (b->kind == LOCK_KIND_FLOCK);
}

static struct file_lock *conflict_locked(struct lock_ctx *ctx, const struct file_lock *want)
{
	list_for_each(node, &ctx->held) {
		struct file_lock *l = list_entry(node, struct file_lock, link);

		if (!same_family(l, want) || l->owner == want->owner)
			continue;
		if (l->start <= want->end && want->start <= l->end && (l->write || want->write))
			return l;
	}
	return NULL;
}

static struct file_lock *lock_dup(const struct file_lock *from)
{
	struct file_lock *l = malloc(sizeof(*l));

	if (l) {
		*l = *from;
		l->link = (struct list){ 0 };
	}
	return l;
}

/* Removes the owner's range [start, end]; splits what sticks out. Returns whether anything changed, or
 * -ENOLCK. */
static int cut_locked(struct lock_ctx *ctx, const struct file_lock *range)
{
	int changed = 0;

	list_for_each_safe(node, &ctx->held) {
		struct file_lock *l = list_entry(node, struct file_lock, link);

		if (l->kind != range->kind || l->owner != range->owner || l->start > range->end ||
		    range->start > l->end)
			continue;
		changed = 1;
		if (l->start < range->start && l->end > range->end) {
			struct file_lock *right = lock_dup(l);

			if (!right)
				return -ENOLCK;
			right->start = range->end + 1;
			l->end = range->start - 1;
			list_insert_after(&l->link, &right->link);
		} else if (l->start < range->start) {
			l->end = range->start - 1;
		} else if (l->end > range->end) {
			l->start = range->end + 1;
		} else {
			list_remove(&l->link);
			free(l);
		}
	}
	return changed;
}

/* Adds a lock that conflicts with none, merged with equal neighbours of the same owner. */
static int add_locked(struct lock_ctx *ctx, const struct file_lock *want)
{
	struct file_lock *l = lock_dup(want);

	if (!l)
		return -ENOLCK;
	int r = cut_locked(ctx, want);

	if (r < 0) {
		free(l);
		return r;
	}
	list_for_each_safe(node, &ctx->held) {
		struct file_lock *o = list_entry(node, struct file_lock, link);

		if (o->kind != l->kind || o->owner != l->owner || o->write != l->write)
			continue;
		if (o->end != INT64_MAX && o->end + 1 == l->start)
			l->start = o->start;
		else if (l->end != INT64_MAX && l->end + 1 == o->start)
			l->end = o->end;
		else
			continue;
		list_remove(&o->link);
		free(o);
	}
	list_push_back(&ctx->held, &l->link);
	return 0;
}

/* Whether making @owner wait for @blocker closes a circle. */
static bool deadlock_locked(const void *owner, const void *blocker)
{
	for (int hops = 0; hops < 64; hops++) {
		if (blocker == owner)
			return true;

		const void *next = NULL;

		list_for_each(node, &all_blocked) {
			struct blocked *b = list_entry(node, struct blocked, link);

			if (b->owner == blocker) {
				next = b->blocker;
				break;
			}
		}
		if (!next)
			return false;
		blocker = next;
	}
	return false;
}

/* Tries once. On -EAGAIN *blocker is who holds it. */
static int try_lock(struct inode *inode, const struct file_lock *want, const void **blocker,
		    struct blocked *wait)
{
	int r;

	mutex_lock(&locks_mu);
	struct lock_ctx *ctx = ctx_get_locked(inode);
	struct file_lock *other = ctx ? conflict_locked(ctx, want) : NULL;

	if (wait)
		list_remove(&wait->link);
	if (!ctx) {
		r = -ENOLCK;
	} else if (other) {
		*blocker = other->owner;
		r = -EAGAIN;
		if (wait && want->kind == LOCK_KIND_POSIX) {
			if (deadlock_locked(want->owner, other->owner)) {
				r = -EDEADLK;
			} else {
				wait->owner = want->owner;
				wait->blocker = other->owner;
				list_push_back(&all_blocked, &wait->link);
			}
		}
	} else {
		r = add_locked(ctx, want);
	}
	mutex_unlock(&locks_mu);
	return r;
}

static void unlock_range(struct inode *inode, const struct file_lock *range)
{
	struct lock_ctx *ctx = __atomic_load_n(&inode->locks, __ATOMIC_ACQUIRE);

	if (!ctx)
		return;
	mutex_lock(&locks_mu);
	int changed = cut_locked(ctx, range);

	mutex_unlock(&locks_mu);
	if (changed > 0)
		waitq_wake(&ctx->waitq, EPOLLIN);
}

static int lock_wait(struct inode *inode, struct task *t, const struct file_lock *want)
{
	struct task_waiter w;
	struct blocked blocked = { 0 };
	const void *blocker = NULL;
	int r = try_lock(inode, want, &blocker, NULL);

	if (r != -EAGAIN)
		return r;
	task_waiter_init(&w, t);
	waitq_add(&inode->locks->waitq, &w.waiter, EPOLLIN);
	for (;;) {
		task_wait_begin(t);
		r = try_lock(inode, want, &blocker, &blocked);
		if (r != -EAGAIN)
			break;
		r = task_wait(t, WAIT_FOREVER);
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	mutex_lock(&locks_mu);
	list_remove(&blocked.link);
	mutex_unlock(&locks_mu);
	return r;
}

int lock_flock(struct file *f, struct task *t, int op)
{
	struct file_lock want = { .kind = LOCK_KIND_FLOCK, .owner = f, .end = INT64_MAX,
				  .pid = t->group->pid };
	bool nb = (op & LOCK_NB) != 0;
	const void *blocker = NULL;

	if (!f->inode)
		return -EBADF;
	switch (op & ~LOCK_NB) {
	case LOCK_UN:
		unlock_range(f->inode, &want);
		return 0;
	case LOCK_SH:
		break;
	case LOCK_EX:
		want.write = true;
		break;
	default:
		return -EINVAL;
	}
	f->locked = true;
	/* Converting is not atomic (flock(2)): the old lock goes first when the new one must wait. */
	int r = try_lock(f->inode, &want, &blocker, NULL);

	if (r != -EAGAIN || nb)
		return r == -EAGAIN ? -EWOULDBLOCK : r;
	unlock_range(f->inode, &want);
	return lock_wait(f->inode, t, &want);
}

static int get_lock(struct inode *inode, const struct file_lock *want, struct flock *lk)
{
	mutex_lock(&locks_mu);
	struct file_lock *other = inode->locks ? conflict_locked(inode->locks, want) : NULL;

	if (!other) {
		lk->l_type = F_UNLCK;
	} else {
		lk->l_type = other->write ? F_WRLCK : F_RDLCK;
		lk->l_whence = SEEK_SET;
		lk->l_start = other->start;
		lk->l_len = other->end == INT64_MAX ? 0 : other->end - other->start + 1;
		lk->l_pid = other->kind == LOCK_KIND_OFD ? -1 : other->pid;
	}
	mutex_unlock(&locks_mu);
	return 0;
}

/* l_whence, l_start, l_len to an inclusive range (fcntl_locking(2)). */
static int range_of(struct file *f, const struct flock *lk, struct file_lock *ret)
{
	int64_t base = 0;
	int64_t start;

	switch (lk->l_whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = f->inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, lk->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (lk->l_len < 0) {
		if (start + lk->l_len < 0)
			return -EINVAL;
		ret->end = start - 1;
		ret->start = start + lk->l_len;
		return 0;
	}
	ret->start = start;
	ret->end = INT64_MAX;
	if (lk->l_len > 0 && __builtin_add_overflow(start, lk->l_len - 1, &ret->end))
		return -EOVERFLOW;
	return 0;
}

int lock_fcntl(struct file *f, struct task *t, int cmd, struct flock *lk)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	uint32_t mode = atomic_load(&f->flags) & O_ACCMODE;
	struct file_lock want = { .kind = ofd ? LOCK_KIND_OFD : LOCK_KIND_POSIX,
				  .owner = ofd ? (const void *)f : (const void *)t->files,
				  .pid = t->group->pid };
	const void *blocker = NULL;

	if (!f->inode)
		return -EINVAL;
	if (ofd && lk->l_pid != 0)
		return -EINVAL;

	int r = range_of(f, lk, &want);

	if (r < 0)
		return r;
	if (lk->l_type != F_RDLCK && lk->l_type != F_WRLCK && lk->l_type != F_UNLCK)
		return -EINVAL;
	want.write = lk->l_type == F_WRLCK;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		if (lk->l_type == F_UNLCK)
			return -EINVAL;
		return get_lock(f->inode, &want, lk);
	}
	if (lk->l_type == F_UNLCK) {
		unlock_range(f->inode, &want);
		return 0;
	}
	if ((want.write && mode == O_RDONLY) || (!want.write && mode == O_WRONLY))
		return -EBADF;
	if (ofd)
		f->locked = true;
	if (cmd == F_SETLKW || cmd == F_OFD_SETLKW)
		return lock_wait(f->inode, t, &want);
	return try_lock(f->inode, &want, &blocker, NULL);
}

void lock_close_posix(struct inode *inode, const void *owner)
{
	unlock_range(inode, &(struct file_lock){ .kind = LOCK_KIND_POSIX, .owner = owner,
						 .end = INT64_MAX });
}

void lock_release_file(struct file *f)
{
	if (!f->inode)
		return;
	unlock_range(f->inode,
		     &(struct file_lock){ .kind = LOCK_KIND_FLOCK, .owner = f, .end = INT64_MAX });
	unlock_range(f->inode,
		     &(struct file_lock){ .kind = LOCK_KIND_OFD, .owner = f, .end = INT64_MAX });
}

void lock_show(struct seq *s)
{
	static const char *const kinds[] = { "FLOCK", "POSIX", "OFDLCK" };
	int n = 1;

	mutex_lock(&locks_mu);
	list_for_each(c, &all_ctx) {
		struct lock_ctx *ctx = list_entry(c, struct lock_ctx, all_link);

		list_for_each(node, &ctx->held) {
			struct file_lock *l = list_entry(node, struct file_lock, link);

			seq_printf(s, "%d: %s  ADVISORY  %s %d 00:%02x:%llu %lld ", n++, kinds[l->kind],
				   l->write ? "WRITE" : "READ", l->kind == LOCK_KIND_OFD ? -1 : l->pid,
				   (unsigned int)(ctx->inode->sb->dev & 0xff),
				   (unsigned long long)ctx->inode->ino, (long long)l->start);
			if (l->end == INT64_MAX)
				seq_printf(s, "EOF\n");
			else
				seq_printf(s, "%lld\n", (long long)l->end);
		}
	}
	mutex_unlock(&locks_mu);
}
