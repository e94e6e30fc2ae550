/* SPDX-License-Identifier: Apache-2.0 */
/* Backing runs: which stretch of which host descriptor stands behind a stretch of an area, and
 * keeping the stub's page tables the same. Every function needs the write lock.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"

/* Growing areas (heap) get their memory where more can follow. */
#define GROWING_LEAST (128UL << 10)

struct run *run_new(uint64_t start, uint64_t end, enum run_kind kind, int fd, uint64_t off)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->r.start = start;
	run->r.end = end;
	run->kind = kind;
	run->fd = fd;
	run->off = off;
	run->writable = kind == RUN_ANON;
	if (kind != RUN_HOST)
		run->ptr = memfile_ptr(off);
	return run;
}

void run_forget_cache(struct mm *mm)
{
	atomic_store_explicit(&mm->last, NULL, memory_order_relaxed);
}

int run_prot(const struct vma *v, const struct run *run)
{
	int prot = v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);

	if ((prot & PROT_WRITE) && (run->cow || !run->writable))
		prot = (prot & ~PROT_WRITE) | PROT_READ; /* x86: what is writable is readable */
	return prot;
}

void stub_map(struct mm *mm, struct run *run)
{
	run->stub = run->prot;
	if (!mm->live || mm->quiet)
		return;
	plat_map(mm->space, run->r.start, range_len(&run->r), run->prot, run->fd, run->off);
	run->lazy = false;
}

bool run_map_fresh(struct mm *mm, uint64_t addr)
{
	struct run *run = mm->fresh_end ? run_from(mm, mm->fresh_start) : NULL;
	bool hit = false;

	for (; run && run->r.start < mm->fresh_end; run = run_next(run))
		if (run->lazy) {
			hit |= addr >= run->r.start && addr < run->r.end;
			stub_map(mm, run);
		}
	mm->fresh_start = mm->fresh_end = 0;
	return hit;
}

int run_split(struct mm *mm, uint64_t addr)
{
	struct run *run = run_at(mm, addr), *upper;
	uint64_t delta;

	if (!run || run->r.start == addr)
		return 0;
	upper = malloc(sizeof(*upper));
	if (!upper)
		return -ENOMEM;
	delta = addr - run->r.start;
	*upper = *run;
	upper->r = (struct range){.start = addr, .end = run->r.end};
	upper->off += delta;
	if (upper->ptr)
		upper->ptr += delta;
	run->r.end = addr;
	range_changed(&run->r);
	runs_add(mm, upper);
	run_forget_cache(mm);
	return 0;
}

bool run_remove(struct mm *mm, struct batch *b, uint64_t start, uint64_t end)
{
	struct run *run = run_from(mm, start), *next;
	bool any = false;

	for (; run && run->r.start < end; run = next) {
		next = run_next(run);
		assert(run->r.start >= start && run->r.end <= end);
		runs_del(mm, run);
		run->next_dead = b->runs;
		b->runs = run;
		any |= !run->lazy;
	}
	run_forget_cache(mm);
	return any;
}

static bool same_backing(const struct run *a, const struct run *b)
{
	return a->r.end == b->r.start && a->kind == b->kind && a->fd == b->fd && a->m == b->m &&
	       a->cow == b->cow && a->lazy == b->lazy && a->writable == b->writable &&
	       a->prot == b->prot && a->stub == b->stub && a->off + range_len(&a->r) == b->off &&
	       (a->kind != RUN_HOST || (!a->ptr && !b->ptr));
}

/* Joins @run to the neighbours inside its area; returns what holds it then. */
static struct run *merge(struct mm *mm, const struct vma *v, struct run *run)
{
	struct run *left = to_run(range_prev(&run->r));
	struct run *right = run_next(run);

	if (right && right->r.end <= v->r.end && same_backing(run, right)) {
		uint64_t end = right->r.end;

		runs_del(mm, right);
		free(right);
		run->r.end = end;
		range_changed(&run->r);
	}
	if (left && left->r.start >= v->r.start && same_backing(left, run)) {
		uint64_t end = run->r.end;

		runs_del(mm, run);
		free(run);
		left->r.end = end;
		range_changed(&left->r);
		run = left;
	}
	run_forget_cache(mm);
	return run;
}

void run_merge_all(struct mm *mm)
{
	struct run *run = run_from(mm, 0);

	while (run) {
		struct run *next = run_next(run);

		if (next && same_backing(run, next) &&
		    vma_at(mm, run->r.start)->r.end >= next->r.end)
			run = merge(mm, vma_at(mm, run->r.start), run);
		else
			run = next;
	}
}

void run_insert(struct mm *mm, struct vma *v, struct run *run)
{
	run->prot = run_prot(v, run);
	stub_map(mm, run);
	runs_add(mm, run);
	merge(mm, v, run);
}

void run_populate(struct mm *mm, uint64_t start, uint64_t end)
{
	if (mm->live)
		plat_advise(mm->space, start, end - start, MADV_POPULATE_WRITE);
}

