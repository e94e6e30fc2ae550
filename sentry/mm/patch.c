/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform's call-site patching needs: a private copy of a text page to write to, and room
 * for trampolines that the guest cannot map over.
 */
#include <errno.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"

/* The page stays alive though the guest unmaps it while the platform writes: the last few are
 * pinned. */
static void keep_pinned(struct mm *mm, uint64_t off, uint64_t *released)
{
	uint32_t i = mm->patch_next++ % PATCH_PINS;

	*released = mm->patch_pin[i].off;
	memfile_ref(off, PAGE_SIZE);
	mm->patch_pin[i].off = off;
}

void *mm_patch_page(void *cookie, uint64_t addr)
{
	struct mm *mm = cookie;
	struct batch b = {0};
	uint64_t released = 0;
	uint8_t *ret = NULL;
	struct run *run;
	struct vma *v;

	addr &= PAGE_MASK;
	rwlock_wrlock(&mm->lock);
	v = vma_at(mm, addr);
	run = run_at(mm, addr);
	/* Shared text is seen by others, writable text is being changed by the guest: left alone.
	 */
	if (v && run && (v->prot & PROT_EXEC) && !(v->prot & PROT_WRITE) &&
	    !(v->flags & (VMA_SHARED | VMA_PATCH))) {
		if (!run->cow || cow_break(mm, &b, v, run, addr) == 0) {
			run = run_at(mm, addr);
			ret = run->ptr + (addr - run->r.start);
			keep_pinned(mm, run->off + (addr - run->r.start), &released);
		}
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	if (released)
		memfile_unref(released, PAGE_SIZE);
	return ret;
}

int mm_reserve_trampolines(void *cookie, uint64_t lo, uint64_t hi, uint64_t len, uint64_t *ret)
{
	struct mm *mm = cookie;
	uint64_t at;
	int r = -ENOMEM;

	if (hi > mm->task_size)
		hi = mm->task_size;
	rwlock_wrlock(&mm->lock);
	if (range_gap_low(&mm->vmas, lo, hi, len, PAGE_SIZE, &at)) {
		struct vma *v =
			vma_new(mm, at, at + len, PROT_READ | PROT_EXEC, VMA_PATCH, NULL, NULL, 0);

		if (v) {
			vma_insert(mm, v);
			*ret = at;
			r = 0;
		}
	}
	rwlock_unlock(&mm->lock);
	return r;
}
