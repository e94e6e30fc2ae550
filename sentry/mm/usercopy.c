/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory access of the sentry: a read lock, a look-up of the backing run (the last one is
 * remembered), and a fault-recovering copy through the sentry's alias. Only a miss takes the write
 * lock.
 */
#include <errno.h>
#include <string.h>

#include "mm/mm_priv.h"
#include "mm/safecopy.h"

/* The run that holds @addr, if the sentry may use it this way right now. Needs the read lock. */
static struct run *usable_run(struct mm *mm, uint64_t addr, bool write)
{
	struct run *run = atomic_load_explicit(&mm->last, memory_order_relaxed);

	if (!run || addr < run->r.start || addr >= run->r.end) {
		run = run_at(mm, addr);
		if (!run)
			return NULL;
		atomic_store_explicit(&mm->last, run, memory_order_relaxed);
	}
	if (!run->ptr || !(write ? run->prot & PROT_WRITE : run->prot))
		return NULL;
	return run;
}

/* What a walk over guest memory does with each stretch of it: returns how many bytes it managed. */
typedef size_t (*stretch_fn)(uint8_t *guest, void *arg, size_t done, size_t len);

static inline __attribute__((always_inline)) size_t walk(struct mm *mm, uint64_t addr, size_t len,
							 bool write, stretch_fn fn, void *arg)
{
	size_t done = 0;
	bool tried = false; /* a fault was resolved for this address already */

	if (addr + len < addr)
		len = (size_t)(UINT64_MAX - addr);
	while (done < len) {
		struct run *run;
		size_t n = 0, did = 0;

		rwlock_rdlock(&mm->lock);
		run = usable_run(mm, addr + done, write);
		if (run) {
			n = run->r.end - (addr + done);
			n = n < len - done ? n : len - done;
			did = fn(run->ptr + (addr + done - run->r.start), arg, done, n);
		}
		rwlock_unlock(&mm->lock);
		done += did;
		if (run) {
			if (did < n)
				break; /* the host has no such page: end of a mapped file */
			tried = false;
			continue;
		}
		if (tried && mm->odd_count > 64)
			break;
		if (fault_for_sentry(mm, addr + done, write) < 0)
			break;
		tried = true;
	}
	return done;
}

static size_t fn_in(uint8_t *guest, void *arg, size_t done, size_t len)
{
	return safecopy((uint8_t *)arg + done, guest, len);
}

static size_t fn_out(uint8_t *guest, void *arg, size_t done, size_t len)
{
	return safecopy(guest, (const uint8_t *)arg + done, len);
}

static size_t fn_zero(uint8_t *guest, void *arg, size_t done, size_t len)
{
	(void)arg;
	(void)done;
	return safezero(guest, len);
}

size_t mm_copy_in_some(struct mm *mm, void *dst, uint64_t src, size_t len)
{
	return walk(mm, src, len, false, fn_in, dst);
}

size_t mm_copy_out_some(struct mm *mm, uint64_t dst, const void *src, size_t len)
{
	return walk(mm, dst, len, true, fn_out, (void *)(uintptr_t)src);
}

size_t mm_zero_out_some(struct mm *mm, uint64_t dst, size_t len)
{
	return walk(mm, dst, len, true, fn_zero, NULL);
}

int mm_copy_in(struct mm *mm, void *dst, uint64_t src, size_t len)
{
	return mm_copy_in_some(mm, dst, src, len) == len ? 0 : -EFAULT;
}

int mm_copy_out(struct mm *mm, uint64_t dst, const void *src, size_t len)
{
	return mm_copy_out_some(mm, dst, src, len) == len ? 0 : -EFAULT;
}

int mm_zero_out(struct mm *mm, uint64_t dst, size_t len)
{
	return mm_zero_out_some(mm, dst, len) == len ? 0 : -EFAULT;
}

ssize_t mm_copy_str(struct mm *mm, char *dst, uint64_t src, size_t size)
{
	size_t done = 0;

	/* Up to page ends: a string may end right before an unmapped page. */
	while (done < size) {
		size_t n = PAGE_SIZE - ((src + done) & ~PAGE_MASK), got;
		char *nul;

		n = n < size - done ? n : size - done;
		n = n < 256 ? n : 256;
		got = mm_copy_in_some(mm, dst + done, src + done, n);
		nul = memchr(dst + done, 0, got);
		if (nul)
			return nul - dst;
		if (got < n)
			return -EFAULT;
		done += n;
	}
	return -ENAMETOOLONG;
}

/* ---- words -------------------------------------------------------------------------------------
 */

struct word_op {
	uint32_t old, new, seen;
	bool exchange;
};

static size_t fn_word(uint8_t *guest, void *arg, size_t done, size_t len)
{
	struct word_op *op = arg;
	uint32_t *p = (uint32_t *)(void *)guest;
	bool ok;

	(void)done;
	if (op->exchange)
		ok = safe_cmpxchg_u32(p, op->old, op->new, &op->seen);
	else
		ok = safe_load_u32(p, &op->seen);
	return ok ? len : 0;
}

int mm_load_u32(struct mm *mm, uint64_t addr, uint32_t *ret)
{
	struct word_op op = {0};

	if (addr & 3)
		return -EINVAL;
	if (walk(mm, addr, 4, false, fn_word, &op) != 4)
		return -EFAULT;
	*ret = op.seen;
	return 0;
}

int mm_cmpxchg_u32(struct mm *mm, uint64_t addr, uint32_t old, uint32_t new, uint32_t *seen)
{
	struct word_op op = {.old = old, .new = new, .exchange = true};

	if (addr & 3)
		return -EINVAL;
	if (walk(mm, addr, 4, true, fn_word, &op) != 4)
		return -EFAULT;
	*seen = op.seen;
	return 0;
}

int mm_futex_key(struct mm *mm, uint64_t addr, bool shared, uint64_t key[2])
{
	struct vma *v;
	int r = 0;

	if (addr & 3)
		return -EINVAL;
	if (addr >= mm->task_size)
		return -EFAULT;
	key[0] = (uint64_t)(uintptr_t)mm;
	key[1] = addr;
	if (!shared)
		return 0;
	rwlock_rdlock(&mm->lock);
	v = vma_at(mm, addr);
	if (!v || !(v->prot & (PROT_READ | PROT_WRITE))) {
		r = -EFAULT;
	} else if (v->m && (v->flags & VMA_SHARED)) {
		key[0] = v->m->id << 1 | 1;
		key[1] = v->off + (addr - v->r.start);
	}
	rwlock_unlock(&mm->lock);
	return r;
}
