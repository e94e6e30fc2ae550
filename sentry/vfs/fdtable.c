/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables.
 *
 * Look-up takes no lock: it reads the slot, takes a reference unless the count is zero, and looks whether
 * the slot still holds that file. That is safe because neither a struct file nor a table's arrays are
 * freed while a look-up may run (files never, arrays with the table). Changes are under mu.
 */
#include "vfs/fdtable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "vfs/file.h"
#include "vfs/inode.h"
#include "vfs/lock.h"

#define FD_FIRST 64U
#define FD_MAX (1U << 20) /* fs.nr_open */

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#define CLOSE_RANGE_CLOEXEC 4U
#endif

struct fdarray {
	struct fdarray *old; /* retired by growth; freed with the table */
	uint32_t n;	     /* multiple of 64 */
	uint64_t *open;	     /* bitmaps, under mu */
	uint64_t *cloexec;
	_Atomic(struct file *) files[];
};

struct fdtable {
	struct ref ref;
	struct mutex mu; /* RANK_FDTABLE */
	_Atomic(struct fdarray *) arr;
	uint32_t hint; /* [mu] no free descriptor below */
};

static struct fdarray *array_new(uint32_t n)
{
	struct fdarray *a = calloc(1, sizeof(*a) + n * sizeof(a->files[0]));

	if (!a)
		return NULL;
	a->n = n;
	a->open = calloc(n / 64, 8);
	a->cloexec = calloc(n / 64, 8);
	if (!a->open || !a->cloexec) {
		free(a->open);
		free(a->cloexec);
		free(a);
		return NULL;
	}
	return a;
}

static void array_free(struct fdarray *a)
{
	while (a) {
		struct fdarray *old = a->old;

		free(a->open);
		free(a->cloexec);
		free(a);
		a = old;
	}
}

static struct fdarray *current_array(const struct fdtable *ft)
{
	return atomic_load_explicit(&((struct fdtable *)ft)->arr, memory_order_acquire);
}

static int table_new(struct fdtable **ret, uint32_t n)
{
	struct fdtable *ft = calloc(1, sizeof(*ft));

	if (!ft)
		return -ENOMEM;

	struct fdarray *a = array_new(n);

	if (!a) {
		free(ft);
		return -ENOMEM;
	}
	ref_init(&ft->ref);
	mutex_init(&ft->mu, RANK_FDTABLE);
	atomic_init(&ft->arr, a);
	*ret = ft;
	return 0;
}

int fdtable_new(struct fdtable **ret)
{
	return table_new(ret, FD_FIRST);
}

int fdtable_copy(struct fdtable **ret, struct fdtable *from)
{
	struct fdtable *ft = NULL;

	for (;;) {
		uint32_t n = current_array(from)->n;
		int r = table_new(&ft, n);

		if (r < 0)
			return r;
		mutex_lock(&from->mu);
		if (current_array(from)->n == n)
			break;
		mutex_unlock(&from->mu);
		fdtable_unref(ft, NULL);
	}

	struct fdarray *src = current_array(from);
	struct fdarray *dst = current_array(ft);

	memcpy(dst->open, src->open, src->n / 8);
	memcpy(dst->cloexec, src->cloexec, src->n / 8);
	for (uint32_t w = 0; w < src->n / 64; w++) {
		for (uint64_t bits = src->open[w]; bits; bits &= bits - 1) {
			uint32_t fd = w * 64 + (uint32_t)__builtin_ctzll(bits);
			struct file *f = atomic_load(&src->files[fd]);

			atomic_init(&dst->files[fd], file_get(f));
		}
	}
	ft->hint = from->hint;
	mutex_unlock(&from->mu);
	*ret = ft;
	return 0;
}

struct fdtable *fdtable_ref(struct fdtable *ft)
{
	ref_get(&ft->ref);
	return ft;
}

bool fdtable_shared(const struct fdtable *ft)
{
	return atomic_load_explicit(&((struct fdtable *)ft)->ref.n, memory_order_acquire) > 1;
}

/* What close(2) does besides dropping the reference. Takes @f. */
static void close_file(struct fdtable *ft, struct task *t, struct file *f)
{
	if (f->ops->flush && t)
		f->ops->flush(f, t);
	if (f->inode && __atomic_load_n(&f->inode->locks, __ATOMIC_ACQUIRE))
		lock_close_posix(f->inode, ft);
	file_put(f);
}

/* Empties @fd. Returns its file (the table's reference) or NULL. */
static struct file *clear_locked(struct fdtable *ft, uint32_t fd)
{
	struct fdarray *a = current_array(ft);

	if (fd >= a->n)
		return NULL;

