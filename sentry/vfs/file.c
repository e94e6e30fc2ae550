/* SPDX-License-Identifier: Apache-2.0 */
/* Open file descriptions and the blocking layer over their operations.
 *
 * The memory of a struct file is never given back: a look-up in a descriptor table may touch one that
 * has just been closed, see fdtable.c. Its reference count then reads zero, or belongs to another file.
 */
#include "vfs/epoll.h"
#include "vfs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/file_internal.h"
#include "vfs/inode.h"
#include "vfs/lock.h"
#include "vfs/mount.h"

#define FILES_MAX (1U << 20) /* of the sandbox */
#define POOL_CHUNK 64

static struct mutex pool_mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF };
static struct list pool_free = { &pool_free, &pool_free }; /* [pool_mu] */
static uint32_t pool_used;				   /* [pool_mu] */

/* One more chunk of files; the chunk itself is never freed. */
static int pool_grow(void)
{
	struct file *chunk = calloc(POOL_CHUNK, sizeof(*chunk));

	if (!chunk)
		return -ENOMEM;
	for (int i = 0; i < POOL_CHUNK; i++) {
		mutex_init(&chunk[i].pos_mu, RANK_FILE);
		list_push_back(&pool_free, &chunk[i].pool_link);
	}
	return 0;
}

static int pool_get(struct file **ret)
{
	int r = 0;

	mutex_lock(&pool_mu);
	if (pool_used >= FILES_MAX)
		r = -ENFILE;
	else if (list_empty(&pool_free))
		r = pool_grow();
	if (r == 0) {
		*ret = list_pop_entry(&pool_free, struct file, pool_link);
		pool_used++;
	}
	mutex_unlock(&pool_mu);
	return r;
}

uint32_t file_count(void)
{
	mutex_lock(&pool_mu);
	uint32_t n = pool_used;
	mutex_unlock(&pool_mu);
	return n;
}

int file_new(struct file **ret, const struct file_ops *ops, void *priv, uint32_t flags)
{
	struct file *f = NULL;
	int r = pool_get(&f);

	if (r < 0)
		return r;
	f->ops = ops;
	atomic_store_explicit(&f->flags, flags, memory_order_relaxed);
	f->path = (struct path){ 0 };
	f->inode = NULL;
	f->priv = priv;
	f->pos = 0;
	f->owner_pid = 0;
	f->owner_sig = 0;
	f->locked = false;
	f->wrote_access = false;
	atomic_store_explicit(&f->ref.n, 1, memory_order_release);
	*ret = f;
	return 0;
}

void file_put(struct file *f)
{
	if (!f || !ref_put(&f->ref))
		return;
	epoll_file_released(f);
	if (f->inode)
		fsnotify_file(f, f->wrote_access ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (f->locked)
		lock_release_file(f);
	if (f->ops && f->ops->release)
		f->ops->release(f);
	if (f->wrote_access)
		atomic_fetch_sub(&f->inode->writers, 1);
	f->inode = NULL;
	path_put(&f->path);

	mutex_lock(&pool_mu);
	list_push_front(&pool_free, &f->pool_link);
	pool_used--;
	mutex_unlock(&pool_mu);
}

uint32_t file_poll(struct file *f, struct waiter *w)
{
	if (!f->ops->poll)
		return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	return f->ops->poll(f, w);
}

typedef ssize_t (*io_fn)(struct file *f, struct task *t, struct iov_iter *it, int64_t *pos, int flags);

static bool may_block(struct file *f, struct task *t, int flags)
{
	return t && f->ops->poll && !file_nonblock(f) && !(flags & RWF_NOWAIT);
}

/* When a blocking call gives up. */
static int64_t io_deadline(struct file *f, bool write)
{
	int64_t timeo = f->ops->timeout ? f->ops->timeout(f, write) : 0;

	return timeo ? clock_mono_ns() + timeo : WAIT_FOREVER;
}

/* What a wait that ended without readiness means to the caller. */
static ssize_t io_wait_errno(int r, int64_t deadline)
{
	if (deadline == WAIT_FOREVER)
		return r;
	return r == -ETIMEDOUT ? -EAGAIN : r == -ERESTARTSYS ? -EINTR : r;
}

/* Reading: once something was moved it is over. */
static ssize_t read_wait(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	struct task_waiter w;
	ssize_t r;

	task_waiter_init(&w, t);
	w.waiter.mask = EPOLLIN | EPOLLRDNORM;
	(void)f->ops->poll(f, &w.waiter);
	int64_t deadline = io_deadline(f, false);

	for (;;) {
		task_wait_begin(t);
		r = f->ops->read(f, t, to, pos, flags);
		if (r != -EAGAIN)
			break;
		r = task_wait(t, deadline);
		if (r < 0) {
			r = io_wait_errno((int)r, deadline);
			break;
		}
	}
	waitq_del(&w.waiter);
	return r;
}

/* Writing: until all of it is taken; a signal or an error after a part gives the part. */
static ssize_t write_wait(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos,
			  int flags, ssize_t done)
{
	struct task_waiter w;
	ssize_t r = 0;

	task_waiter_init(&w, t);
	w.waiter.mask = EPOLLOUT | EPOLLWRNORM;
	(void)f->ops->poll(f, &w.waiter);
	int64_t deadline = io_deadline(f, true);

	while (from->count > 0) {
		task_wait_begin(t);
		r = f->ops->write(f, t, from, pos, flags);
		if (r > 0) {
			done += r;
			continue;
		}
		if (r != -EAGAIN)
			break;
		r = task_wait(t, deadline);
		if (r < 0) {
			r = io_wait_errno((int)r, deadline);
			break;
		}
	}
	waitq_del(&w.waiter);
	return done > 0 ? done : r;
}

static ssize_t do_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	ssize_t r = f->ops->read(f, t, to, pos, flags);

	if (r == -EAGAIN && may_block(f, t, flags))
		r = read_wait(f, t, to, pos, flags);
	return r;
}

