/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2): the backing runs move with the area; nothing is copied.
 */
#include <errno.h>
#include <stdlib.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"

#define KNOWN (MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)

struct move {
	uint64_t old, old_len, new_len, new_addr;
	int flags;
};

/* Backs [start, end) of a grown area as mmap would. */
static int back_growth(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	int r = 0;

	if (v->prot != PROT_NONE && end - start <= RUN_EAGER)
		r = run_establish(mm, v, start, end,
				  (v->flags & VMA_SHARED) && (v->prot & PROT_WRITE));
	return r == -ENOMEM && !v->m ? r : 0;
}

static int grow_in_place(struct mm *mm, struct batch *b, struct vma *v, uint64_t new_end)
{
	uint64_t old_end = v->r.end;
	struct vma *next = vma_next(v);
	int r;

	if (new_end > mm->task_size || new_end < old_end || (next && next->r.start < new_end))
		return -ENOMEM;
	vma_resize(mm, v, v->r.start, new_end);
	r = back_growth(mm, v, old_end, new_end);
	if (r < 0) {
		run_remove(mm, b, old_end, new_end);
		vma_resize(mm, v, v->r.start, old_end);
		return r;
	}
	vma_merge(mm, b, v->r.start, new_end);
	return 0;
}

/* Carries the runs of [old, old+len) over to @to within @v. Bounds are split. */
static void carry_runs(struct mm *mm, struct vma *v, uint64_t old, uint64_t len, uint64_t to)
{
	struct run *run = run_from(mm, old), *next, *list = NULL;
	bool any = false;

	for (; run && run->r.start < old + len; run = next) {
		next = run_next(run);
		runs_del(mm, run);
		run->next_dead = list;
		list = run;
		any = true;
	}
	run_forget_cache(mm);
	if (any && mm->live)
		plat_unmap(mm->space, old, len);
	if (any && (v->prot & PROT_EXEC) && mm->live)
		plat_text_changed(mm->space, old, len);
	while (list) {
		run = list;
		list = run->next_dead;
		run->next_dead = NULL;
		run->r = (struct range){.start = run->r.start - old + to,
					.end = run->r.end - old + to};
		run->m = v->m;
		run_insert(mm, v, run);
	}
}

/* Moves [old, old+old_len) (inside @v) to @to, at least new_len long there. */
static int relocate(struct mm *mm, struct batch *b, const struct move *mv, uint64_t to)
{
	uint64_t keep = mv->old_len < mv->new_len ? mv->old_len : mv->new_len;
	struct vma *v, *fresh;
	int r;

	r = vma_split(mm, mv->old);
	if (r == 0)
		r = vma_split(mm, mv->old + keep);
	if (r < 0)
		return r;
	v = vma_at(mm, mv->old);
	fresh = vma_new(mm, to, to + mv->new_len, v->prot, v->flags & ~(VMA_STACK | VMA_HEAP),
			v->file, v->m, v->off);
	if (!fresh)
		return -ENOMEM;
	vma_insert(mm, fresh);
	carry_runs(mm, fresh, mv->old, keep, to);
	r = back_growth(mm, fresh, to, to + mv->new_len);
	if (mv->flags & MREMAP_DONTUNMAP) {
		if (v->prot != PROT_NONE && range_len(&v->r) <= RUN_EAGER)
			run_establish(mm, v, v->r.start, v->r.end, false);
	} else {
		mm_remove(mm, b, mv->old, mv->old + mv->old_len);
	}
	vma_merge(mm, b, to, to + mv->new_len);
	return r;
}

/* old_len 0: a second mapping of the same shared object. */
static int duplicate(struct mm *mm, struct batch *b, struct vma *v, const struct move *mv,
		     uint64_t to)
{
	struct vma *fresh = vma_new(mm, to, to + mv->new_len, v->prot, v->flags, v->file, v->m,
				    v->off + (mv->old - v->r.start));

	if (!fresh)
		return -ENOMEM;
	vma_insert(mm, fresh);
	back_growth(mm, fresh, to, to + mv->new_len);
	vma_merge(mm, b, to, to + mv->new_len);
	return 0;
}