	struct file *f = atomic_exchange(&a->files[fd], NULL);

	if (!f)
		return NULL;
	a->open[fd / 64] &= ~(UINT64_C(1) << (fd % 64));
	a->cloexec[fd / 64] &= ~(UINT64_C(1) << (fd % 64));
	if (fd < ft->hint)
		ft->hint = fd;
	return f;
}

static int next_locked(struct fdtable *ft, uint32_t from)
{
	struct fdarray *a = current_array(ft);

	for (uint32_t w = from / 64; w < a->n / 64; w++) {
		uint64_t bits = a->open[w];

		if (w == from / 64)
			bits &= ~UINT64_C(0) << (from % 64);
		if (bits)
			return (int)(w * 64 + (uint32_t)__builtin_ctzll(bits));
	}
	return -1;
}

void fdtable_unref(struct fdtable *ft, struct task *t)
{
	if (!ft || !ref_put(&ft->ref))
		return;
	for (int fd = 0; (fd = next_locked(ft, (uint32_t)fd)) >= 0; fd++)
		close_file(ft, t, clear_locked(ft, (uint32_t)fd));
	array_free(current_array(ft));
	mutex_fini(&ft->mu);
	free(ft);
}

struct file *fd_get_raw(struct task *t, int fd)
{
	struct fdtable *ft = t->files;

	for (;;) {
		struct fdarray *a = current_array(ft);

		if ((uint32_t)fd >= a->n)
			return NULL;

		struct file *f = atomic_load_explicit(&a->files[fd], memory_order_acquire);

		if (!f)
			return NULL;
		if (!ref_get_unless_zero(&f->ref))
			continue; /* being closed: the slot changes at once */

		struct fdarray *again = current_array(ft);

		if (atomic_load_explicit(&again->files[fd], memory_order_acquire) == f)
			return f;
		file_put(f);
	}
}

struct file *fd_get(struct task *t, int fd)
{
	struct file *f = fd_get_raw(t, fd);

