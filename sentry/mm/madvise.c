/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2), msync(2), mincore(2): what the guest says or asks about pages.
 */
#include <errno.h>
#include <stdlib.h>

#include "host/mem.h"
#include "mm/mm_priv.h"
#include "platform/platform.h"
#include "vfs/file.h"

#define MADV_COLLAPSE_ 25
#define MADV_DONTNEED_LOCKED_ 24
#define FREE_LEAST (2UL << 20) /* MADV_FREE of less than this keeps the memory */
#define MINCORE_CHUNK 512

/* Drops the contents of private memory in [start, end) within @v. */
static int zap_private(struct mm *mm, struct batch *b, struct vma *v, uint64_t start, uint64_t end)
{
	struct run *run, *next;
	bool holes = false;
	int r = run_split(mm, start);

	if (r == 0)
		r = run_split(mm, end);
	if (r < 0)
		return r;
	for (run = run_from(mm, start); run && run->r.start < end; run = next) {
		uint64_t a = run->r.start, z = run->r.end;

		next = run_next(run);
		if (run->kind != RUN_ANON) /* never copied: already what the file says */
			continue;
		if (!v->m && memfile_exclusive(run->off, z - a)) {
			memfile_zap(run->off, z - a);
			if (run->cow) {
				run->cow = false;
				run_reprotect(mm, v, a, z);
			}
			continue;
		}
		run_remove(mm, b, a, z);
		holes = true;
	}
	if (!holes)
		return 0;
	/* plat_map replaces; what cannot be backed any more must not stay. */
	if (mm->live)
		plat_unmap(mm->space, start, end - start);
	for (run = run_from(mm, start); run && run->r.start < end; run = run_next(run))
		stub_map(mm, run);
	if (v->prot != PROT_NONE)
		run_establish(mm, v, start, end, false);
	return 0;
}

/* MADV_REMOVE: a hole in what is mapped. Anonymous shared memory is zapped here; for a file the
 * caller punches it when the lock is gone (result 1). */
static int remove_shared(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	if ((v->flags & VMA_LOCKED) || !v->m)
		return -EINVAL;
	if (!(v->flags & VMA_SHARED) || !(v->flags & VMA_MAYWRITE))
		return -EACCES;
	if (v->file)
		return 1;
	for (struct run *run = run_from(mm, start); run && run->r.start < end;
	     run = run_next(run)) {
		uint64_t a = run->r.start > start ? run->r.start : start;
		uint64_t z = run->r.end < end ? run->r.end : end;

		if (run->kind == RUN_SHM)
			memfile_zap(run->off + (a - run->r.start), z - a);
	}
	return 0;
}

/* MADV_DONTNEED on a shared mapping only drops page tables: nothing to see. */
static int dontneed(struct mm *mm, struct batch *b, struct vma *v, uint64_t start, uint64_t end)
{
	return v->flags & VMA_SHARED ? 0 : zap_private(mm, b, v, start, end);
}

static int advise_area(struct mm *mm, struct batch *b, struct vma *v, uint64_t start, uint64_t end,
		       int advice)
{
	bool anon = !v->m;

	switch (advice) {
	case MADV_DONTNEED:
		if (v->flags & VMA_LOCKED)
			return -EINVAL;
		/* fallthrough */
	case MADV_DONTNEED_LOCKED_:
		return dontneed(mm, b, v, start, end);
	case MADV_FREE:
		if (!anon)
			return -EINVAL;
		return end - start >= FREE_LEAST ? zap_private(mm, b, v, start, end) : 0;
	case MADV_REMOVE:
		return remove_shared(mm, v, start, end);
	case MADV_WIPEONFORK:
		if (!anon)
			return -EINVAL;
		return mm_change_flags(mm, b, start, end, VMA_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return mm_change_flags(mm, b, start, end, 0, VMA_WIPEONFORK);
	case MADV_DONTFORK:
		return mm_change_flags(mm, b, start, end, VMA_DONTFORK, 0);
	case MADV_DOFORK:
		return mm_change_flags(mm, b, start, end, 0, VMA_DONTFORK);
	case MADV_DONTDUMP:
		return mm_change_flags(mm, b, start, end, VMA_DONTDUMP, 0);
	case MADV_DODUMP:
		return mm_change_flags(mm, b, start, end, 0, VMA_DONTDUMP);
	case MADV_HUGEPAGE:
		if (mm->live && anon)
			plat_advise(mm->space, start, end - start, MADV_HUGEPAGE);
		return mm_change_flags(mm, b, start, end, VMA_HUGEPAGE, VMA_NOHUGEPAGE);
	case MADV_NOHUGEPAGE:
		return mm_change_flags(mm, b, start, end, VMA_NOHUGEPAGE, VMA_HUGEPAGE);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		if (!(v->prot & (advice == MADV_POPULATE_READ ? PROT_READ : PROT_WRITE)))
			return -EFAULT;
		if (mm->live)
			plat_advise(mm->space, start, end - start, advice);
		return 0;
	case MADV_COLLAPSE_:
		return -EINVAL;
	default: /* pure hints */
		return 0;
	}
}

static bool known(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_DONTNEED_LOCKED_:
	case MADV_COLLAPSE_:
		return true;
	default:
		return false;
	}
}

/* A file whose range is to be punched after the lock is gone. */
struct punch {
	struct file *file;
	uint64_t off, len;
};

