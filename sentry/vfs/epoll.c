/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7).
 *
 * An item is a waiter on the watched file's queue and a node of its instance's ready list. The waker's
 * side only moves the item to the ready list and wakes the instance's queue; the collector asks each
 * ready file's poll() what is true and keeps level-triggered items that still are.
 *
 * An item does not reference its file: as in Linux it goes away when the file's last reference does
 * (epoll_file_released). The chain of items of one file hangs off a global hash, keyed by the file, so
 * that files which are never watched pay nothing but one flag.
 *
 * Locks: [e] ep->mu (interest), [r] ep->ready_mu, [w] watch.mu. Order: ep->mu, watch.mu, a file's own
 * locks, its wait queue, ep->ready_mu.
 */
#include "vfs/epoll.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/task.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "vfs/file.h"

#define EPOLL_MAX_ITEMS 200000U
#define EPOLL_MAX_NESTS 5
#define EPOLL_BUCKETS_MIN 16U

struct epoll {
	struct mutex mu;
	struct waitq waitq;	  /* pollers and nested instances */
	struct waitq sleepers;	  /* tasks in epoll_wait(2): exclusive, one is woken per event */
	struct list *buckets;	  /* [e] items by fd */
	uint32_t n_buckets;	  /* [e] power of two */
	uint32_t n_items;	  /* [e] */
	struct mutex ready_mu;
	struct list ready;	  /* [r] items that may be ready */
	struct file *file;	  /* the instance's own file, borrowed */
};

struct epitem {
	struct waiter waiter;
	struct list bucket_link; /* [e] */
	struct list watch_link;	 /* [w] in the watched file's chain */
	struct list ready_link;	 /* [r] */
	struct epoll *ep;
	struct file *file;	 /* borrowed: see above */
	int fd;
	struct epoll_event event; /* [e] */
	_Atomic bool disarmed;	  /* EPOLLONESHOT fired */
	bool dying;		  /* [r] */
};

/* All items, by watched file. */
#define WATCH_BUCKETS 1024
static struct {
	struct mutex mu;
	struct list buckets[WATCH_BUCKETS];
} watch = { .mu = { PTHREAD_MUTEX_INITIALIZER, RANK_EPOLL } };

static struct mutex nest_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_EPOLL_NEST };

static struct list *watch_bucket(const struct file *f)
{
	struct list *b = &watch.buckets[((uintptr_t)f >> 6) * 0x9e3779b1U % WATCH_BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

static const struct file_ops epoll_ops;

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_ops;
}

/* The watched file's queue calls this. */
static bool item_wake(struct waiter *w, uint32_t ready)
{
	struct epitem *it = container_of(w, struct epitem, waiter);
	struct epoll *ep = it->ep;
	bool queued = false;

	(void)ready;
	if (atomic_load_explicit(&it->disarmed, memory_order_acquire))
		return false;
	mutex_lock(&ep->ready_mu);
	if (!it->dying && !list_linked(&it->ready_link)) {
		list_push_back(&ep->ready, &it->ready_link);
		queued = true;
	}
	mutex_unlock(&ep->ready_mu);
	if (queued) {
		waitq_wake(&ep->sleepers, EPOLLIN);
		waitq_wake(&ep->waitq, EPOLLIN | EPOLLRDNORM);
	}
	/* EPOLLEXCLUSIVE: consumed when somebody here will look. */
	return queued;
}

static uint32_t bucket_of(const struct epoll *ep, int fd)
{
	return (uint32_t)fd & (ep->n_buckets - 1);
}

static struct epitem *find_locked(struct epoll *ep, int fd, const struct file *file)
{
	struct epitem *it;

