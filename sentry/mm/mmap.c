/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2), munmap(2), brk(2): new and vanishing areas. Whole areas are backed and mapped at once,
 * except PROT_NONE reservations (nothing) and areas beyond RUN_EAGER (windows, on fault).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"
#include "util/cleanup.h"
#include "vfs/file.h"
#include "vfs/mount.h"

#define EAGER_COPY (64UL << 10) /* private writable file areas up to this are copied at mmap */
#define MMAP_MIN 0x10000UL
/* What MAP_SHARED_VALIDATE knows; anything else is refused. */
#define MAP_KNOWN                                                                                  \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_DENYWRITE | MAP_EXECUTABLE |       \
	 MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |    \
	 MAP_HUGETLB | MAP_FIXED_NOREPLACE)

/* What one mmap call asks for, decided before the lock is taken. */
struct request {
	uint64_t addr, len, off;
	int prot, flags;
	uint32_t vma_flags;
	struct file *file;  /* borrowed */
	struct mappable *m; /* borrowed */
};

int mm_check_range(const struct mm *mm, uint64_t addr, uint64_t len, uint64_t *end)
{
	len = page_up(len);
	if ((addr & ~PAGE_MASK) || len > mm->task_size || addr > mm->task_size - len)
		return -EINVAL;
	*end = addr + len;
	return 0;
}

static uint32_t common_flags(const struct request *rq)
{
	uint32_t f = VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC;

	if (rq->flags & MAP_GROWSDOWN)
		f |= VMA_GROWSDOWN;
	if (rq->flags & MAP_NORESERVE)
		f |= VMA_NORESERVE;
	if (rq->flags & MAP_LOCKED)
		f |= VMA_LOCKED;
	return f;
}

/* Checks a file mapping against how the file was opened, as Linux's do_mmap() orders it. */
static int check_file(struct request *rq)
{
	uint32_t fl = atomic_load_explicit(&rq->file->flags, memory_order_relaxed);
	uint32_t acc = fl & O_ACCMODE;
	bool can_write = acc == O_RDWR;
	bool shared = (rq->flags & MAP_TYPE) != MAP_PRIVATE;

	if (fl & O_PATH)
		return -EBADF;
	if (shared && (rq->prot & PROT_WRITE) && !can_write)
		return -EACCES;
	if (acc == O_WRONLY)
		return -EACCES;
	if (rq->file->path.mnt && mount_has(rq->file->path.mnt, MNT_NOEXEC)) {
		if (rq->prot & PROT_EXEC)
			return -EPERM;
		rq->vma_flags &= ~VMA_MAYEXEC;
	}
	if (!rq->file->ops->mmap)
		return -ENODEV;
	if (rq->flags & MAP_GROWSDOWN)
		return -EINVAL;
	if (shared) {
		rq->vma_flags |= VMA_SHARED;
		if (!can_write)
			rq->vma_flags &= ~VMA_MAYWRITE;
	}
	return 0;
}

static int check_type(struct request *rq)
{
	int type = rq->flags & MAP_TYPE;

	rq->vma_flags = common_flags(rq);
	if (type == MAP_SHARED_VALIDATE) {
		if (!rq->file)
			return -EINVAL;
		if (rq->flags & ~MAP_KNOWN)
			return -EOPNOTSUPP;
	} else if (type != MAP_SHARED && type != MAP_PRIVATE) {
		return -EINVAL;
	}
	if (rq->file)
		return check_file(rq);
	if (type == MAP_SHARED) {
		if (rq->flags & MAP_GROWSDOWN)
			return -EINVAL;
		rq->vma_flags |= VMA_SHARED;
	}
	return 0;
}

