/* SPDX-License-Identifier: Apache-2.0 */
/* Copy-on-write: fork shares memory read-only between parent and child; the first write to a page
 * copies it, or finds that nobody else has it any more and takes it back. Also the private copies
 * of file pages. Units grow with sequential faults: 4 to 64 KiB for memory, 16 to 64 KiB for files.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mm/mm_priv.h"
#include "mm/safecopy.h"
#include "platform/platform.h"

#define UNIT_LEAST PAGE_SIZE
#define UNIT_FILE (16UL << 10)
#define UNIT_MOST (64UL << 10)
#define TAKE_ALL_AFTER 4 /* breaks since the last fork */
#define SWEEP_MOST 512	 /* runs looked at when taking memory back */

struct fork_history *fork_history_get(struct fork_history *h)
{
	ref_get(&h->ref);
	return h;
}

void fork_history_put(struct fork_history *h)
{
	if (!h || !ref_put(&h->ref))
		return;
	mutex_fini(&h->mu);
	free(h);
}

void fork_history_add(struct mm *mm, uint64_t addr)
{
	struct fork_history *h = mm->history;
	uint32_t i;

	if (!h || mm->hot_budget == 0)
		return;
	mm->hot_budget--;
	mutex_lock(&h->mu);
	for (i = 0; i < FORK_HOT && i < h->n; i++)
		if (h->page[i] == (addr & PAGE_MASK))
			break;
	if (i == FORK_HOT || i == h->n)
		h->page[h->n++ % FORK_HOT] = addr & PAGE_MASK; /* the oldest makes room */
	mutex_unlock(&h->mu);
}

/* Every run that has become this mm's alone gets its write permission back, in one go: after a
 * child has gone that saves a fault per area. */
static void take_back_all(struct mm *mm)
{
	struct run *run = run_from(mm, 0);

	for (int n = 0; run && n < SWEEP_MOST; run = run_next(run), n++) {
		if (!run->cow || run->kind != RUN_ANON ||
		    !memfile_exclusive(run->off, range_len(&run->r)))
			continue;
		run->cow = false;
		run_reprotect(mm, vma_at(mm, run->r.start), run->r.start, run->r.end);
	}
}

/* Scattered writes cut memory into pieces, and the host limits how many mappings a stub may have:
 * the more there are, the larger the pieces. */
static uint64_t least_unit(const struct mm *mm)
{
	if (mm->n_runs < MAP_COUNT_MAX / 16)
		return PAGE_SIZE;
	if (mm->n_runs < MAP_COUNT_MAX / 4)
		return UNIT_MOST;
	return mm->n_runs < MAP_COUNT_MAX / 2 ? 1UL << 20 : 16UL << 20;
}

/* The stretch to copy around @addr: the unit, within the run. */
static void choose(struct mm *mm, const struct vma *v, const struct run *run, uint64_t addr,
		   uint64_t *start, uint64_t *end)
{
	uint64_t unit = run->kind == RUN_ANON ? UNIT_LEAST : UNIT_FILE;
	uint64_t least = least_unit(mm);

	addr &= PAGE_MASK;
	if (v->prot & PROT_EXEC)
		unit = PAGE_SIZE;
	else if (addr == mm->cow_next && mm->cow_unit >= unit)
		unit = mm->cow_unit < UNIT_MOST ? mm->cow_unit * 2 : UNIT_MOST;
	unit = unit > least ? unit : least;
	*start = addr & ~(unit - 1);
	*end = *start + unit;
	if (*start < run->r.start)
		*start = run->r.start;
	if (*end > run->r.end)
		*end = run->r.end;
	mm->cow_next = *end;
	mm->cow_unit = unit;
}

/* Copies @len bytes from @run at @at into the new extent @off. */
static int copy_from(struct run *run, uint64_t at, uint64_t off, uint64_t len, bool resident)
{
	const uint8_t *src;
	int r;

	r = run_alias(run);
	if (r < 0)
		return r;
	src = run->ptr + (at - run->r.start);
	if (!resident) {
		r = memfile_fill(off, src, len);
		/* A host file may end within the stretch: what lies beyond stays zero. */
		if (r != -EFAULT)
			return r;
	}
	for (uint64_t done = 0; done < len; done += PAGE_SIZE) {
		size_t n = safecopy((uint8_t *)memfile_ptr(off) + done, src + done, PAGE_SIZE);

		if (n < PAGE_SIZE)
			return done ? 0 : -EFAULT;
	}
	return 0;
}

/* Puts new memory in the place of [start, end) of @run: a copy (@copy), or zeros. */
static int replace(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t start,
		   uint64_t end, bool copy)
{
	struct run *left = to_run(range_prev(&run->r)), *fresh;
	uint64_t off, near = 0, len = end - start;
	bool resident;
	int r;

	if (left && left->kind == RUN_ANON && left->r.end == start)
		near = left->off + range_len(&left->r);
	r = memfile_alloc_near(len, near, &off, &resident);
	if (r < 0)
		return r;
	r = copy ? copy_from(run, start, off, len, resident) : 0;
	if (r == 0)
		r = run_split(mm, start);
	if (r == 0)
		r = run_split(mm, end);
	fresh = r == 0 ? run_new(start, end, RUN_ANON, memfile_fd(), off) : NULL;
	if (!fresh) {
		memfile_unref(off, len);
		return r < 0 ? r : -ENOMEM;
	}
	run_remove(mm, b, start, end);
	run_insert(mm, v, fresh);
	return 0;
}

int cow_copy(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t start,
	     uint64_t end)
{
	return replace(mm, b, v, run, start, end, true);
}

/* Memory that nobody has written yet needs no copy: the rest of the hole around @addr becomes this
 * mm's own fresh memory at once. Returns 1 when there is no hole. */
static int cow_hole(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t addr)
{
	uint64_t start = addr & PAGE_MASK;
	uint64_t hole = memfile_hole(run->off + (start - run->r.start), run->r.end - start);

	if (hole == 0)
		return 1;
	return replace(mm, b, v, run, start, start + hole, false);
}

int cow_break(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t addr)
{
	uint64_t start, end;
	int r;

	if (run->kind == RUN_ANON) {
		fork_history_add(mm, addr);
		if (memfile_exclusive(run->off, range_len(&run->r))) {
			/* A process that forks again and again writes to little in between. */
			if (mm->hot_budget + TAKE_ALL_AFTER > HOT_BUDGET) {
				run->cow = false;
				run_reprotect(mm, v, run->r.start, run->r.end);
				return 0;
			}
			take_back_all(mm);
			if (!run->cow) {
				run_merge_all(mm);
				return 0;
			}
		}
	}
	if (run->kind == RUN_ANON &&
	    !memfile_exclusive(run->off + ((addr & PAGE_MASK) - run->r.start), PAGE_SIZE)) {
		r = cow_hole(mm, b, v, run, addr);
		if (r <= 0)
			return r;
	}
	choose(mm, v, run, addr, &start, &end);
	if (run->kind == RUN_ANON &&
	    memfile_exclusive(run->off + (start - run->r.start), end - start)) {
		r = run_split(mm, start);
		if (r == 0)
			r = run_split(mm, end);
		if (r < 0)
			return r;
		run = run_at(mm, start);
		run->cow = false;
		run_reprotect(mm, v, start, end);
		return 0;
	}
	r = cow_copy(mm, b, v, run, start, end);
	/* The page itself may be there though its neighbours are not. */
	if (r == -EFAULT && end - start > PAGE_SIZE) {
		run = run_at(mm, addr);
		r = cow_copy(mm, b, v, run, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE);
	}
	return r;
}