static int advise_locked(struct mm *mm, struct batch *b, uint64_t start, uint64_t end, int advice,
			 struct punch *punch)
{
	uint64_t at = start;
	int holes = 0;

	while (at < end) {
		struct vma *v = vma_from(mm, at);
		uint64_t to;
		int r;

		if (!v || v->r.start >= end)
			return -ENOMEM;
		if (v->r.start > at) {
			holes = -ENOMEM;
			at = v->r.start;
		}
		to = v->r.end < end ? v->r.end : end;
		if ((v->flags & VMA_SEALED) && !(v->prot & PROT_WRITE) && !v->m &&
		    (advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_WIPEONFORK))
			return -EPERM;
		r = v->flags & VMA_PATCH ? 0 : advise_area(mm, b, v, at, to, advice);
		if (r < 0)
			return r;
		if (r == 1 && !punch->file && v->file)
			*punch = (struct punch){.file = file_get(v->file),
						.off = v->off + (at - v->r.start),
						.len = to - at};
		at = to;
	}
	return holes;
}

int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice)
{
	struct punch punch = {0};
	struct batch b = {0};
	uint64_t end;
	int r;

	if (!known(advice) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (len && !page_up(len))
		return -EINVAL;
	end = addr + page_up(len);
	if (end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	rwlock_wrlock(&mm->lock);
	r = advise_locked(mm, &b, addr, end, advice, &punch);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	if (punch.file) {
		int p = punch.file->ops->fallocate
				? punch.file->ops->fallocate(punch.file, NULL,
							     3 /* PUNCH|KEEP_SIZE */,
							     (int64_t)punch.off, (int64_t)punch.len)
				: -EOPNOTSUPP;

		file_put(punch.file);
		if (r == 0)
			r = p;
	}
	return r;
}

/* ---- msync -------------------------------------------------------------------------------------
 */

/* The next file with a shared mapping at or above *at; moves *at behind it. Takes a reference. */
static struct file *next_synced(struct mm *mm, uint64_t *at, uint64_t end, int *holes, bool *locked)
{
	struct file *f = NULL;

	rwlock_rdlock(&mm->lock);
	while (!f && *at < end) {
		struct vma *v = vma_from(mm, *at);

		if (!v || v->r.start >= end) {
			*holes = -ENOMEM;
			*at = end;
			break;
		}
		if (v->r.start > *at)
			*holes = -ENOMEM;
		if (v->flags & VMA_LOCKED)
			*locked = true;
		if ((v->flags & VMA_SHARED) && v->file)
			f = file_get(v->file);
		*at = v->r.end;
	}
	rwlock_unlock(&mm->lock);
	return f;
}

int mm_msync(struct mm *mm, struct task *t, uint64_t addr, uint64_t len, int flags)
{
	uint64_t end = addr + page_up(len), at = addr;
	int r = 0, holes = 0;
	bool locked = false;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < addr)
		return -ENOMEM;
	while (at < end && r == 0) {
		struct file *f = next_synced(mm, &at, end, &holes, &locked);

		if ((flags & MS_INVALIDATE) && locked)
			r = -EBUSY;
		else if (f && (flags & MS_SYNC) && f->ops->fsync)
			r = f->ops->fsync(f, t, true);
		file_put(f);
	}
	return r < 0 ? r : holes;
}

/* ---- mincore -----------------------------------------------------------------------------------
 */

/* Residency of pages from @addr on, as many as lie in one run or hole. -ENOMEM outside of areas. */
static int residency(struct mm *mm, uint64_t addr, uint64_t pages, unsigned char *vec)
{
	struct vma *v = vma_at(mm, addr);
	struct run *run = run_from(mm, addr);
	uint64_t n;

	if (!v)
		return -ENOMEM;
	n = (v->r.end - addr) / PAGE_SIZE;
	n = n < pages ? n : pages;
	if (!run || run->r.start > addr) {
		uint64_t hole = run ? (run->r.start - addr) / PAGE_SIZE : n;

		n = hole < n ? hole : n;
		for (uint64_t i = 0; i < n; i++)
			vec[i] = 0;
		return (int)n;
	}
	n = (run->r.end - addr) / PAGE_SIZE < n ? (run->r.end - addr) / PAGE_SIZE : n;
	if (run_alias(run) < 0 ||
	    host_mincore(run->ptr + (addr - run->r.start), n * PAGE_SIZE, vec) < 0)
		for (uint64_t i = 0; i < n; i++)
			vec[i] = 1;
	for (uint64_t i = 0; i < n; i++)
		vec[i] &= 1;
	return (int)n;
}

int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, uint64_t vec)
{
	uint64_t pages = page_up(len) / PAGE_SIZE;
	unsigned char chunk[MINCORE_CHUNK];

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (addr > mm->task_size || page_up(len) < len || len > mm->task_size - addr)
		return -ENOMEM;
	while (pages) {
		uint64_t want = pages < MINCORE_CHUNK ? pages : MINCORE_CHUNK;
		int n;

		rwlock_wrlock(&mm->lock); /* run_alias() changes the run */
		n = residency(mm, addr, want, chunk);
		rwlock_unlock(&mm->lock);
		if (n < 0)
			return n;
		if (mm_copy_out(mm, vec, chunk, (size_t)n) < 0)
			return -EFAULT;
		addr += (uint64_t)n * PAGE_SIZE;
		vec += (uint64_t)n;
		pages -= (uint64_t)n;
	}
	return 0;
}