	list_for_each_entry(it, &ep->buckets[bucket_of(ep, fd)], bucket_link) {
		if (it->fd == fd && it->file == file)
			return it;
	}
	return NULL;
}

static void grow_locked(struct epoll *ep)
{
	uint32_t n = ep->n_buckets * 4;
	struct list *old = ep->buckets;
	uint32_t old_n = ep->n_buckets;
	struct list *buckets = malloc(n * sizeof(*buckets));

	if (!buckets)
		return; /* longer chains, no harm */
	for (uint32_t i = 0; i < n; i++)
		list_init(&buckets[i]);
	ep->buckets = buckets;
	ep->n_buckets = n;
	for (uint32_t i = 0; i < old_n; i++) {
		struct list *node;

		while ((node = list_pop_front(&old[i])) != NULL) {
			struct epitem *it = list_entry(node, struct epitem, bucket_link);

			list_push_back(&buckets[bucket_of(ep, it->fd)], node);
		}
	}
	free(old);
}

/* How deep instances are nested below @f; @target found on the way is a cycle (-ELOOP). */
static int nest_depth(struct file *f, const struct file *target, int depth)
{
	struct epoll *ep = f->priv;
	int deepest = 0;
	int r = 0;

	if (f == target || depth > EPOLL_MAX_NESTS)
		return -ELOOP;
	mutex_lock_nested(&ep->mu);
	for (uint32_t i = 0; i < ep->n_buckets && r >= 0; i++) {
		struct epitem *it;

		list_for_each_entry(it, &ep->buckets[i], bucket_link) {
			if (!file_is_epoll(it->file))
				continue;
			r = nest_depth(it->file, target, depth + 1);
			if (r < 0)
				break;
			if (r + 1 > deepest)
				deepest = r + 1;
		}
	}
	mutex_unlock(&ep->mu);
	return r < 0 ? r : deepest;
}

/* Puts the item on the ready list if its file is ready now. The caller holds ep->mu. */
static void probe_locked(struct epitem *it, uint32_t ready)
{
	struct epoll *ep = it->ep;
	bool queued = false;

	if (!(ready & (it->event.events | EPOLLERR | EPOLLHUP)))
		return;
	mutex_lock(&ep->ready_mu);
	if (!list_linked(&it->ready_link)) {
		list_push_back(&ep->ready, &it->ready_link);
		queued = true;
	}
	mutex_unlock(&ep->ready_mu);
	if (queued) {
		waitq_wake(&ep->sleepers, EPOLLIN);
		waitq_wake(&ep->waitq, EPOLLIN | EPOLLRDNORM);
	}
}

static int add_locked(struct epoll *ep, int fd, struct file *target, const struct epoll_event *ev)
{
	if (ep->n_items >= EPOLL_MAX_ITEMS)
		return -ENOSPC;

	struct epitem *it = calloc(1, sizeof(*it));

	if (!it)
		return -ENOMEM;
	it->waiter.wake = item_wake;
	it->waiter.mask = ev->events | EPOLLERR | EPOLLHUP;
	it->waiter.exclusive = (ev->events & EPOLLEXCLUSIVE) != 0;
	it->ep = ep;
	it->file = target;
	it->fd = fd;
	it->event = *ev;
	list_push_back(&ep->buckets[bucket_of(ep, fd)], &it->bucket_link);
	ep->n_items++;
	if (ep->n_items > ep->n_buckets * 2)
		grow_locked(ep);

	mutex_lock_nested(&watch.mu);
	list_push_back(watch_bucket(target), &it->watch_link);
	atomic_store_explicit(&target->watched, true, memory_order_release);
	mutex_unlock(&watch.mu);

	uint32_t ready = target->ops->poll(target, &it->waiter);

	probe_locked(it, ready);
	return 0;
}

static void remove_locked(struct epitem *it)
{
	struct epoll *ep = it->ep;

	waitq_del(&it->waiter); /* no callback runs any more */
	mutex_lock(&ep->ready_mu);
	it->dying = true;
	list_remove(&it->ready_link);
	mutex_unlock(&ep->ready_mu);
	list_remove(&it->bucket_link);
	ep->n_items--;
	free(it);
}

static int modify_locked(struct epitem *it, const struct epoll_event *ev)
{
	if ((it->event.events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	waitq_del(&it->waiter);
	it->event = *ev;
	it->waiter.mask = ev->events | EPOLLERR | EPOLLHUP;
	atomic_store_explicit(&it->disarmed, false, memory_order_release);

	uint32_t ready = it->file->ops->poll(it->file, &it->waiter);

	probe_locked(it, ready);
	return 0;
}

static int control_locked(struct epoll *ep, int op, int fd, struct file *target,
			  const struct epoll_event *ev)
{
	struct epitem *it = find_locked(ep, fd, target);

	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : add_locked(ep, fd, target, ev);
	case EPOLL_CTL_MOD:
		return it ? modify_locked(it, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		mutex_lock_nested(&watch.mu);
		list_remove(&it->watch_link);
		mutex_unlock(&watch.mu);
		remove_locked(it);
		return 0;
	default:
		return -EINVAL;
	}
}

int epoll_control(struct file *f, int op, int fd, struct file *target,
		  const struct epoll_event *ev)
{
	const uint32_t excl_ok = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET |
				 EPOLLEXCLUSIVE;

	if (!file_is_epoll(f) || f == target)
		return -EINVAL;
	if (!target->ops->poll)
		return -EPERM;
	if (op != EPOLL_CTL_DEL && (ev->events & EPOLLEXCLUSIVE) &&
	    (op == EPOLL_CTL_MOD || file_is_epoll(target) || (ev->events & ~excl_ok)))
		return -EINVAL;

	struct epoll *ep = f->priv;

	bool nest = op == EPOLL_CTL_ADD && file_is_epoll(target);
	int r = 0;

	/* Two additions at a time could close a cycle that neither sees. */
	if (nest) {
		mutex_lock(&nest_mu);
		r = nest_depth(target, f, 0);
	}
	if (r >= 0) {
		mutex_lock(&ep->mu);
		r = control_locked(ep, op, fd, target, ev);
		mutex_unlock(&ep->mu);
	}
	if (nest)
		mutex_unlock(&nest_mu);
	return r;
}

void epoll_file_released(struct file *f)
{
	struct list *bucket;

	if (!atomic_load_explicit(&f->watched, memory_order_acquire))
		return;
	/* One item at a time: its instance's lock ranks before the chain's. The instance stays alive
	 * while the item is on the chain, because its own release takes the items off first. */
	for (;;) {
		struct epitem *it = NULL;
		struct epitem *found = NULL;

		mutex_lock(&watch.mu);
		bucket = watch_bucket(f);
		list_for_each_entry(it, bucket, watch_link) {
			if (it->file == f) {
				found = it;
				break;
			}
		}
		if (!found) {
			mutex_unlock(&watch.mu);
			return;
		}

		struct epoll *ep = found->ep;

		if (mutex_trylock(&ep->mu)) {
			list_remove(&found->watch_link);
			mutex_unlock(&watch.mu);
			remove_locked(found);
			mutex_unlock(&ep->mu);
		} else {
			/* Somebody changes that instance just now: let go of the chain and come back. */
			mutex_unlock(&watch.mu);
			sched_yield();
		}
	}
}

/* Asks one ready item. Returns whether it is to be reported. The caller holds ep->mu. */
static bool report_item(struct epitem *it, struct epoll_event *out, bool *again)
{
	if (atomic_load(&it->disarmed))
		return false;

	uint32_t ready = it->file->ops->poll(it->file, NULL);

	ready &= it->event.events | EPOLLERR | EPOLLHUP;
	if (!ready)
		return false;
	out->events = ready;
	out->data = it->event.data;
	if (it->event.events & EPOLLONESHOT)
		atomic_store(&it->disarmed, true);
	else if (!(it->event.events & EPOLLET))
		*again = true;
	return true;
}

/* One pass over what is ready; level-triggered items go back to the tail. */
static int collect_pass(struct epoll *ep, struct epoll_event *events, int max)
{
	struct list batch;
	struct list back;
	int n = 0;

	mutex_lock(&ep->ready_mu);
	if (list_empty(&ep->ready)) {
		mutex_unlock(&ep->ready_mu);
		return 0;
	}
	mutex_unlock(&ep->ready_mu);

	list_init(&batch);
	list_init(&back);
	mutex_lock(&ep->mu);
	mutex_lock(&ep->ready_mu);
	list_splice_back(&batch, &ep->ready);
	while (n < max && !list_empty(&batch)) {
		struct epitem *it = list_entry(list_pop_front(&batch), struct epitem, ready_link);
		bool again = false;

		/* Off every list while it is asked: an event that arrives meanwhile queues it anew. */
		mutex_unlock(&ep->ready_mu);
		if (report_item(it, &events[n], &again))
			n++;
		mutex_lock(&ep->ready_mu);
		if (again && !list_linked(&it->ready_link))
			list_push_back(&back, &it->ready_link);
	}
	/* What was not looked at comes first next time, then what is still ready: round robin. */
	list_splice_back(&batch, &ep->ready);
	list_splice_back(&batch, &back);
	list_splice_back(&ep->ready, &batch);
	bool more = !list_empty(&ep->ready);
	mutex_unlock(&ep->ready_mu);
	mutex_unlock(&ep->mu);
	if (more)
		waitq_wake(&ep->sleepers, EPOLLIN); /* another sleeper can take the rest */
	return n;
}

int epoll_collect(struct file *f, struct task *t, struct epoll_event *events, int max,
		  int64_t deadline)
{
	struct epoll *ep = f->priv;
	struct task_waiter w;
	int n = collect_pass(ep, events, max);

	if (n > 0 || deadline == 0)
		return n;

	task_waiter_init(&w, t);
	waitq_add_exclusive(&ep->sleepers, &w.waiter, EPOLLIN);
	for (;;) {
		task_wait_begin(t);
		n = collect_pass(ep, events, max);
		if (n != 0)
			break;
		n = task_wait(t, deadline);
		if (n < 0)
			break;
	}
	waitq_del(&w.waiter);
	if (n == -ETIMEDOUT)
		return 0;
	if (n == -ERESTARTSYS)
		return -EINTR;
	return n;
}

static uint32_t epoll_poll(struct file *f, struct waiter *w)
{
	struct epoll *ep = f->priv;
	struct epitem *it;
	uint32_t ready = 0;

	if (w)
		waitq_add(&ep->waitq, w, w->mask);
	/* The ready list is a hint; a nested instance is readable when one of its files really is. */
	mutex_lock_nested(&ep->mu);
	for (uint32_t i = 0; i < ep->n_buckets && !ready; i++) {
		list_for_each_entry(it, &ep->buckets[i], bucket_link) {
			bool hinted;

			mutex_lock(&ep->ready_mu);
			hinted = list_linked(&it->ready_link);
			mutex_unlock(&ep->ready_mu);
			if (hinted && !atomic_load(&it->disarmed) &&
			    (it->file->ops->poll(it->file, NULL) &
			     (it->event.events | EPOLLERR | EPOLLHUP))) {
				ready = EPOLLIN | EPOLLRDNORM;
				break;
			}
		}
	}
	mutex_unlock(&ep->mu);
	return ready;
}

static int epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->priv;
	struct epitem *it;
	int n = 0;

	mutex_lock(&ep->mu);
	for (uint32_t i = 0; i < ep->n_buckets; i++) {
		list_for_each_entry(it, &ep->buckets[i], bucket_link) {
			if ((size_t)n >= size)
				break;
			n += snprintf(buf + n, size - (size_t)n,
				      "tfd: %8d events: %8x data: %16llx\n", it->fd, it->event.events,
				      (unsigned long long)it->event.data.u64);
		}
	}
	mutex_unlock(&ep->mu);
	return n;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	for (uint32_t i = 0; i < ep->n_buckets; i++) {
		for (;;) {
			mutex_lock(&ep->mu);
			struct list *node = list_first(&ep->buckets[i]);

			if (!node) {
				mutex_unlock(&ep->mu);
				break;
			}

			struct epitem *it = list_entry(node, struct epitem, bucket_link);

			mutex_lock_nested(&watch.mu);
			list_remove(&it->watch_link);
			mutex_unlock(&watch.mu);
			remove_locked(it);
			mutex_unlock(&ep->mu);
		}
	}
	waitq_fini(&ep->waitq);
	waitq_fini(&ep->sleepers);
	mutex_fini(&ep->mu);
	mutex_fini(&ep->ready_mu);
	free(ep->buckets);
	free(ep);
}

static const struct file_ops epoll_ops = {
	.kind = "[eventpoll]",
	.release = epoll_release,
	.poll = epoll_poll,
	.fdinfo = epoll_fdinfo,
};

int epoll_new(struct file **ret)
{
	struct epoll *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return -ENOMEM;
	ep->n_buckets = EPOLL_BUCKETS_MIN;
	ep->buckets = malloc(ep->n_buckets * sizeof(*ep->buckets));
	if (!ep->buckets) {
		free(ep);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < ep->n_buckets; i++)
		list_init(&ep->buckets[i]);
	mutex_init(&ep->mu, RANK_EPOLL);
	mutex_init(&ep->ready_mu, RANK_EPOLL_READY);
	waitq_init(&ep->waitq);
	waitq_init(&ep->sleepers);
	list_init(&ep->ready);

	int r = file_new(ret, &epoll_ops, ep, 02 /* O_RDWR */);

	if (r < 0) {
		waitq_fini(&ep->waitq);
		waitq_fini(&ep->sleepers);
		free(ep->buckets);
		free(ep);
		return r;
	}
	ep->file = *ret;
	return 0;
}
