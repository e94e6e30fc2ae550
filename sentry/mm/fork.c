/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): a copy-on-write copy of an address space.
 *
 * Private memory becomes read-only in the parent's stub at once (one queued operation per stretch)
 * and is shared by reference; the child's stub is filled when the child first runs. Pages that
 * parent or child wrote right after earlier forks of this process (its hot stack and data pages)
 * are copied here, in one go, which is far cheaper than the faults they would cost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"
#include "vfs/file.h"

#define PINS_MOST 64
#define LAZY_AT_ONCE 100 /* runs */
#define HOT_WHOLE (4 * PAGE_SIZE)

static void copy_basics(struct mm *mm, struct mm *parent)
{
	fork_history_put(mm->history);
	mm->history = fork_history_get(parent->history);
	mm->task_size = parent->task_size;
	mm->mmap_base = parent->mmap_base;
	mm->mmap_random = parent->mmap_random;
	mm->brk_start = parent->brk_start;
	mm->brk = parent->brk;
	mm->stack_limit = parent->stack_limit;
	mm->layout = parent->layout;
	mm->exe = parent->exe ? file_get(parent->exe) : NULL;
}

void fork_history_touched(struct mm *mm, uint64_t addr)
{
	struct fork_history *h = mm->history;

	mutex_lock(&h->mu);
	h->touched[h->n_touched++ % FORK_TOUCHED] = addr & PAGE_MASK;
	mutex_unlock(&h->mu);
}

/* Whether a child is known to need @run: it has memory of its own there, or earlier children went
 * there. */
static bool needed_soon(const struct fork_history *h, const struct run *run)
{
	if (!run->cow)
		return true;
	for (uint32_t i = 0; i < h->n_touched && i < FORK_TOUCHED; i++)
		if (h->touched[i] >= run->r.start && h->touched[i] < run->r.end)
			return true;
	return false;
}

void fork_map_runs(struct mm *mm)
{
	struct fork_history h = {0};
	bool lazy;

	mutex_lock(&mm->history->mu);
	h.forks = mm->history->forks;
	h.n_touched = mm->history->n_touched;
	memcpy(h.touched, mm->history->touched, sizeof(h.touched));
	mutex_unlock(&mm->history->mu);
	/* A single fork is not worth learning from, unless there is a lot to map. */
	lazy = mm->forked && (h.forks > 1 || mm->n_runs > LAZY_AT_ONCE);
	for (struct run *run = run_from(mm, 0); run; run = run_next(run)) {
		if (lazy && !needed_soon(&h, run))
			run->lazy = true;
		else
			stub_map(mm, run);
	}
}

/* The child's view of @run; the parent's loses write permission where both now share. */
static int copy_run(struct mm *mm, struct vma *child_area, struct run *run)
{
	struct run *copy = run_new(run->r.start, run->r.end, run->kind, run->fd, run->off);

	if (!copy)
		return -ENOMEM;
	copy->m = run->m;
	copy->ptr = run->ptr;
	copy->writable = run->writable;
	if (run->kind != RUN_HOST)
		memfile_ref(run->off, range_len(&run->r));
	if (run->kind == RUN_ANON)
		run->cow = true;
	copy->cow = run->cow;
	copy->prot = run_prot(child_area, copy);
	runs_add(mm, copy);
	return 0;
}

