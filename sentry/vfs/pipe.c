/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs (pipe(7), fifo(7)).
 *
 * One byte ring per pipe, allocated at the first write. Writes of at most PIPE_BUF bytes are atomic.
 * Locks: [m] pipe->mu. Counts of readers and writers are open file descriptions, not descriptors.
 */
#include "vfs/pipe.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/sysctl.h"
#include "mm/mm.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/file.h"

#define PIPE_DEFAULT_SIZE 65536U

struct pipe {
	struct ref ref;
	struct mutex mu;
	struct waitq waitq;
	uint8_t *ring;	 /* [m] NULL until the first write */
	uint32_t size;	 /* [m] power of two */
	uint32_t head;	 /* [m] next byte to read; free-running */
	uint32_t tail;	 /* [m] next byte to write; free-running */
	uint32_t readers, writers;	   /* [m] */
	uint32_t readers_ever, writers_ever; /* [m] FIFO opens so far: what an opener waits for */
};

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	ref_init(&p->ref);
	mutex_init(&p->mu, RANK_PIPE);
	waitq_init(&p->waitq);
	p->size = PIPE_DEFAULT_SIZE;
	return p;
}

void pipe_put(struct pipe *p)
{
	if (!p || !ref_put(&p->ref))
		return;
	waitq_fini(&p->waitq);
	mutex_fini(&p->mu);
	free(p->ring);
	free(p);
}

static uint32_t used(const struct pipe *p)
{
	return p->tail - p->head;
}

/* Moves @len bytes between the ring at free-running position @at and an iterator. */
static size_t ring_to_iter(struct pipe *p, struct iov_iter *to, size_t len)
{
	uint32_t at = p->head & (p->size - 1);
	size_t first = MIN(len, (size_t)(p->size - at));
	size_t done = iov_iter_copy_to(to, p->ring + at, first);

	if (done == first && len > first)
		done += iov_iter_copy_to(to, p->ring, len - first);
	return done;
}

static size_t ring_from_iter(struct pipe *p, struct iov_iter *from, size_t len)
{
	uint32_t at = p->tail & (p->size - 1);
	size_t first = MIN(len, (size_t)(p->size - at));
	size_t done = iov_iter_copy_from(from, p->ring + at, first);

	if (done == first && len > first)
		done += iov_iter_copy_from(from, p->ring, len - first);
	return done;
}

static ssize_t pipe_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct pipe *p = f->priv;

	(void)t;
	(void)pos;
	(void)flags;
	if (to->count == 0)
		return 0;

	mutex_lock(&p->mu);
	if (used(p) == 0) {
		ssize_t r = p->writers == 0 ? 0 : -EAGAIN;

		mutex_unlock(&p->mu);
		return r;
	}

	bool was_full = p->size - used(p) < PIPE_BUF;
	size_t want = MIN(to->count, (size_t)used(p));
	size_t done = ring_to_iter(p, to, want);

	p->head += (uint32_t)done;
	bool wake = was_full && p->size - used(p) >= PIPE_BUF;
	mutex_unlock(&p->mu);

	if (wake)
		waitq_wake(&p->waitq, EPOLLOUT | EPOLLWRNORM);
	return done > 0 ? (ssize_t)done : -EFAULT;
}

static ssize_t pipe_write_locked(struct pipe *p, struct iov_iter *from)
{
	if (!p->ring) {
		p->ring = malloc(p->size);
		if (!p->ring)
			return -ENOMEM;
	}

	size_t room = p->size - used(p);

	if (room == 0 || (from->count <= PIPE_BUF && room < from->count))
		return -EAGAIN;

	size_t want = MIN(from->count, room);
	size_t done = ring_from_iter(p, from, want);

	p->tail += (uint32_t)done;
	return done > 0 ? (ssize_t)done : -EFAULT;
}

