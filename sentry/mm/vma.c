/* SPDX-License-Identifier: Apache-2.0 */
/* Areas of an address space: creation, splitting, merging, accounting, removal, and where the next
 * one goes. Every function needs the write lock unless it says otherwise.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"
#include "vfs/file.h"

#define STACK_GAP (256 * PAGE_SIZE)
#define HUGE_SIZE (2UL << 20)
#define MMAP_MIN 0x10000UL

static void account(struct mm *mm, const struct vma *v, int sign)
{
	uint64_t len = range_len(&v->r) * (uint64_t)(int64_t)sign;

	if (v->flags & VMA_PATCH)
		return;
	mm->total += len;
	if (v->flags & (VMA_STACK | VMA_GROWSDOWN))
		mm->stack += len;
	else if ((v->prot & PROT_WRITE) && !(v->flags & VMA_SHARED))
		mm->data += len;
	else if ((v->prot & PROT_EXEC) && v->file)
		mm->text += len;
	if (v->flags & VMA_LOCKED)
		mm->locked += len;
}

struct vma *vma_new(struct mm *mm, uint64_t start, uint64_t end, int prot, uint32_t flags,
		    struct file *file, struct mappable *m, uint64_t off)
{
	struct vma *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->r.start = start;
	v->r.end = end;
	v->mm = mm;
	v->prot = prot;
	v->flags = flags;
	v->off = off;
	v->file = file ? file_get(file) : NULL;
	v->m = m;
	if (m)
		m->ops->get(m);
	return v;
}

struct vma *vma_clone(struct mm *mm, const struct vma *from)
{
	return vma_new(mm, from->r.start, from->r.end, from->prot, from->flags, from->file, from->m,
		       from->off);
}

void vma_free(struct vma *v)
{
	if (!v)
		return;
	if (v->m)
		v->m->ops->put(v->m);
	file_put(v->file);
	free(v);
}

void vma_insert(struct mm *mm, struct vma *v)
{
	range_insert(&mm->vmas, &v->r);
	mm->n_vmas++;
	account(mm, v, 1);
	if (v->m) {
		mutex_lock(&v->m->mu);
		list_push_back(&v->m->vmas, &v->m_link);
		mutex_unlock(&v->m->mu);
	}
}

void vma_unlink(struct mm *mm, struct vma *v)
{
	account(mm, v, -1);
	range_remove(&mm->vmas, &v->r);
	mm->n_vmas--;
	if (v->m) {
		mutex_lock(&v->m->mu);
		list_remove(&v->m_link);
		mutex_unlock(&v->m->mu);
	}
}

void vma_set(struct mm *mm, struct vma *v, int prot, uint32_t flags)
{
	account(mm, v, -1);
	v->prot = prot;
	v->flags = flags;
	account(mm, v, 1);
}

void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	account(mm, v, -1);
	v->off += start - v->r.start;
	v->r.start = start;
	v->r.end = end;
	range_changed(&v->r);
	account(mm, v, 1);
}

int vma_split(struct mm *mm, uint64_t addr)
{
	struct vma *v = vma_at(mm, addr), *upper;
	int r;

	if (!v || v->r.start == addr)
		return 0;
	if (mm->n_vmas >= MAP_COUNT_MAX)
		return -ENOMEM;
	r = run_split(mm, addr);
	if (r < 0)
		return r;
	upper = vma_clone(mm, v);
	if (!upper)
		return -ENOMEM;
	upper->r.start = addr;
	upper->off = v->off + (addr - v->r.start);
	vma_resize(mm, v, v->r.start, addr);
	vma_insert(mm, upper);
	return 0;
}

static bool mergeable(const struct vma *a, const struct vma *b)
{
	return a->r.end == b->r.start && a->prot == b->prot && a->flags == b->flags &&
	       a->file == b->file && a->m == b->m && !(a->flags & VMA_PATCH) &&
	       (!a->m || a->off + range_len(&a->r) == b->off);
}

void vma_merge(struct mm *mm, struct batch *b, uint64_t start, uint64_t end)
{
	struct vma *v = vma_from(mm, start ? start - 1 : 0), *next;

	for (; v && v->r.start <= end; v = next) {
		next = vma_next(v);
		if (!next || !mergeable(v, next))
			continue;
		uint64_t new_end = next->r.end;

		vma_unlink(mm, next);
		next->next_dead = b->vmas;
		b->vmas = next;
		vma_resize(mm, v, v->r.start, new_end);
		next = v;
	}
}

bool mm_may_expand(const struct mm *mm, uint64_t len, int prot, uint32_t flags,
		   const struct mm_limits *lim)
{
	/* The heuristic overcommit of Linux: a single request beyond all memory is refused. */
	if ((prot & PROT_WRITE) && !(flags & (VMA_SHARED | VMA_NORESERVE)) &&
	    len > memfile_total_bytes())
		return false;
	if (!lim)
		return true;
	if (mm->total + len > lim->as || mm->total + len < len)
		return false;
	if ((prot & PROT_WRITE) && !(flags & (VMA_SHARED | VMA_STACK | VMA_GROWSDOWN)))
		return mm->data + len <= lim->data;
	return true;
}

