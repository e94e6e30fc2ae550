/* SPDX-License-Identifier: Apache-2.0 */
/* File events (inotify(7)): watches on inodes, queues of events.
 *
 * One mutex for all of it: events are rare, and a file that nobody watches costs one load.
 */
#include "vfs/inotify.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "mm/mm.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"

#define EVENTS_MAX 16384U  /* fs.inotify.max_queued_events */
#define WATCHES_MAX 65536U /* of the sandbox */
#define IN_KIND_MASK (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED)

struct event {
	struct list link;
	struct inotify_event ev;
	char name[];
};

struct watch {
	struct list inode_link; /* in inode->watches */
	struct list link;	/* in in->watches */
	struct inotify *in;
	struct inode *inode; /* reference */
	uint32_t mask;
	int wd;
};

struct inotify {
	struct waitq waitq;
	struct list watches; /* [watch_mu] */
	struct list events;  /* [watch_mu] */
	uint32_t n_events;   /* [watch_mu] */
	int next_wd;	     /* [watch_mu] */
};

static struct mutex watch_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_OBJECT };
static _Atomic uint32_t n_watches;

/* ---- queueing ---- */

static bool same_event(const struct event *e, int wd, uint32_t mask, uint32_t cookie,
		       const struct fname *name)
{
	size_t len = name ? name->len : 0;

	return e->ev.wd == wd && e->ev.mask == mask && e->ev.cookie == cookie &&
	       strnlen(e->name, e->ev.len) == len && memcmp(e->name, name ? name->s : "", len) == 0;
}

static void queue_locked(struct inotify *in, int wd, uint32_t mask, uint32_t cookie,
			 const struct fname *name)
{
	struct event *last = list_last_entry(&in->events, struct event, link);
	/* Names are padded so that the next event is aligned (inotify(7)). */
	size_t len = name ? (name->len + 1 + 15) & ~(size_t)15 : 0;

	if (last && same_event(last, wd, mask, cookie, name))
		return;
	if (in->n_events >= EVENTS_MAX) {
		if (last && (last->ev.mask & IN_Q_OVERFLOW))
			return;
		wd = -1;
		mask = IN_Q_OVERFLOW;
		cookie = 0;
		name = NULL;
		len = 0;
	}

	struct event *e = calloc(1, sizeof(*e) + len);

	if (!e)
		return;
	e->ev = (struct inotify_event){ .wd = wd, .mask = mask, .cookie = cookie,
					.len = (uint32_t)len };
	if (name)
		memcpy(e->name, name->s, name->len);
	list_push_back(&in->events, &e->link);
	in->n_events++;
	waitq_wake(&in->waitq, EPOLLIN | EPOLLRDNORM);
}

/* Takes @w out of everything. Its inode's reference is the caller's to put, without the lock. */
static void unhook_locked(struct watch *w)
{
	list_remove(&w->link);
	list_remove(&w->inode_link);
	if (list_empty(&w->inode->watches))
		w->inode->watched = false;
	atomic_fetch_sub(&n_watches, 1);
}

/* Delivers to the watches of @inode; those that are over are moved to @gone. */
static void deliver_locked(struct inode *inode, uint32_t mask, const struct fname *name,
			   uint32_t cookie, struct list *gone)
{
	list_for_each_safe(node, &inode->watches) {
		struct watch *w = list_entry(node, struct watch, inode_link);

		if (!(w->mask & mask & IN_KIND_MASK))
			continue;
		queue_locked(w->in, w->wd, mask, cookie, name);
		if ((w->mask & IN_ONESHOT) || (mask & IN_DELETE_SELF)) {
			unhook_locked(w);
			queue_locked(w->in, w->wd, IN_IGNORED, 0, NULL);
			list_push_back(gone, &w->link);
		}
	}
	if (!(mask & IN_DELETE_SELF))
		return;
	/* A watch that did not ask for it ends too. */
	list_for_each_safe(node, &inode->watches) {
		struct watch *w = list_entry(node, struct watch, inode_link);

		unhook_locked(w);
		queue_locked(w->in, w->wd, IN_IGNORED, 0, NULL);
		list_push_back(gone, &w->link);
	}
}

static void free_watches(struct list *gone)
{
	struct watch *w;

	while ((w = list_pop_entry(gone, struct watch, link))) {
		inode_put(w->inode);
		free(w);
	}
}

void fsnotify(struct inode *inode, uint32_t mask, const struct fname *name, uint32_t cookie)
{
	struct list gone;

	if (!atomic_load_explicit(&inode->watched, memory_order_relaxed))
		return;
	list_init(&gone);
	mutex_lock(&watch_mu);
	deliver_locked(inode, mask, name, cookie, &gone);
	mutex_unlock(&watch_mu);
	free_watches(&gone);
}

/* Tells the watches of the object and, with the name, those of its directory. */
void fsnotify_dentry(struct dentry *d, uint32_t mask)
{
	char buf[NAME_LEN_MAX];

	if (atomic_load_explicit(&n_watches, memory_order_relaxed) == 0)
		return;

	struct dentry *parent = dentry_parent(d);
	uint32_t dir = inode_is_dir(d->inode) ? IN_ISDIR : 0;

	if (parent != d && parent->inode->watched && !d->deleted) {
		dcache_rdlock();
		struct fname name = { buf, MIN(d->name_len, sizeof(buf)) };

		memcpy(buf, d->name, name.len);
		dcache_unlock();
		fsnotify(parent->inode, mask | dir, &name, 0);
	}
	dentry_put(parent);
	fsnotify(d->inode, mask | dir, NULL, 0);
}