static int copy_area(struct mm *mm, struct mm *parent, struct vma *v)
{
	struct vma *copy = vma_clone(mm, v);
	int r;

	if (!copy)
		return -ENOMEM;
	copy->flags &= ~(VMA_LOCKED | VMA_WIPEONFORK);
	copy->flags |= v->flags & VMA_WIPEONFORK;
	vma_insert(mm, copy);
	if (v->flags & VMA_PATCH)
		return 0;
	if (v->flags & VMA_WIPEONFORK)
		return range_len(&v->r) <= RUN_EAGER && v->prot != PROT_NONE
			       ? run_establish(mm, copy, copy->r.start, copy->r.end, true)
			       : 0;
	for (struct run *run = run_from(parent, v->r.start); run && run->r.start < v->r.end;
	     run = run_next(run)) {
		r = copy_run(mm, copy, run);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Gives the child its own copy of [addr, end) within one run of memory, so that the parent's stays
 * the parent's alone. @own: nobody but the parent (and its pins) had it before. */
static void copy_stretch(struct mm *mm, struct mm *parent, struct batch *b, uint64_t addr,
			 uint64_t end, bool own)
{
	struct run *theirs;

	if (cow_copy(mm, b, vma_at(mm, addr), run_at(mm, addr), addr, end) < 0)
		return;
	batch_finish(mm, b); /* the child has no stub yet: drops its reference at once */
	theirs = run_at(parent, addr);
	if (!theirs || theirs->r.end < end || theirs->kind != RUN_ANON ||
	    !(own || memfile_exclusive(theirs->off + (addr - theirs->r.start), end - addr)) ||
	    run_split(parent, addr) < 0 || run_split(parent, end) < 0)
		return;
	theirs = run_at(parent, addr);
	theirs->cow = false;
}

/* The same for hot pages [addr, end), which may span runs. Of a small run all is copied: a few
 * pages more cost less than the two mappings more that splitting it would. */
static void copy_hot_pages(struct mm *mm, struct mm *parent, struct batch *b, uint64_t addr,
			   uint64_t end)
{
	while (addr < end) {
		struct run *run = run_from(mm, addr);
		uint64_t from, to;

		if (!run || run->r.start >= end)
			return;
		from = addr > run->r.start ? addr : run->r.start;
		to = end < run->r.end ? end : run->r.end;
		addr = to;
		if (run->kind != RUN_ANON || !run->cow || !(vma_at(mm, from)->prot & PROT_WRITE))
			continue;
		if (range_len(&run->r) <= HOT_WHOLE) {
			from = run->r.start;
			to = run->r.end;
		}
		copy_stretch(mm, parent, b, from, to, false);
	}
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void copy_hot(struct mm *mm, struct mm *parent, struct batch *b, uint64_t rsp)
{
	uint64_t page[FORK_HOT + 1];
	struct fork_history *h = parent->history;
	uint32_t n;

	mutex_lock(&h->mu);
	h->forks++;
	n = h->n < FORK_HOT ? h->n : FORK_HOT;
	for (uint32_t i = 0; i < n; i++)
		page[i] = h->page[i];
	mutex_unlock(&h->mu);
	if (rsp)
		page[n++] = rsp & PAGE_MASK;
	qsort(page, n, sizeof(page[0]), by_address);
	for (uint32_t i = 0; i < n;) {
		uint64_t start = page[i], end = start + PAGE_SIZE;

		/* Neighbours, and neighbours but one, are one piece. */
		for (i++; i < n && page[i] <= end + PAGE_SIZE; i++)
			end = page[i] + PAGE_SIZE;
		copy_hot_pages(mm, parent, b, start, end);
	}
}

/* What another thread has pinned for writing stays the parent's, as with device I/O: the child gets
 * a copy. */
static void copy_pinned(struct mm *mm, struct mm *parent, struct batch *b)
{
	uint64_t pin[PINS_MOST][2];
	size_t n = pins_of(parent, pin, PINS_MOST);

	for (size_t i = 0; i < n; i++)
		for (struct run *run = run_from(mm, 0); run; run = run_next(run)) {
			uint64_t at = pin[i][0], len = pin[i][1];

			if (run->kind != RUN_ANON || !run->cow || at < run->off ||
			    at + len > run->off + range_len(&run->r))
				continue;
			at = run->r.start + (at - run->off);
			copy_stretch(mm, parent, b, at, at + len, true);
			break;
		}
}

/* Applies what copy_run() decided to the parent's stub: one operation per stretch of equal
 * protection. */
static void protect_parent(struct mm *parent)
{
	for (struct vma *v = vma_from(parent, 0); v; v = vma_next(v))
		if (!(v->flags & (VMA_SHARED | VMA_PATCH | VMA_DONTFORK)) && (v->prot & PROT_WRITE))
			run_reprotect(parent, v, v->r.start, v->r.end);
}

int mm_fork(struct mm **ret, struct mm *parent, uint64_t rsp)
{
	struct batch b = {0};
	struct mm *mm;
	int r;

	r = mm_new(&mm);
	if (r < 0)
		return r;
	rwlock_wrlock(&parent->lock);
	rwlock_wrlock_nested(&mm->lock); /* its areas become visible to mappable_invalidate() */
	copy_basics(mm, parent);
	mm->forked = true;
	for (struct vma *v = vma_from(parent, 0); v && r == 0; v = vma_next(v))
		if (!(v->flags & VMA_DONTFORK))
			r = copy_area(mm, parent, v);
	if (r == 0) {
		copy_pinned(mm, parent, &b);
		copy_hot(mm, parent, &b, rsp);
		mm->hot_budget = parent->hot_budget = HOT_BUDGET;
	}
	protect_parent(parent);
	if (r == 0 && parent->live) {
		r = plat_space_new(&mm->space, mm);
		if (r == 0)
			plat_space_inherit(mm->space, parent->space);
	}
	run_merge_all(parent);
	if (parent->live)
		plat_flush(parent->space); /* no thread writes to what is shared from here on */
	rwlock_unlock(&mm->lock);
	rwlock_unlock(&parent->lock);
	batch_finish(mm, &b);
	if (r < 0) {
		mm_unref(mm);
		return r;
	}
	*ret = mm;
	return 0;
}
