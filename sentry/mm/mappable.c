/* SPDX-License-Identifier: Apache-2.0 */
/* Files as seen by memory: who maps them, withdrawing their backing, and the sentry's own aliases
 * of host files (memfile memory needs none: it is mapped whole). Aliases are made in chunks on
 * first access, shared by all address spaces, and live as long as the mappable: guests read
 * constants out of their binaries (write(1, "literal")) all the time.
 */
#include "mm/mappable.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "host/mem.h"
#include "mm/mm_priv.h"
#include "platform/platform.h"

#define CHUNK (4UL << 20)

struct alias {
	struct list link;
	uint64_t start, end; /* offsets in fd */
	uint8_t *base;
	int fd;
	bool writable;
};

static _Atomic uint64_t next_id = 1;

void mappable_init(struct mappable *m, const struct mappable_ops *ops)
{
	m->ops = ops;
	mutex_init(&m->mu, RANK_MAPPABLE);
	list_init(&m->vmas);
	list_init(&m->aliases);
	m->id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
}

void mappable_fini(struct mappable *m)
{
	struct alias *a;

	while ((a = list_pop_entry(&m->aliases, struct alias, link))) {
		host_unmap(a->base, a->end - a->start);
		free(a);
	}
	mutex_fini(&m->mu);
}

/* Maps the chunks around [start, end) of @fd. */
static int alias_new_locked(struct mappable *m, int fd, uint64_t start, uint64_t end, bool write,
			    struct alias **ret)
{
	struct alias *a = calloc(1, sizeof(*a));
	void *p;
	int r;

	if (!a)
		return -ENOMEM;
	start &= ~(CHUNK - 1);
	end = (end + CHUNK - 1) & ~(CHUNK - 1);
	r = host_map(&p, NULL, end - start, write, fd, start);
	if (r < 0) {
		free(a);
		return r;
	}
	a->start = start;
	a->end = end;
	a->base = p;
	a->fd = fd;
	a->writable = write;
	list_push_front(&m->aliases, &a->link);
	*ret = a;
	return 0;
}

int mappable_alias(struct mappable *m, int fd, uint64_t off, uint64_t len, bool write,
		   uint8_t **ret)
{
	struct alias *a, *found = NULL;
	int r = 0;

	mutex_lock(&m->mu);
	list_for_each_entry(a, &m->aliases, link) if (a->fd == fd && a->start <= off &&
						      a->end >= off + len &&
						      (a->writable || !write))
	{
		found = a;
		break;
	}
	if (!found)
		r = alias_new_locked(m, fd, off, off + len, write, &found);
	if (r == 0)
		*ret = found->base + (off - found->start);
	mutex_unlock(&m->mu);
	return r;
}

/* ---- withdrawal --------------------------------------------------------------------------------
 */

#define MAPPERS_AT_ONCE 32

/* Collects address spaces that map @m, skipping the first @skip distinct areas. */
static size_t mappers(struct mappable *m, size_t skip, struct mm *ret[MAPPERS_AT_ONCE],
		      size_t *seen)
{
	struct vma *v;
	size_t n = 0, i = 0;

	mutex_lock(&m->mu);
	list_for_each_entry(v, &m->vmas, m_link)
	{
		if (i++ < skip)
			continue;
		if (n == MAPPERS_AT_ONCE) {
			i--;
			break;
		}
		if ((n == 0 || ret[n - 1] != v->mm) && ref_get_unless_zero(&v->mm->ref))
			ret[n++] = v->mm;
	}
	*seen = i;
	mutex_unlock(&m->mu);
	return n;
}

static void withdraw_area(struct mm *mm, struct batch *b, struct vma *v, uint64_t off,
			  uint64_t end_off)
{
	uint64_t v_end = v->off + range_len(&v->r), start, end;
	struct run *run, *next;

	if (v->off >= end_off || v_end <= off)
		return;
	start = v->r.start + (off > v->off ? off - v->off : 0);
	end = end_off < v_end ? v->r.start + (end_off - v->off) : v->r.end;
	if (run_split(mm, start) < 0 || run_split(mm, end) < 0)
		return; /* stays readable; the memory itself is kept by our reference */
	for (run = run_from(mm, start); run && run->r.start < end; run = next) {
		uint64_t a = run->r.start, z = run->r.end;

		next = run_next(run);
		if (run->kind == RUN_ANON)
			continue; /* a private copy outlives truncation of the page under it */
		run_remove(mm, b, a, z);
		if (mm->live)
			plat_unmap(mm->space, a, z - a);
	}
}

static void withdraw(struct mm *mm, struct mappable *m, uint64_t off, uint64_t end)
{
	struct batch b = {0};

	rwlock_wrlock(&mm->lock);
	for (struct vma *v = vma_from(mm, 0); v; v = vma_next(v))
		if (v->m == m)
			withdraw_area(mm, &b, v, off, end);
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
}

void mappable_invalidate(struct mappable *m, uint64_t off, uint64_t len)
{
	uint64_t end = off + len < off ? UINT64_MAX : off + len;
	size_t skip = 0, n;

	off &= PAGE_MASK;
	if (end < UINT64_MAX - PAGE_SIZE)
		end = page_up(end);
	do {
		struct mm *mm[MAPPERS_AT_ONCE];

		n = mappers(m, skip, mm, &skip);
		for (size_t i = 0; i < n; i++) {
			withdraw(mm[i], m, off, end);
			mm_unref(mm[i]);
		}
	} while (n == MAPPERS_AT_ONCE);
}