static ssize_t do_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags)
{
	ssize_t r = f->ops->write(f, t, from, pos, flags);

	if ((r == -EAGAIN || (r > 0 && from->count > 0)) && may_block(f, t, flags))
		r = write_wait(f, t, from, pos, flags, r > 0 ? r : 0);
	return r;
}

/* Chooses the offset: given, none (streams), or the file's own under its lock. */
static ssize_t with_pos(struct file *f, struct task *t, struct iov_iter *it, int64_t *pos, int flags,
			io_fn fn)
{
	if (!f->ops->llseek)
		return pos ? -ESPIPE : fn(f, t, it, NULL, flags);
	if (pos)
		return fn(f, t, it, pos, flags);

	mutex_lock(&f->pos_mu);
	ssize_t r = fn(f, t, it, &f->pos, flags);
	mutex_unlock(&f->pos_mu);
	return r;
}

ssize_t file_read(struct file *f, struct task *t, struct iov_iter *to, int64_t *pos, int flags)
{
	uint32_t fl = atomic_load_explicit(&f->flags, memory_order_relaxed);

	if ((fl & O_PATH) || (fl & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!f->ops->read)
		return -EINVAL;

	ssize_t r = with_pos(f, t, to, pos, flags, do_read);

	if (r > 0 && f->inode)
		fsnotify_file(f, IN_ACCESS);
	return r;
}

ssize_t file_write(struct file *f, struct task *t, struct iov_iter *from, int64_t *pos, int flags)
{
	uint32_t fl = atomic_load_explicit(&f->flags, memory_order_relaxed);

	if ((fl & O_PATH) || (fl & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;

	ssize_t r = with_pos(f, t, from, pos, flags, do_write);

	if (r > 0 && f->inode)
		fsnotify_file(f, IN_MODIFY);
	return r;
}

ssize_t file_pread_kernel(struct file *f, struct task *t, void *buf, size_t len, int64_t off)
{
	size_t done = 0;

	if (!f->ops->read)
		return -EINVAL;
	while (done < len) {
		struct iovec one;
		struct iov_iter it;
		int64_t pos = off + (int64_t)done;

		iov_iter_kernel(&it, &one, (char *)buf + done, len - done);

		ssize_t r = f->ops->read(f, t, &it, &pos, 0);

		if (r < 0)
			return done > 0 ? (ssize_t)done : r;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int file_write_limit(struct file *f, struct task *t, int64_t pos, size_t *count)
{
	if (pos < 0)
		return -EINVAL;

	uint64_t max = INT64_MAX;
	uint64_t limit = t ? task_rlimit(t, RLIMIT_FSIZE) : RLIM_INFINITY;

	(void)f;
	if (limit != RLIM_INFINITY && (uint64_t)pos >= limit) {
		struct ksiginfo info = { .signo = SIGXFSZ, .code = SI_USER, .pid = t->group->pid,
					 .uid = t->cred->uid };

		signal_send_task(t, &info);
		return -EFBIG;
	}
	max = MIN(max, limit);
	if ((uint64_t)pos >= max)
		return -EFBIG;
	if (*count > max - (uint64_t)pos)
		*count = max - (uint64_t)pos;
	return 0;
}