static int establish_anon(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	struct run *left = to_run(range_find(&mm->runs, start - 1)), *run;
	uint64_t near = 0, off, len = end - start;
	bool resident = false;
	int r;

	if (left && left->r.end == start && left->kind == RUN_ANON && !left->cow)
		near = left->off + range_len(&left->r);
	if ((v->flags & VMA_HEAP) && !near && len >= GROWING_LEAST)
		r = memfile_alloc_growing(len, &off);
	else
		r = memfile_alloc_near(len, near, &off, &resident);
	if (r < 0)
		return r;
	run = run_new(start, end, RUN_ANON, memfile_fd(), off);
	if (!run) {
		memfile_unref(off, len);
		return -ENOMEM;
	}
	run_insert(mm, v, run);
	if (resident && (v->prot & PROT_WRITE)) {
		if (mm->quiet)
			mm->quiet_resident = true;
		else
			run_populate(mm, start, end);
	}
	return 0;
}

static int establish_file(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, bool write)
{
	while (start < end) {
		struct backing back = {0};
		struct run *run;
		int r;

		r = v->m->ops->translate(v->m, v->off + (start - v->r.start), end - start, write,
					 &back);
		if (r < 0)
			return r;
		if (back.len > end - start)
			back.len = end - start;
		if (back.len == 0 || (back.len & ~PAGE_MASK))
			return -EIO;
		run = run_new(start, start + back.len, back.memfile ? RUN_SHM : RUN_HOST, back.fd,
			      back.off);
		if (!run)
			return -ENOMEM;
		run->m = v->m;
		run->writable = write;
		run->cow = !(v->flags & VMA_SHARED);
		if (back.memfile)
			memfile_ref(back.off, back.len);
		start += back.len;
		run_insert(mm, v, run);
	}
	return 0;
}

int run_establish(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, bool write)
{
	while (start < end) {
		struct run *run = run_from(mm, start);
		bool more = run && run->r.start < end;
		uint64_t hole_end = more ? run->r.start : end;
		uint64_t next = more ? run->r.end : end; /* read now: a merge may free the run */
		int r = 0;

		if (hole_end > start) {
			r = v->m ? establish_file(mm, v, start, hole_end, write)
				 : establish_anon(mm, v, start, hole_end);
			if (r < 0)
				return r;
		}
		start = next;
	}
	return 0;
}

/* Giving a right late saves a round trip to the stub if nothing uses the right before it is taken
 * away again, and costs a fault if something does. So after such a fault it is not tried for a
 * while, which doubles. Rights where there were none are given at once: memory that was reserved is
 * about to be used. */
#define RAISE_BACK_OFF_MIN 16
#define RAISE_BACK_OFF_MAX 4096

static bool may_raise_late(struct mm *mm, const struct run *run, int want)
{
	return run->stub != PROT_NONE && (run->stub & ~want) == 0 && mm->raise_wait == 0;
}

bool run_raise(struct mm *mm, struct run *run)
{
	if (run->lazy || run->stub == run->prot)
		return false;
	run->stub = run->prot;
	if (mm->live)
		plat_protect(mm->space, run->r.start, range_len(&run->r), run->prot);
	mm->raise_back_off = mm->raise_back_off ? mm->raise_back_off * 2 : RAISE_BACK_OFF_MIN;
	if (mm->raise_back_off > RAISE_BACK_OFF_MAX)
		mm->raise_back_off = RAISE_BACK_OFF_MAX;
	mm->raise_wait = mm->raise_back_off;
	return true;
}

/* A stretch of equal new protection that the stub was not told yet. */
struct stretch {
	uint64_t from, to;
	int prot;
};

static void tell(struct mm *mm, struct stretch *s)
{
	if (s->from < s->to && mm->live)
		plat_protect(mm->space, s->from, s->to - s->from, s->prot);
	s->from = s->to = 0;
}

static void reprotect(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, bool late)
{
	struct stretch s = {0, 0, -1};

	for (struct run *run = run_from(mm, start); run && run->r.start < end;
	     run = run_next(run)) {
		int want = run_prot(v, run);

		run->prot = want;
		if (run->lazy || !mm->live)
			run->stub = want;
		if (run->stub == want || (late && may_raise_late(mm, run, want)))
			continue;
		run->stub = want;
		if (s.prot != want || s.to != run->r.start) {
			tell(mm, &s);
			s.from = run->r.start;
			s.prot = want;
		}
		s.to = run->r.end;
	}
	tell(mm, &s);
	run_forget_cache(mm);
}

void run_reprotect(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	reprotect(mm, v, start, end, false);
}

void run_reprotect_late(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	reprotect(mm, v, start, end, true);
	if (mm->raise_wait)
		mm->raise_wait--;
}

int run_alias(struct run *run)
{
	bool write = run->kind == RUN_HOST && run->writable && !run->cow;

	if (run->ptr)
		return 0;
	assert(run->kind == RUN_HOST && run->m);
	return mappable_alias(run->m, run->fd, run->off, range_len(&run->r), write, &run->ptr);
}