static ssize_t pipe_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			  int flags)
{
	struct pipe *p = f->priv;

	(void)pos;
	(void)flags;
	mutex_lock(&p->mu);
	if (p->readers == 0) {
		mutex_unlock(&p->mu);
		signal_self(t, SIGPIPE);
		return -EPIPE;
	}

	ssize_t r = from->count == 0 ? 0 : pipe_write_locked(p, from);
	mutex_unlock(&p->mu);

	if (r > 0)
		waitq_wake(&p->waitq, EPOLLIN | EPOLLRDNORM);
	return r;
}

static uint32_t pipe_poll(struct file *f, struct waiter *w)
{
	struct pipe *p = f->priv;
	uint32_t mode = atomic_load(&f->flags) & O_ACCMODE;
	uint32_t ready = 0;

	if (w)
		waitq_add(&p->waitq, w, w->mask);
	mutex_lock(&p->mu);
	if (mode != O_WRONLY) {
		if (used(p) > 0)
			ready |= EPOLLIN | EPOLLRDNORM;
		if (p->writers == 0 && p->writers_ever > 0)
			ready |= EPOLLHUP;
	}
	if (mode != O_RDONLY) {
		if (p->size - used(p) >= PIPE_BUF)
			ready |= EPOLLOUT | EPOLLWRNORM;
		if (p->readers == 0)
			ready |= EPOLLERR;
	}
	mutex_unlock(&p->mu);
	return ready;
}

static long pipe_ioctl(struct file *f, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct pipe *p = f->priv;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->mu);
	int n = (int)used(p);
	mutex_unlock(&p->mu);
	return copy_out(t, arg, &n, sizeof(n));
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	uint32_t mode = atomic_load(&f->flags) & O_ACCMODE;

	mutex_lock(&p->mu);
	if (mode != O_WRONLY)
		p->readers--;
	if (mode != O_RDONLY)
		p->writers--;
	if (p->readers == 0 && p->writers == 0)
		p->head = p->tail; /* a FIFO keeps no data when nobody has it open */
	mutex_unlock(&p->mu);

	waitq_wake(&p->waitq, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR);
	pipe_put(p);
}

static const struct file_ops pipe_ops = {
	.kind = "pipe",
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
};

/* Takes a reference of the pipe for the new file. */
static int open_end(struct file **ret, struct pipe *p, uint32_t flags)
{
	int r = file_new(ret, &pipe_ops, p, flags);

	if (r < 0)
		return r;
	ref_get(&p->ref);

	uint32_t mode = flags & O_ACCMODE;

	mutex_lock(&p->mu);
	if (mode != O_WRONLY) {
		p->readers++;
		p->readers_ever++;
	}
	if (mode != O_RDONLY) {
		p->writers++;
		p->writers_ever++;
	}
	mutex_unlock(&p->mu);
	return 0;
}

int pipe_new(struct file *ret[2], uint32_t flags)
{
	struct pipe *p = pipe_alloc();
	struct file *rd = NULL;
	struct file *wr = NULL;
	int r;

	if (!p)
		return -ENOMEM;
	r = open_end(&rd, p, O_RDONLY | (flags & O_NONBLOCK));
	if (r == 0)
		r = open_end(&wr, p, O_WRONLY | (flags & O_NONBLOCK));
	pipe_put(p);
	if (r < 0) {
		file_put(rd);
		return r;
	}
	ret[0] = rd;
	ret[1] = wr;
	return 0;
}

/* Sleeps until a count passes @seen or the other side is there now. */
static int wait_for_peer(struct pipe *p, struct task *t, const uint32_t *now, const uint32_t *ever,
			 uint32_t seen)
{
	struct task_waiter w;
	int r;

	task_waiter_init(&w, t);
	waitq_add(&p->waitq, &w.waiter, EPOLLIN | EPOLLOUT);
	for (;;) {
		task_wait_begin(t);
		mutex_lock(&p->mu);
		bool there = *now > 0 || *ever != seen;
		mutex_unlock(&p->mu);
		r = 0;
		if (there)
			break;
		r = task_wait(t, WAIT_FOREVER);
		if (r < 0)
			break;
	}
	waitq_del(&w.waiter);
	return r;
}

