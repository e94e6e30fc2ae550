/* SPDX-License-Identifier: Apache-2.0 */
/* Pins: host pointers into guest memory that stay valid whatever the guest unmaps. Each stretch
 * holds a reference: on its memfile extent, or on the mappable whose alias it is.
 */
#include <errno.h>

#include "mm/mm_priv.h"

/* Write pins are listed in the mm, so that a fork meanwhile leaves their pages to this side alone.
 * The node lies behind the entries. */
static struct list *pin_node(struct mm_pin *pin)
{
	return (struct list *)(void *)&pin->opaque[2 * PIN_IOV];
}

/* Whether it is listed: the owner's own note, since the node is others' to change. */
static uint64_t *pin_listed(struct mm_pin *pin)
{
	return &pin->opaque[2 * PIN_IOV + 2];
}

static void list_pin(struct mm *mm, struct mm_pin *pin)
{
	if (*pin_listed(pin))
		return;
	mutex_lock(&mm->pin_mu);
	list_push_back(&mm->pins, pin_node(pin));
	mutex_unlock(&mm->pin_mu);
	*pin_listed(pin) = 1;
}

static void unlist_pin(struct mm_pin *pin)
{
	if (!pin->mm || !*pin_listed(pin))
		return;
	mutex_lock(&pin->mm->pin_mu);
	list_remove(pin_node(pin));
	mutex_unlock(&pin->mm->pin_mu);
	*pin_listed(pin) = 0;
}

size_t pins_of(struct mm *mm, uint64_t (*ret)[2], size_t max)
{
	size_t n = 0;

	mutex_lock(&mm->pin_mu);
	list_for_each(node, &mm->pins)
	{
		const struct mm_pin *pin =
			(const void *)((char *)node - offsetof(struct mm_pin, opaque[2 * PIN_IOV]));

		for (int i = 0; i < pin->n && n < max; i++)
			if (pin->opaque[2 * i] & 1) {
				ret[n][0] = pin->opaque[2 * i] & ~UINT64_C(1);
				ret[n++][1] = pin->opaque[2 * i + 1];
			}
	}
	mutex_unlock(&mm->pin_mu);
	return n;
}

/* opaque[2i] = what is held: memfile offset | 1, or the mappable's address; opaque[2i+1] = length.
 */
static void hold(struct mm_pin *pin, struct run *run, uint64_t addr, size_t len)
{
	uint64_t delta = addr - run->r.start, off, size;
	int i = pin->n++;

	pin->iov[i].iov_base = run->ptr + delta;
	pin->iov[i].iov_len = len;
	if (run->kind == RUN_HOST) {
		run->m->ops->get(run->m);
		pin->opaque[2 * i] = (uint64_t)(uintptr_t)run->m;
		return;
	}
	off = (run->off + delta) & PAGE_MASK;
	size = page_up(run->off + delta + len) - off;
	memfile_ref(off, size);
	pin->opaque[2 * i] = off | 1;
	pin->opaque[2 * i + 1] = size;
}

size_t pin_more(struct mm *mm, uint64_t addr, size_t len, bool write, struct mm_pin *pin)
{
	size_t done = 0;

	if (addr + len < addr)
		len = (size_t)(UINT64_MAX - addr);
	while (done < len && pin->n < PIN_IOV) {
		struct run *run;
		size_t n = 0;

		rwlock_rdlock(&mm->lock);
		run = run_at(mm, addr + done);
		if (run && run->ptr && (write ? run->prot & PROT_WRITE : run->prot)) {
			n = run->r.end - (addr + done);
			n = n < len - done ? n : len - done;
			hold(pin, run, addr + done, n);
			if (write && run->kind == RUN_ANON)
				list_pin(mm, pin);
		}
		rwlock_unlock(&mm->lock);
		done += n;
		if (n == 0 && fault_for_sentry(mm, addr + done, write) < 0)
			break;
	}
	return done;
}

void pin_init(struct mm_pin *pin, struct mm *mm)
{
	pin->mm = mm;
	pin->n = 0;
	*pin_listed(pin) = 0;
}

ssize_t mm_pin(struct mm *mm, uint64_t addr, size_t len, bool write, struct mm_pin *pin)
{
	size_t done;

	pin_init(pin, mm);
	done = pin_more(mm, addr, len, write, pin);
	return done ? (ssize_t)done : len ? -EFAULT : 0;
}

void mm_unpin(struct mm_pin *pin)
{
	unlist_pin(pin);
	for (int i = 0; i < pin->n; i++) {
		uint64_t what = pin->opaque[2 * i];

		if (!what)
			continue; /* sentry memory (iov_iter_pin) */
		if (what & 1) {
			memfile_unref(what & ~UINT64_C(1), pin->opaque[2 * i + 1]);
		} else {
			struct mappable *m = (struct mappable *)(uintptr_t)what;

			m->ops->put(m);
		}
	}
	pin->n = 0;
}