/* What must hold for the area at the old address, in Linux's order. */
static int check_old(struct mm *mm, const struct move *mv, const struct mm_limits *lim)
{
	struct vma *v = vma_at(mm, mv->old);
	uint64_t more = mv->new_len > mv->old_len ? mv->new_len - mv->old_len : 0;

	if (!v || (v->flags & VMA_PATCH))
		return -EFAULT;
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if (mv->old_len == 0 && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if (mv->old_len > v->r.end - mv->old)
		return -EFAULT;
	if (mv->old_len == 0)
		more = mv->new_len;
	if (mv->flags & MREMAP_DONTUNMAP)
		more = mv->new_len;
	if ((v->flags & VMA_LOCKED) && lim && mm->locked + more > lim->memlock)
		return -EAGAIN;
	if (!mm_may_expand(mm, more, v->prot, v->flags, lim))
		return -ENOMEM;
	return 0;
}

static int remap_locked(struct mm *mm, struct batch *b, const struct move *mv,
			const struct mm_limits *lim, uint64_t *ret)
{
	bool fixed = (mv->flags & MREMAP_FIXED) != 0;
	uint64_t to = mv->new_addr;
	struct vma *v;
	int r;

	/* Shrinking where it stands needs no more than an unmap. */
	if (!(mv->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && mv->old_len >= mv->new_len) {
		if (!vma_at(mm, mv->old))
			return -EFAULT;
		if (mm_range_has(mm, mv->old, mv->old + mv->old_len, VMA_SEALED))
			return -EPERM;
		*ret = mv->old;
		return mv->old_len == mv->new_len
			       ? (vma_at(mm, mv->old)->r.end < mv->old + mv->old_len ? -EFAULT : 0)
			       : mm_remove(mm, b, mv->old + mv->new_len, mv->old + mv->old_len);
	}
	if (fixed) {
		if (mm_range_has(mm, to, to + mv->new_len, VMA_PATCH | VMA_SEALED))
			return -EPERM;
		r = check_old(mm, mv, NULL);
		if (r == 0)
			r = mm_remove(mm, b, to, to + mv->new_len);
		if (r < 0)
			return r;
	}
	r = check_old(mm, mv, lim);
	if (r < 0)
		return r;
	v = vma_at(mm, mv->old);
	if (!fixed && !(mv->flags & MREMAP_DONTUNMAP) && mv->old_len &&
	    v->r.end == mv->old + mv->old_len &&
	    grow_in_place(mm, b, v, mv->old + mv->new_len) == 0) {
		*ret = mv->old;
		return 0;
	}
	if (!(mv->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	if (!fixed) {
		r = mm_find_gap(mm, mv->flags & MREMAP_DONTUNMAP ? to : 0, mv->new_len, 0, &to);
		if (r < 0)
			return r;
	}
	r = mv->old_len ? relocate(mm, b, mv, to) : duplicate(mm, b, v, mv, to);
	if (r == 0)
		*ret = to;
	return r;
}

int mm_mremap(struct mm *mm, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
	      uint64_t new_addr, const struct mm_limits *lim, uint64_t *ret)
{
	struct move mv = {.old = old,
			  .old_len = page_up(old_len),
			  .new_len = page_up(new_len),
			  .new_addr = new_addr,
			  .flags = flags};
	struct batch b = {0};
	int r;

	if ((flags & ~KNOWN) || ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) &&
	    (!(flags & MREMAP_MAYMOVE) || mv.old_len != mv.new_len || mv.old_len == 0))
		return -EINVAL;
	if ((old & ~PAGE_MASK) || mv.new_len == 0)
		return -EINVAL;
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		if ((flags & MREMAP_FIXED) && ((new_addr & ~PAGE_MASK) || new_addr < 0x10000))
			return -EINVAL;
		if (mv.new_len > mm->task_size || new_addr > mm->task_size - mv.new_len)
			return -EINVAL;
		if ((flags & MREMAP_FIXED) && old + mv.old_len > new_addr &&
		    new_addr + mv.new_len > old)
			return -EINVAL;
	}
	if (mv.new_len > mm->task_size)
		return -ENOMEM;
	if (mv.old_len > mm->task_size || old > mm->task_size - mv.old_len)
		return -EFAULT;

	rwlock_wrlock(&mm->lock);
	r = remap_locked(mm, &b, &mv, lim, ret);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}
