/* SPDX-License-Identifier: Apache-2.0 */
/* shmdt(2): takes away what one attachment mapped, by the address where it began. */
#include <errno.h>

#include "mm/mm_priv.h"

int mm_detach_file(struct mm *mm, uint64_t addr, bool (*is)(const struct file *f))
{
	struct file *file = NULL;
	struct batch b = {0};
	struct vma *v, *next;
	int r = -EINVAL;

	rwlock_wrlock(&mm->lock);
	/* The first piece that is left tells by its offset where the attachment began. */
	for (v = vma_from(mm, addr); v; v = next) {
		next = vma_next(v);
		if (!v->file || !is(v->file) || v->r.start - addr != v->off)
			continue;
		if (file && v->file != file)
			break;
		file = v->file;

		uint64_t start = v->r.start, end = v->r.end;

		r = mm_range_has(mm, start, end, VMA_SEALED) ? -EPERM
							     : mm_remove(mm, &b, start, end);
		if (r < 0)
			break;
		next = vma_from(mm, end);
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}
