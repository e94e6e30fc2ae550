/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2), mlock(2) and mseal(2): attributes of what is mapped. mprotect is a host mprotect of
 * the stub's mapping; memory stays where it is. Rights are taken away before the call returns; rights
 * that come on top of others may reach the stub only when an access needs them (run.c).
 */
#include <errno.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"

#define PROT_SEM 0x8
#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* Applies @prot to the part of @v inside [start, end), splitting as needed. */
static int protect_area(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int prot)
{
	int r = vma_split(mm, start);

	if (r == 0)
		r = vma_split(mm, end);
	if (r < 0)
		return r;
	v = vma_at(mm, start);
	if ((v->prot | prot) & PROT_EXEC && mm->live && v->prot != prot && (prot & PROT_WRITE))
		plat_text_changed(mm->space, start, end - start);
	vma_set(mm, v, prot, v->flags);
	run_reprotect_late(mm, v, start, end);
	if (prot != PROT_NONE && end - start <= RUN_EAGER) {
		r = run_establish(mm, v, start, end,
				  (v->flags & VMA_SHARED) && (prot & PROT_WRITE));
		/* A file that ends early is a matter for the fault; so is memory, unless anonymous.
		 */
		if (r == -ENOMEM && !v->m)
			return r;
	}
	return 0;
}

static int may_protect(const struct mm *mm, const struct vma *v, int prot)
{
	uint32_t need = (prot & PROT_READ ? VMA_MAYREAD : 0U) |
			(prot & PROT_WRITE ? VMA_MAYWRITE : 0U) |
			(prot & PROT_EXEC ? VMA_MAYEXEC : 0U);

	(void)mm;
	if ((v->flags & VMA_PATCH) || (need & ~v->flags))
		return -EACCES;
	return v->flags & VMA_SEALED ? -EPERM : 0;
}

static int protect_locked(struct mm *mm, struct batch *b, uint64_t start, uint64_t end, int prot)
{
	uint64_t at = start;
	int r = 0;

	/* As Linux: areas before a hole or a refusal are changed, then the error is told. */
	while (at < end && r == 0) {
		struct vma *v = vma_at(mm, at);
		uint64_t to;

		if (!v) {
			r = -ENOMEM;
			break;
		}
		to = v->r.end < end ? v->r.end : end;
		if (v->prot != prot) {
			r = may_protect(mm, v, prot);
			if (r == 0)
				r = protect_area(mm, v, at, to, prot);
		}
		at = to;
	}
	vma_merge(mm, b, start, end);
	return r;
}

int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, int prot)
{
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct batch b = {0};
	uint64_t end;
	int r;

	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (len == 0)
		return 0;
	len = page_up(len);
	end = addr + len;
	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_ALL | PROT_SEM))
		return -EINVAL;
	prot &= PROT_ALL;

	rwlock_wrlock(&mm->lock);
	if (grows) {
		struct vma *v = vma_from(mm, addr);

		if (!v || v->r.start >= end)
			r = -ENOMEM;
		else if (grows == PROT_GROWSUP || !(v->flags & VMA_GROWSDOWN))
			r = -EINVAL;
		else
			r = protect_locked(mm, &b, v->r.start, end, prot);
	} else {
		r = protect_locked(mm, &b, addr, end, prot);
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

/* ---- flags over a range ------------------------------------------------------------------------
 */

/* Sets and clears area flags over [start, end). -ENOMEM at the first hole (what precedes is done).
 */
static int change_flags(struct mm *mm, struct batch *b, uint64_t start, uint64_t end, uint32_t set,
			uint32_t clear)
{
	uint64_t at = start;
	int r = 0;

	while (at < end) {
		struct vma *v = vma_at(mm, at);
		uint64_t to;

		if (!v) {
			r = -ENOMEM;
			break;
		}
		to = v->r.end < end ? v->r.end : end;
		if (!(v->flags & VMA_PATCH) && ((v->flags | set) & ~clear) != v->flags) {
			r = vma_split(mm, at);
			if (r == 0)
				r = vma_split(mm, to);
			if (r < 0)
				break;
			v = vma_at(mm, at);
			vma_set(mm, v, v->prot, (v->flags | set) & ~clear);
		}
		at = to;
	}
	vma_merge(mm, b, start, end);
	return r;
}

/* How much of [start, end) is not locked yet. */
static uint64_t unlocked_bytes(const struct mm *mm, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;

	for (struct vma *v = vma_from(mm, start); v && v->r.start < end; v = vma_next(v)) {
		uint64_t a = v->r.start > start ? v->r.start : start;
		uint64_t z = v->r.end < end ? v->r.end : end;

		if (!(v->flags & VMA_LOCKED))
			sum += z - a;
	}
	return sum;
}

int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, const struct mm_limits *lim)
{
	uint64_t end = page_up(addr + len), start = addr & PAGE_MASK;
	struct batch b = {0};
	int r = 0;

	if (addr + len < addr || end < start)
		return len == 0 ? 0 : -EINVAL;
	if (end == start)
		return 0;
	rwlock_wrlock(&mm->lock);
	if (lock && lim && mm->locked + unlocked_bytes(mm, start, end) > lim->memlock)
		r = -ENOMEM;
	if (r == 0)
		r = change_flags(mm, &b, start, end, lock ? VMA_LOCKED : 0, lock ? 0 : VMA_LOCKED);
	if (r == 0 && lock && mm->live)
		plat_advise(mm->space, start, end - start, MADV_POPULATE_READ);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

int mm_mlockall(struct mm *mm, bool current, bool future, const struct mm_limits *lim)
{
	struct batch b = {0};
	int r = 0;

	rwlock_wrlock(&mm->lock);
	if (current && lim && mm->total > lim->memlock)
		r = -ENOMEM;
	if (r == 0) {
		bool unlock = !current && !future;

		mm->lock_future = future;
		for (struct vma *v = vma_from(mm, 0); v; v = vma_next(v))
			if ((current || unlock) && !(v->flags & VMA_PATCH))
				vma_set(mm, v, v->prot,
					current ? v->flags | VMA_LOCKED : v->flags & ~VMA_LOCKED);
		vma_merge(mm, &b, 0, mm->task_size);
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

int mm_mseal(struct mm *mm, uint64_t addr, uint64_t len)
{
	struct batch b = {0};
	uint64_t end;
	int r = 0;

	if ((addr & ~PAGE_MASK) || page_up(len) < len || addr + page_up(len) < addr)
		return -EINVAL;
	end = addr + page_up(len);
	if (end == addr)
		return 0;
	rwlock_wrlock(&mm->lock);
	for (uint64_t at = addr; at < end && r == 0;) {
		struct vma *v = vma_at(mm, at);

		r = v ? 0 : -ENOMEM; /* all or nothing */
		at = v ? v->r.end : end;
	}
	if (r == 0)
		r = change_flags(mm, &b, addr, end, VMA_SEALED, 0);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

/* For madvise(2), which keeps going over holes. */
int mm_change_flags(struct mm *mm, struct batch *b, uint64_t start, uint64_t end, uint32_t set,
		    uint32_t clear)
{
	return change_flags(mm, b, start, end, set, clear);
}
