/* SPDX-License-Identifier: Apache-2.0 */
/* The address space object: life, the stub behind it, layout, and what /proc shows of it. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "boot/kernel.h"
#include "host/mem.h"
#include "mm/mm_priv.h"
#include "platform/platform.h"
#include "vfs/file.h"

#define STACK_RANDOM (1UL << 34) /* 16 GiB, as Linux */
#define STACK_LIMIT_DEFAULT (8UL << 20)
#define MMAP_RANDOM_PAGES (1UL << 28)
#define GAP_LEAST (128UL << 20)
#define GAP_MOST (64UL << 30)
#define RESIDENT_SMALL (16UL << 10)

/* Whether a neighbour of the removed area @v maps the same file, and so keeps it open. */
static bool file_still_mapped(const struct mm *mm, const struct vma *v)
{
	struct vma *above = vma_from(mm, v->r.start);
	struct vma *below = above ? to_vma(range_prev(&above->r)) : vma_from(mm, v->r.start - 1);

	return (above && above->m == v->m) || (below && below->m == v->m);
}

/* Memory must be out of the stub's reach before it is released, and the descriptor of a queued
 * mapping open until it is made. Removing one of several mappings of a file is neither. */
static bool must_flush(struct mm *mm, const struct batch *b)
{
	bool must = false;

	if (!mm->live || !b->runs)
		return false;
	for (const struct run *run = b->runs; run; run = run->next_dead)
		if (run->kind != RUN_HOST && !run->lazy)
			return true;
	rwlock_rdlock(&mm->lock);
	for (const struct vma *v = b->vmas; v && !must; v = v->next_dead)
		must = v->m && !file_still_mapped(mm, v);
	rwlock_unlock(&mm->lock);
	return must;
}

void batch_finish(struct mm *mm, struct batch *b)
{
	if (must_flush(mm, b))
		plat_flush(mm->space);
	while (b->runs) {
		struct run *run = b->runs;

		b->runs = run->next_dead;
		if (run->kind != RUN_HOST)
			memfile_unref(run->off, range_len(&run->r));
		free(run);
	}
	while (b->vmas) {
		struct vma *v = b->vmas;

		b->vmas = v->next_dead;
		vma_free(v);
	}
}

/* Below the stack's randomisation and its room to grow, as Linux's mmap_base(). */
static void set_mmap_base(struct mm *mm)
{
	uint64_t gap = mm->stack_limit;

	gap = gap < GAP_LEAST ? GAP_LEAST : gap > GAP_MOST ? GAP_MOST : gap;
	mm->mmap_base = (mm->task_size - gap - STACK_RANDOM - mm->mmap_random) & PAGE_MASK;
}

int mm_new(struct mm **ret)
{
	struct mm *mm = calloc(1, sizeof(*mm));
	uint64_t rnd;

	if (!mm)
		return -ENOMEM;
	mm->history = calloc(1, sizeof(*mm->history));
	if (!mm->history) {
		free(mm);
		return -ENOMEM;
	}
	ref_init(&mm->history->ref);
	mutex_init(&mm->history->mu, RANK_LEAF);
	ref_init(&mm->ref);
	rwlock_init(&mm->lock, RANK_MM);
	mutex_init(&mm->pin_mu, RANK_LEAF);
	list_init(&mm->pins);
	mm->task_size = plat_task_size();
	mm->stack_limit = STACK_LIMIT_DEFAULT;
	krandom(&rnd, sizeof(rnd));
	mm->mmap_random = (rnd % MMAP_RANDOM_PAGES) * PAGE_SIZE;
	set_mmap_base(mm);
	*ret = mm;
	return 0;
}

void mm_ref(struct mm *mm)
{
	ref_get(&mm->ref);
}

void mm_unref(struct mm *mm)
{
	struct batch b = {0};
	struct vma *v;

	if (!mm || !ref_put(&mm->ref))
		return;
	/* The stub goes first: nothing reaches the memory any more. */
	plat_space_free(mm->space);
	mm->live = false;
	run_remove(mm, &b, 0, UINT64_MAX);
	while ((v = vma_from(mm, 0))) {
		vma_unlink(mm, v);
		v->next_dead = b.vmas;
		b.vmas = v;
	}
	batch_finish(mm, &b);
	for (int i = 0; i < PATCH_PINS; i++)
		if (mm->patch_pin[i].off)
			memfile_unref(mm->patch_pin[i].off, PAGE_SIZE);
	file_put(mm->exe);
	fork_history_put(mm->history);
	rwlock_fini(&mm->lock);
	mutex_fini(&mm->pin_mu);
	free(mm);
}

int mm_space(struct mm *mm, struct plat_space **ret)
{
	int r = 0;

	rwlock_rdlock(&mm->lock);
	if (mm->live) {
		*ret = mm->space;
		rwlock_unlock(&mm->lock);
		return 0;
	}
	rwlock_unlock(&mm->lock);

	rwlock_wrlock(&mm->lock);
	if (!mm->space)
		r = plat_space_new(&mm->space, mm);
	if (r == 0 && !mm->live) {
		mm->live = true;
		fork_map_runs(mm);
	}
	if (r == 0)
		*ret = mm->space;
	rwlock_unlock(&mm->lock);
	return r;
}

struct mm_layout *mm_layout(struct mm *mm)
{
	return &mm->layout;
}

struct file *mm_exe_file(struct mm *mm)
{
	return mm->exe;
}

