/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2). Locks: [m] mu. */
#include "vfs/eventfd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "mm/mm.h"
#include "vfs/file.h"

struct eventfd {
	struct mutex mu;
	struct waitq waitq;
	uint64_t count; /* [m] */
	bool semaphore;
};

static ssize_t eventfd_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos,
			    int flags)
{
	struct eventfd *e = f->priv;
	uint64_t v;

	(void)t;
	(void)pos;
	(void)flags;
	if (to->count < sizeof(v))
		return -EINVAL;

	mutex_lock(&e->mu);
	v = e->semaphore && e->count > 0 ? 1 : e->count;
	e->count -= v;
	mutex_unlock(&e->mu);
	if (v == 0)
		return -EAGAIN;
	waitq_wake(&e->waitq, EPOLLOUT | EPOLLWRNORM);
	return iov_iter_copy_to(to, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			     int flags)
{
	struct eventfd *e = f->priv;
	struct iov_iter saved = *from;
	uint64_t v;

	(void)t;
	(void)pos;
	(void)flags;
	if (from->count < sizeof(v))
		return -EINVAL;
	if (iov_iter_copy_from(from, &v, sizeof(v)) != sizeof(v))
		return -EFAULT;
	if (v == UINT64_MAX)
		return -EINVAL;

	mutex_lock(&e->mu);
	bool fits = UINT64_MAX - 1 - e->count >= v;

	if (fits)
		e->count += v;
	mutex_unlock(&e->mu);
	if (!fits) {
		iov_iter_revert(from, &saved);
		return -EAGAIN;
	}
	if (v > 0)
		waitq_wake(&e->waitq, EPOLLIN | EPOLLRDNORM);
	return sizeof(v);
}

static uint32_t eventfd_poll(struct file *f, struct waiter *w)
{
	struct eventfd *e = f->priv;
	uint32_t ready = 0;

	if (w)
		waitq_add(&e->waitq, w, w->mask);
	mutex_lock(&e->mu);
	if (e->count > 0)
		ready |= EPOLLIN | EPOLLRDNORM;
	if (e->count < UINT64_MAX - 1)
		ready |= EPOLLOUT | EPOLLWRNORM;
	if (e->count == UINT64_MAX)
		ready |= EPOLLERR;
	mutex_unlock(&e->mu);
	return ready;
}

static int eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->priv;

	mutex_lock(&e->mu);
	int n = snprintf(buf, size, "eventfd-count: %16llx\n", (unsigned long long)e->count);
	mutex_unlock(&e->mu);
	return n;
}

static void eventfd_release(struct file *f)
{
	struct eventfd *e = f->priv;

	waitq_fini(&e->waitq);
	mutex_fini(&e->mu);
	free(e);
}

static const struct file_ops eventfd_ops = {
	.kind = "[eventfd]",
	.release = eventfd_release,
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.fdinfo = eventfd_fdinfo,
};

int eventfd_new(struct file **ret, uint64_t count, bool semaphore, uint32_t flags)
{
	struct eventfd *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	mutex_init(&e->mu, RANK_OBJECT);
	waitq_init(&e->waitq);
	e->count = count;
	e->semaphore = semaphore;

	int r = file_new(ret, &eventfd_ops, e, flags);

	if (r < 0) {
		waitq_fini(&e->waitq);
		free(e);
	}
	return r;
}