void fsnotify_file(struct file *f, uint32_t mask)
{
	if (atomic_load_explicit(&n_watches, memory_order_relaxed) == 0 || !f->path.dentry)
		return;
	fsnotify_dentry(f->path.dentry, mask);
}

/* ---- the file ---- */

static void inotify_release(struct file *f)
{
	struct inotify *in = f->priv;
	struct list gone;
	struct watch *w;
	struct event *e;

	list_init(&gone);
	mutex_lock(&watch_mu);
	while ((w = list_first_entry(&in->watches, struct watch, link))) {
		unhook_locked(w);
		list_push_back(&gone, &w->link);
	}
	while ((e = list_pop_entry(&in->events, struct event, link)))
		free(e);
	mutex_unlock(&watch_mu);
	free_watches(&gone);
	waitq_fini(&in->waitq);
	free(in);
}

static struct event *take_locked(struct inotify *in, size_t room, ssize_t *err)
{
	struct event *e = list_first_entry(&in->events, struct event, link);

	*err = 0;
	if (!e) {
		*err = -EAGAIN;
		return NULL;
	}
	if (sizeof(e->ev) + e->ev.len > room) {
		*err = -EINVAL;
		return NULL;
	}
	list_remove(&e->link);
	in->n_events--;
	return e;
}

static ssize_t inotify_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct inotify *in = f->priv;
	ssize_t done = 0;

	(void)t;
	(void)pos;
	(void)flags;
	for (;;) {
		ssize_t err;

		mutex_lock(&watch_mu);
		struct event *e = take_locked(in, to->count, &err);

		mutex_unlock(&watch_mu);
		if (!e)
			return done > 0 ? done : err;
		size_t len = sizeof(e->ev) + e->ev.len;
		size_t n = iov_iter_copy_to(to, &e->ev, len);

		free(e);
		if (n < len)
			return done > 0 ? done : -EFAULT;
		done += (ssize_t)len;
	}
}

static uint32_t inotify_poll(struct file *f, struct waiter *w)
{
	struct inotify *in = f->priv;

	if (w)
		waitq_add(&in->waitq, w, w->mask);
	mutex_lock(&watch_mu);
	uint32_t r = in->n_events > 0 ? EPOLLIN | EPOLLRDNORM : 0;

	mutex_unlock(&watch_mu);
	return r;
}

static long inotify_ioctl(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct inotify *in = f->priv;
	int total = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&watch_mu);
	list_for_each(node, &in->events)
		total += (int)(sizeof(struct inotify_event) +
			       list_entry(node, struct event, link)->ev.len);
	mutex_unlock(&watch_mu);
	return copy_out(t, arg, &total, sizeof(total));
}

static const struct file_ops inotify_ops = {
	.kind = "inotify",
	.release = inotify_release,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
};

int inotify_new(struct file **ret, uint32_t flags)
{
	struct inotify *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	waitq_init(&in->waitq);
	list_init(&in->watches);
	list_init(&in->events);
	in->next_wd = 1;
	int r = file_new(ret, &inotify_ops, in, flags);

	if (r < 0)
		free(in);
	return r;
}

static struct watch *find_locked(struct inotify *in, const struct inode *inode)
{
	list_for_each(node, &in->watches) {
		struct watch *w = list_entry(node, struct watch, link);

		if (w->inode == inode)
			return w;
	}
	return NULL;
}

static int add_locked(struct inotify *in, struct inode *inode, uint32_t mask, struct watch *fresh)
{
	fresh->in = in;
	fresh->inode = inode_get(inode);
	fresh->mask = mask;
	fresh->wd = in->next_wd++;
	list_push_back(&in->watches, &fresh->link);
	list_push_back(&inode->watches, &fresh->inode_link);
	inode->watched = true;
	atomic_fetch_add(&n_watches, 1);
	return fresh->wd;
}

int inotify_watch(struct file *f, const struct path *p, uint32_t mask)
{
	struct inotify *in = f->priv;
	struct inode *inode = p->dentry->inode;
	int r;

	if (f->ops != &inotify_ops || !(mask & IN_ALL_EVENTS))
		return -EINVAL;
	if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
		return -EINVAL;

	struct watch *fresh = calloc(1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	mutex_lock(&watch_mu);
	struct watch *w = find_locked(in, inode);

	if (w && (mask & IN_MASK_CREATE)) {
		r = -EEXIST;
	} else if (w) {
		w->mask = (mask & IN_MASK_ADD) ? w->mask | mask : mask;
		r = w->wd;
	} else if (n_watches >= WATCHES_MAX) {
		r = -ENOSPC;
	} else {
		r = add_locked(in, inode, mask, fresh);
		fresh = NULL;
	}
	mutex_unlock(&watch_mu);
	free(fresh);
	return r;
}

int inotify_unwatch(struct file *f, int wd)
{
	struct inotify *in = f->priv;
	struct list gone;

	if (f->ops != &inotify_ops)
		return -EINVAL;
	list_init(&gone);
	mutex_lock(&watch_mu);
	list_for_each_safe(node, &in->watches) {
		struct watch *w = list_entry(node, struct watch, link);

		if (w->wd == wd) {
			unhook_locked(w);
			queue_locked(in, wd, IN_IGNORED, 0, NULL);
			list_push_back(&gone, &w->link);
		}
	}
	mutex_unlock(&watch_mu);
	int r = list_empty(&gone) ? -EINVAL : 0;

	free_watches(&gone);
	return r;
}