void mm_set_exe_file(struct mm *mm, struct file *file)
{
	struct file *old;

	rwlock_wrlock(&mm->lock);
	old = mm->exe;
	mm->exe = file ? file_get(file) : NULL;
	rwlock_unlock(&mm->lock);
	file_put(old);
}

void mm_set_stack_limit(struct mm *mm, uint64_t bytes)
{
	rwlock_wrlock(&mm->lock);
	mm->stack_limit = bytes;
	if (!mm->vmas.root)
		set_mmap_base(mm);
	rwlock_unlock(&mm->lock);
}

int mm_map_stack(struct mm *mm, uint64_t start, uint64_t end, int prot)
{
	uint32_t flags = VMA_GROWSDOWN | VMA_STACK | VMA_MAYREAD | VMA_MAYWRITE | VMA_MAYEXEC;
	struct batch b = {0};
	struct vma *v;
	int r = -ENOMEM;

	rwlock_wrlock(&mm->lock);
	v = vma_from(mm, start);
	if (!v || v->r.start >= end) {
		v = vma_new(mm, start, end, prot, flags, NULL, NULL, 0);
		if (v) {
			vma_insert(mm, v);
			r = run_establish(mm, v, start, end, true);
			if (r < 0)
				mm_remove(mm, &b, start, end);
		}
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}

int mm_find_free(struct mm *mm, uint64_t hint, uint64_t len, uint64_t *ret)
{
	int r;

	rwlock_rdlock(&mm->lock);
	r = mm_find_gap(mm, hint, len, 0, ret);
	rwlock_unlock(&mm->lock);
	return r;
}

/* ---- for /proc ---------------------------------------------------------------------------------
 */

/* Counts the resident pages of [off, off+len) of the sandbox's memory. */
static uint64_t resident(uint64_t off, uint64_t len)
{
	unsigned char vec[512];
	uint64_t pages = 0;

	while (len) {
		uint64_t n = len < sizeof(vec) * PAGE_SIZE ? len : sizeof(vec) * PAGE_SIZE;

		if (host_mincore(memfile_ptr(off), n, vec) < 0)
			break;
		for (uint64_t i = 0; i < n / PAGE_SIZE; i++)
			pages += vec[i] & 1;
		off += n;
		len -= n;
	}
	return pages * PAGE_SIZE;
}

void mm_usage(struct mm *mm, struct mm_usage *ret)
{
	memset(ret, 0, sizeof(*ret));
	rwlock_rdlock(&mm->lock);
	ret->size = mm->total;
	ret->data = mm->data;
	ret->stack = mm->stack;
	ret->text = mm->text;
	ret->locked = mm->locked;
	for (struct run *run = run_from(mm, 0); run; run = run_next(run)) {
		uint64_t len = range_len(&run->r), n;

		/* Host files: what is in the host's page cache cannot be told apart cheaply. Small
		 * runs are .data and the like: in use. */
		n = run->kind == RUN_HOST || len <= RESIDENT_SMALL ? len : resident(run->off, len);
		ret->rss += n;
		if (run->kind != RUN_ANON)
			ret->shared += n;
	}
	rwlock_unlock(&mm->lock);
}

static const char *area_name(const struct mm *mm, const struct vma *v)
{
	if (v->flags & VMA_STACK)
		return "[stack]";
	if ((v->flags & VMA_HEAP) && v->r.start >= mm->brk_start)
		return "[heap]";
	if (v->m && !v->file)
		return "/dev/zero (deleted)";
	return NULL;
}

/* The vDSO is the host's own, in every stub; ours has its size. */
static void show_vdso(void (*fn)(void *arg, const struct mm_area *area), void *arg)
{
	const Elf64_Ehdr *own = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR); /* NOLINT */
	uint64_t base = plat_vdso_base(), len = 0;

	if (!own || !base)
		return;
	for (int i = 0; i < own->e_phnum; i++) {
		const Elf64_Phdr *p = (const Elf64_Phdr *)((const char *)own + own->e_phoff) + i;

		if (p->p_type == PT_LOAD)
			len = page_up(p->p_vaddr + p->p_memsz);
	}
	if (len) {
		struct mm_area area = {.start = base,
				       .end = base + len,
				       .prot = PROT_READ | PROT_EXEC,
				       .flags = MAP_PRIVATE | MAP_ANONYMOUS,
				       .name = "[vdso]"};

		fn(arg, &area);
	}
}

void mm_for_each(struct mm *mm, void (*fn)(void *arg, const struct mm_area *area), void *arg)
{
	rwlock_rdlock(&mm->lock);
	for (struct vma *v = vma_from(mm, 0); v; v = vma_next(v)) {
		struct mm_area area = {
			.start = v->r.start,
			.end = v->r.end,
			.off = v->off,
			.prot = v->prot,
			.flags = (v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE) |
				 (v->flags & VMA_GROWSDOWN ? MAP_GROWSDOWN : 0) |
				 (v->flags & VMA_NORESERVE ? MAP_NORESERVE : 0) |
				 (v->flags & VMA_LOCKED ? MAP_LOCKED : 0) |
				 (v->m ? 0 : MAP_ANONYMOUS),
			.file = v->file,
			.name = area_name(mm, v),
		};

		if (!(v->flags & VMA_PATCH)) /* not the guest's */
			fn(arg, &area);
	}
	rwlock_unlock(&mm->lock);
	show_vdso(fn, arg);
}