static int place(struct mm *mm, struct batch *b, const struct request *rq, uint64_t *ret)
{
	uint64_t addr = rq->addr;
	struct vma *v;

	if (!(rq->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		return mm_find_gap(mm, addr, rq->len, rq->flags, ret);
	if (rq->len > mm->task_size || addr > mm->task_size - rq->len)
		return -ENOMEM;
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (addr < MMAP_MIN)
		return -EPERM;
	*ret = addr;
	v = vma_from(mm, addr);
	if (!v || v->r.start >= addr + rq->len)
		return 0;
	if (rq->flags & MAP_FIXED_NOREPLACE)
		return -EEXIST;
	if (mm_range_has(mm, addr, addr + rq->len, VMA_PATCH))
		return -ENOMEM;
	if (mm_range_has(mm, addr, addr + rq->len, VMA_SEALED))
		return -EPERM;
	return mm_remove_books(mm, b, addr, addr + rq->len);
}

/* A private, writable, small file area is .data: it will be written at once, so it is copied now.
 */
static void copy_small(struct mm *mm, struct batch *b, struct vma *v)
{
	if (!v->m || (v->flags & VMA_SHARED) || !(v->prot & PROT_WRITE) ||
	    range_len(&v->r) > EAGER_COPY)
		return;
	for (uint64_t at = v->r.start; at < v->r.end;) {
		struct run *run = run_at(mm, at);

		if (!run || (run->cow && cow_break(mm, b, v, run, at) < 0))
			return; /* the fault will tell */
		run = run_at(mm, at);
		at = run ? run->r.end : v->r.end;
	}
}

/* Tells the stub what stands in [start, end) now: its runs, and nothing between them where
 * something else was mapped before (@replaced). */
static void tell_stub(struct mm *mm, uint64_t start, uint64_t end, bool replaced)
{
	uint64_t at = start;

	if (!mm->live)
		return;
	run_map_fresh(mm, 0);
	for (struct run *run = run_from(mm, start); run && run->r.start < end;
	     run = run_next(run)) {
		if (replaced && run->r.start > at)
			plat_unmap(mm->space, at, run->r.start - at);
		stub_map(mm, run);
		at = run->r.end;
	}
	if (replaced && at < end)
		plat_unmap(mm->space, at, end - at);
}

/* The dynamic linker maps a library in four or five calls before it touches any of it (and says so
 * with MAP_DENYWRITE): the stub is told with the last one, or at the first fault. */
static bool defer(struct mm *mm, const struct request *rq, const struct vma *v, bool replaced)
{
	if (!mm->live || replaced || !rq->file || !(rq->flags & MAP_DENYWRITE) ||
	    (v->flags & (VMA_SHARED | VMA_LOCKED)) || (rq->flags & MAP_POPULATE))
		return false;
	for (struct run *run = run_from(mm, v->r.start); run && run->r.start < v->r.end;
	     run = run_next(run))
		run->lazy = true;
	if (!mm->fresh_end || v->r.start < mm->fresh_start)
		mm->fresh_start = v->r.start;
	if (v->r.end > mm->fresh_end)
		mm->fresh_end = v->r.end;
	return true;
}

static void populate(struct mm *mm, const struct request *rq, uint64_t addr)
{
	if (!(rq->flags & (MAP_POPULATE | MAP_LOCKED)) || (rq->flags & MAP_NONBLOCK) || !mm->live)
		return;
	if (rq->prot & PROT_WRITE)
		plat_advise(mm->space, addr, rq->len, MADV_POPULATE_WRITE);
	else if (rq->prot & PROT_READ)
		plat_advise(mm->space, addr, rq->len, MADV_POPULATE_READ);
}

/* What MAP_FIXED replaces does not count twice. */
static uint64_t replaced_bytes(const struct mm *mm, const struct request *rq)
{
	uint64_t start = rq->addr, end = rq->addr + rq->len, sum = 0;

	if (!(rq->flags & MAP_FIXED) || end < start)
		return 0;
	for (struct vma *v = vma_from(mm, start); v && v->r.start < end; v = vma_next(v)) {
		uint64_t a = v->r.start > start ? v->r.start : start;
		uint64_t z = v->r.end < end ? v->r.end : end;

		sum += z - a;
	}
	return sum;
}

static bool stub_had(const struct batch *b)
{
	for (const struct run *run = b->runs; run; run = run->next_dead)
		if (!run->lazy)
			return true;
	return false;
}

/* Backs a new area as far as that is done at once. On -ENOMEM it is gone again. */
static int back_new(struct mm *mm, struct batch *b, struct vma *v)
{
	uint64_t start = v->r.start, end = v->r.end;
	int r;

	if (v->prot == PROT_NONE || end - start > RUN_EAGER)
		return 0;
	r = run_establish(mm, v, start, end, (v->flags & VMA_SHARED) && (v->prot & PROT_WRITE));
	if (r == -ENOMEM && !v->m) {
		mm_remove_books(mm, b, start, end);
		return r;
	}
	copy_small(mm, b, v);
	return 0;
}

static int map_locked(struct mm *mm, struct batch *b, const struct request *rq,
		      const struct mm_limits *lim, uint64_t *ret)
{
	uint32_t vma_flags = rq->vma_flags | (mm->lock_future ? VMA_LOCKED : 0);
	uint64_t addr;
	bool replaced;
	struct vma *v;
	int r;

	if (!mm_may_expand(mm, rq->len - replaced_bytes(mm, rq), rq->prot, vma_flags, lim))
		return -ENOMEM;
	if ((vma_flags & VMA_LOCKED) && lim && mm->locked + rq->len > lim->memlock)
		return -EAGAIN;
	if (mm->n_vmas >= MAP_COUNT_MAX)
		return -ENOMEM;
	r = place(mm, b, rq, &addr);
	if (r < 0)
		return r;
	replaced = stub_had(b);
	v = vma_new(mm, addr, addr + rq->len, rq->prot, vma_flags, rq->file, rq->m, rq->off);
	if (v) {
		vma_insert(mm, v);
		mm->quiet = true;
		mm->quiet_resident = false;
		r = back_new(mm, b, v);
		mm->quiet = false;
	} else {
		r = -ENOMEM;
	}
	if (r == 0 && defer(mm, rq, v, replaced))
		mm->quiet_resident = false;
	else
		tell_stub(mm, addr, addr + rq->len, replaced);
	if (r < 0)
		return r;
	if (mm->quiet_resident)
		run_populate(mm, addr, addr + rq->len);
	else if (v->prot != PROT_NONE)
		populate(mm, rq, addr);
	vma_merge(mm, b, addr, addr + rq->len);
	*ret = addr;
	return 0;
}

/* The mappable behind @rq: borrowed from the file, or new (then *own is set). */
static int find_backing(struct request *rq, struct task *t, struct mappable **own)
{
	int r = 0;

	*own = NULL;
	if (rq->file) {
		r = rq->file->ops->mmap(rq->file, t, rq->prot, rq->flags, &rq->m);
		if (r < 0)
			return r;
		if (!rq->m) { /* /dev/zero */
			rq->file = NULL;
			rq->off = 0;
		}
	}
	if (!rq->m && (rq->vma_flags & VMA_SHARED)) {
		r = shm_new(rq->len, own);
		rq->m = *own;
		rq->off = 0;
	}
	return r;
}

int mm_mmap_task(struct mm *mm, struct task *t, uint64_t addr, uint64_t len, int prot, int flags,
		 struct file *file, uint64_t off, const struct mm_limits *lim, uint64_t *ret)
{
	struct request rq = {.addr = addr,
			     .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
			     .flags = flags,
			     .file = file,
			     .off = off};
	struct batch b = {0};
	struct mappable *own;
	int r;

	if (len == 0)
		return -EINVAL;
	rq.len = page_up(len);
	if (rq.len == 0)
		return -ENOMEM;
	if (off + rq.len < off)
		return -EOVERFLOW;
	if (rq.len > mm->task_size)
		return -ENOMEM;
	if ((flags & MAP_ANONYMOUS) || !file)
		rq.file = NULL;
	r = check_type(&rq);
	if (r < 0)
		return r;
	if (flags & MAP_HUGETLB)
		return rq.file ? -EINVAL : -ENOMEM; /* no huge page pool */
	r = find_backing(&rq, t, &own);
	if (r < 0)
		return r;

	rwlock_wrlock(&mm->lock);
	if (lim)
		mm->stack_limit = lim->stack;
	r = map_locked(mm, &b, &rq, lim, ret);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	if (own)
		own->ops->put(own);
	return r;
}

int mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags, struct file *file,
	    uint64_t off, const struct mm_limits *lim, uint64_t *ret)
{
	return mm_mmap_task(mm, NULL, addr, len, prot, flags, file, off, lim, ret);
}

int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len)
{
	struct batch b = {0};
	uint64_t end;
	int r;

	if (len == 0)
		return -EINVAL;
	r = mm_check_range(mm, addr, len, &end);
	if (r < 0 || end == addr)
		return -EINVAL;
	rwlock_wrlock(&mm->lock);
	if (mm_range_has(mm, addr, end, VMA_SEALED))
		r = -EPERM;
	else
		r = mm_remove(mm, &b, addr, end);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

/* ---- brk ---------------------------------------------------------------------------------------
 */

static int brk_grow(struct mm *mm, struct batch *b, uint64_t from, uint64_t to,
		    const struct mm_limits *lim)
{
	struct vma *v = vma_from(mm, from), *heap;
	uint32_t flags = VMA_HEAP | VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC |
			 (mm->lock_future ? VMA_LOCKED : 0);
	int prot = PROT_READ | PROT_WRITE;

	if (to > mm->task_size || !mm_may_expand(mm, to - from, prot, flags, lim))
		return -ENOMEM;
	/* One page of distance to whatever lies above. */
	if (v && v->r.start < to + PAGE_SIZE)
		return -ENOMEM;
	heap = from > mm->brk_start ? vma_at(mm, from - 1) : NULL;
	if (heap && heap->flags == flags && heap->prot == prot && heap->r.end == from) {
		vma_resize(mm, heap, heap->r.start, to);
	} else {
		heap = vma_new(mm, from, to, prot, flags, NULL, NULL, 0);
		if (!heap)
			return -ENOMEM;
		vma_insert(mm, heap);
	}
	if (to - from <= RUN_EAGER && run_establish(mm, heap, from, to, true) < 0) {
		mm_remove(mm, b, from, to);
		return -ENOMEM;
	}
	return 0;
}

uint64_t mm_brk(struct mm *mm, uint64_t addr, const struct mm_limits *lim)
{
	uint64_t old_end, new_end, ret;
	struct batch b = {0};
	int r = 0;

	rwlock_wrlock(&mm->lock);
	old_end = page_up(mm->brk);
	new_end = page_up(addr);
	if (addr < mm->brk_start || addr > mm->task_size)
		r = -EINVAL;
	else if (lim && addr - mm->brk_start > lim->data)
		r = -ENOMEM;
	else if (new_end > old_end)
		r = brk_grow(mm, &b, old_end, new_end, lim);
	else if (new_end < old_end)
		r = mm_range_has(mm, new_end, old_end, VMA_SEALED)
			    ? -EPERM
			    : mm_remove(mm, &b, new_end, old_end);
	if (r == 0)
		mm->brk = addr;
	ret = mm->brk;
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return ret;
}

void mm_set_brk(struct mm *mm, uint64_t start)
{
	rwlock_wrlock(&mm->lock);
	mm->brk_start = mm->brk = start;
	rwlock_unlock(&mm->lock);
}