/* Tells the stub to drop [start, end), sparing the platform's own areas. */
static void stub_unmap(struct mm *mm, uint64_t start, uint64_t end)
{
	if (mm->live && start < end)
		plat_unmap(mm->space, start, end - start);
}

/* Takes one area and its runs out of the books. True if the stub had any of it. */
static bool remove_area(struct mm *mm, struct batch *b, struct vma *v)
{
	bool any = run_remove(mm, b, v->r.start, v->r.end);

	if (any && (v->prot & PROT_EXEC) && mm->live)
		plat_text_changed(mm->space, v->r.start, range_len(&v->r));
	vma_unlink(mm, v);
	v->next_dead = b->vmas;
	b->vmas = v;
	return any;
}

static int split_bounds(struct mm *mm, uint64_t start, uint64_t end)
{
	int r = vma_split(mm, start);

	return r < 0 ? r : vma_split(mm, end);
}

int mm_remove_books(struct mm *mm, struct batch *b, uint64_t start, uint64_t end)
{
	struct vma *v, *next;
	int r = split_bounds(mm, start, end);

	if (r < 0)
		return r;
	for (v = vma_from(mm, start); v && v->r.start < end; v = next) {
		next = vma_next(v);
		if (!(v->flags & VMA_PATCH))
			remove_area(mm, b, v);
	}
	return 0;
}

int mm_remove(struct mm *mm, struct batch *b, uint64_t start, uint64_t end)
{
	uint64_t from = start; /* beginning of a stretch to unmap */
	struct vma *v, *next;
	bool any = false;
	int r = split_bounds(mm, start, end);

	if (r < 0)
		return r;
	for (v = vma_from(mm, start); v && v->r.start < end; v = next) {
		next = vma_next(v);
		if (!(v->flags & VMA_PATCH)) {
			any |= remove_area(mm, b, v);
			continue;
		}
		if (any)
			stub_unmap(mm, from, v->r.start);
		any = false;
		from = v->r.end;
	}
	if (any)
		stub_unmap(mm, from, end);
	return 0;
}

bool mm_range_has(const struct mm *mm, uint64_t start, uint64_t end, uint32_t vma_flags)
{
	for (struct vma *v = vma_from(mm, start); v && v->r.start < end; v = vma_next(v))
		if (v->flags & vma_flags)
			return true;
	return false;
}

/* A hint is taken when nothing is there and no stack above would lose its guard gap. */
static bool hint_fits(const struct mm *mm, uint64_t hint, uint64_t len)
{
	struct vma *v;

	if (hint < MMAP_MIN || hint > mm->task_size - len)
		return false;
	v = vma_from(mm, hint);
	return !v || hint + len <= v->r.start - (v->flags & VMA_GROWSDOWN ? STACK_GAP : 0);
}

int mm_find_gap(struct mm *mm, uint64_t hint, uint64_t len, int flags, uint64_t *ret)
{
	uint64_t align = PAGE_SIZE;

	if (len > mm->task_size)
		return -ENOMEM;
	hint = hint & PAGE_MASK;
	if (hint && hint < MMAP_MIN)
		hint = MMAP_MIN;
	if (flags & MAP_32BIT)
		return range_gap_low(&mm->vmas, 0x40000000, 0x80000000, len, align, ret) ? 0
											 : -ENOMEM;
	if (hint && hint_fits(mm, hint, len)) {
		*ret = hint;
		return 0;
	}
	/* As Linux: what is a multiple of the huge page size is laid out so that it can be huge. */
	if (len >= HUGE_SIZE && !(len & (HUGE_SIZE - 1)))
		align = HUGE_SIZE;
	for (; align >= PAGE_SIZE; align = align > PAGE_SIZE ? PAGE_SIZE : 0)
		if (align && range_gap_high(&mm->vmas, MMAP_MIN, mm->mmap_base, len, align, ret))
			return 0;
	if (range_gap_low(&mm->vmas, mm->task_size / 3, mm->task_size, len, PAGE_SIZE, ret))
		return 0;
	return -ENOMEM;
}