int pipe_open_fifo(struct pipe **slot, struct task *t, uint32_t flags, struct file **ret)
{
	struct pipe *p = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	uint32_t mode = flags & O_ACCMODE;
	struct file *f = NULL;
	int r;

	if (!p) {
		struct pipe *fresh = pipe_alloc();

		if (!fresh)
			return -ENOMEM;
		p = NULL;
		if (__atomic_compare_exchange_n(slot, &p, fresh, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			p = fresh;
		else
			pipe_put(fresh);
	}

	mutex_lock(&p->mu);
	bool no_reader = p->readers == 0;
	uint32_t seen_readers = p->readers_ever;
	uint32_t seen_writers = p->writers_ever;
	mutex_unlock(&p->mu);

	if (mode == O_WRONLY && (flags & O_NONBLOCK) && no_reader)
		return -ENXIO;
	r = open_end(&f, p, flags);
	if (r < 0)
		return r;
	waitq_wake(&p->waitq, EPOLLIN | EPOLLOUT);
	if (!(flags & O_NONBLOCK)) {
		if (mode == O_RDONLY)
			r = wait_for_peer(p, t, &p->writers, &p->writers_ever, seen_writers);
		else if (mode == O_WRONLY)
			r = wait_for_peer(p, t, &p->readers, &p->readers_ever, seen_readers);
	}
	if (r < 0) {
		file_put(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct pipe *pipe_of(struct file *f)
{
	return f->ops == &pipe_ops ? f->priv : NULL;
}

ssize_t pipe_peek(struct pipe *p, void *buf, size_t len)
{
	mutex_lock(&p->mu);
	size_t n = MIN(len, (size_t)used(p));
	ssize_t r = (ssize_t)n;

	if (n == 0) {
		r = p->writers == 0 ? 0 : -EAGAIN;
	} else {
		uint32_t at = p->head & (p->size - 1);
		size_t first = MIN(n, (size_t)(p->size - at));

		memcpy(buf, p->ring + at, first);
		memcpy((uint8_t *)buf + first, p->ring, n - first);
	}
	mutex_unlock(&p->mu);
	return r;
}

void pipe_consume(struct pipe *p, size_t len)
{
	mutex_lock(&p->mu);
	p->head += (uint32_t)MIN(len, (size_t)used(p));
	mutex_unlock(&p->mu);
	waitq_wake(&p->waitq, EPOLLOUT | EPOLLWRNORM);
}

int pipe_size(struct pipe *p)
{
	mutex_lock(&p->mu);
	int size = (int)p->size;
	mutex_unlock(&p->mu);
	return size;
}

int pipe_set_size(struct pipe *p, struct task *t, uint64_t size)
{
	uint32_t want = (uint32_t)PAGE_SIZE;

	if (size > (uint64_t)sysctl_get(SYSCTL_PIPE_MAX) && !task_has_cap(t, 24 /* CAP_SYS_RESOURCE */))
		return size > INT_MAX ? -EINVAL : -EPERM;
	if (size > INT_MAX || size == 0)
		return -EINVAL;
	while (want < size)
		want <<= 1;

	uint8_t *ring = malloc(want);

	if (!ring)
		return -ENOMEM;
	mutex_lock(&p->mu);
	uint32_t n = used(p);

	if (n > want) {
		mutex_unlock(&p->mu);
		free(ring);
		return -EBUSY;
	}
	for (uint32_t i = 0; i < n; i++)
		ring[i] = p->ring[(p->head + i) & (p->size - 1)];
	free(p->ring);
	p->ring = ring;
	p->size = want;
	p->head = 0;
	p->tail = n;
	mutex_unlock(&p->mu);
	waitq_wake(&p->waitq, EPOLLOUT | EPOLLWRNORM);
	return (int)want;
}