	if (f && (atomic_load_explicit(&f->flags, memory_order_relaxed) & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

void fd_put(struct task *t, struct file *f)
{
	(void)t;
	file_put(f);
}

/* Makes room for @fd. The old array stays for look-ups that are under way. */
static int grow_locked(struct fdtable *ft, uint32_t fd)
{
	struct fdarray *old = current_array(ft);
	uint32_t n = old->n;

	if (fd < n)
		return 0;
	while (n <= fd)
		n *= 2;

	struct fdarray *a = array_new(n);

	if (!a)
		return -ENOMEM;
	memcpy(a->open, old->open, old->n / 8);
	memcpy(a->cloexec, old->cloexec, old->n / 8);
	for (uint32_t i = 0; i < old->n; i++)
		atomic_init(&a->files[i], atomic_load_explicit(&old->files[i], memory_order_relaxed));
	a->old = old;
	atomic_store_explicit(&ft->arr, a, memory_order_release);
	return 0;
}

static void put_locked(struct fdtable *ft, uint32_t fd, struct file *f, bool cloexec)
{
	struct fdarray *a = current_array(ft);
	uint64_t bit = UINT64_C(1) << (fd % 64);

	a->open[fd / 64] |= bit;
	if (cloexec)
		a->cloexec[fd / 64] |= bit;
	else
		a->cloexec[fd / 64] &= ~bit;
	atomic_store_explicit(&a->files[fd], f, memory_order_release);
}

static uint32_t free_locked(const struct fdtable *ft, uint32_t from)
{
	const struct fdarray *a = current_array(ft);

	for (uint32_t w = from / 64; w < a->n / 64; w++) {
		uint64_t bits = ~a->open[w];

		if (w == from / 64)
			bits &= ~UINT64_C(0) << (from % 64);
		if (bits)
			return w * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return MAX(from, a->n);
}

static uint32_t nofile(struct task *t)
{
	uint64_t limit = task_rlimit(t, RLIMIT_NOFILE);

	return limit > FD_MAX ? FD_MAX : (uint32_t)limit;
}

int fd_install(struct task *t, struct file *f, int min, bool cloexec)
{
	struct fdtable *ft = t->files;
	uint32_t limit = nofile(t);
	int r;

	mutex_lock(&ft->mu);
	uint32_t from = MAX((uint32_t)min, ft->hint);
	uint32_t fd = free_locked(ft, from);

	if (fd >= limit) {
		mutex_unlock(&ft->mu);
		return -EMFILE;
	}
	r = grow_locked(ft, fd);
	if (r == 0) {
		put_locked(ft, fd, f, cloexec);
		if ((uint32_t)min <= ft->hint)
			ft->hint = fd + 1;
		r = (int)fd;
	}
	mutex_unlock(&ft->mu);
	return r;
}

int fd_install_at(struct task *t, struct file *f, int fd, bool cloexec)
{
	struct fdtable *ft = t->files;

	if (fd < 0 || (uint32_t)fd >= nofile(t))
		return -EBADF;
	mutex_lock(&ft->mu);
	int r = grow_locked(ft, (uint32_t)fd);

	if (r < 0) {
		mutex_unlock(&ft->mu);
		return r;
	}

	struct file *old = clear_locked(ft, (uint32_t)fd);

	put_locked(ft, (uint32_t)fd, f, cloexec);
	if (ft->hint == (uint32_t)fd)
		ft->hint = (uint32_t)fd + 1;
	mutex_unlock(&ft->mu);
	if (old)
		close_file(ft, t, old);
	return fd;
}

int fd_close(struct task *t, int fd)
{
	struct fdtable *ft = t->files;

	if (fd < 0)
		return -EBADF;
	mutex_lock(&ft->mu);
	struct file *f = clear_locked(ft, (uint32_t)fd);

	mutex_unlock(&ft->mu);
	if (!f)
		return -EBADF;
	close_file(ft, t, f);
	return 0;
}

static int unshare_table(struct task *t)
{
	struct fdtable *old = t->files;
	struct fdtable *copy = NULL;

	if (!fdtable_shared(old))
		return 0;

	int r = fdtable_copy(&copy, old);

	if (r < 0)
		return r;
	mutex_lock(&t->mu);
	t->files = copy;
	mutex_unlock(&t->mu);
	fdtable_unref(old, t);
	return 0;
}

int fd_close_range(struct task *t, unsigned int first, unsigned int last, unsigned int flags)
{
	if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int r = unshare_table(t);

		if (r < 0)
			return r;
	}

	struct fdtable *ft = t->files;

	for (unsigned int from = first; from < FD_MAX; from++) {
		mutex_lock(&ft->mu);
		int fd = next_locked(ft, from);
		struct file *f = NULL;

		if (fd >= 0 && (unsigned int)fd <= last) {
			if (flags & CLOSE_RANGE_CLOEXEC)
				current_array(ft)->cloexec[fd / 64] |= UINT64_C(1) << (fd % 64);
			else
				f = clear_locked(ft, (uint32_t)fd);
		}
		mutex_unlock(&ft->mu);
		if (fd < 0 || (unsigned int)fd > last)
			break;
		if (f)
			close_file(ft, t, f);
		from = (unsigned int)fd;
	}
	return 0;
}

int fd_get_cloexec(struct task *t, int fd)
{
	struct fdtable *ft = t->files;
	int r = -EBADF;

	mutex_lock(&ft->mu);
	struct fdarray *a = current_array(ft);

	if (fd >= 0 && (uint32_t)fd < a->n && atomic_load(&a->files[fd]))
		r = (a->cloexec[fd / 64] >> (fd % 64)) & 1;
	mutex_unlock(&ft->mu);
	return r;
}

int fd_set_cloexec(struct task *t, int fd, bool on)
{
	struct fdtable *ft = t->files;
	int r = -EBADF;

	mutex_lock(&ft->mu);
	struct fdarray *a = current_array(ft);

	if (fd >= 0 && (uint32_t)fd < a->n && atomic_load(&a->files[fd])) {
		if (on)
			a->cloexec[fd / 64] |= UINT64_C(1) << (fd % 64);
		else
			a->cloexec[fd / 64] &= ~(UINT64_C(1) << (fd % 64));
		r = 0;
	}
	mutex_unlock(&ft->mu);
	return r;
}

void fdtable_close_on_exec(struct fdtable *ft, struct task *t)
{
	for (;;) {
		struct file *f = NULL;

		mutex_lock(&ft->mu);
		struct fdarray *a = current_array(ft);

		for (uint32_t w = 0; w < a->n / 64 && !f; w++) {
			if (a->cloexec[w])
				f = clear_locked(ft, w * 64 +
							     (uint32_t)__builtin_ctzll(a->cloexec[w]));
		}
		mutex_unlock(&ft->mu);
		if (!f)
			return;
		close_file(ft, t, f);
	}
}

int fdtable_next(struct fdtable *ft, int from, struct file **f)
{
	mutex_lock(&ft->mu);
	int fd = from < 0 ? -1 : next_locked(ft, (uint32_t)from);

	if (fd >= 0 && f)
		*f = file_get(atomic_load(&current_array(ft)->files[fd]));
	mutex_unlock(&ft->mu);
	return fd;
}
