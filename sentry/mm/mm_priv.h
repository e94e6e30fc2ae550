/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of an address space, shared by the files of this folder only.
 *
 * Two sets describe it. Areas (struct vma) are what the guest asked for. Runs (struct run) say
 * which stretch of a host descriptor stands behind a stretch of an area and with which protection
 * the stub has it mapped. Invariants, under the write lock:
 *  - a run lies within one area; where an area has no run, the stub has nothing mapped;
 *  - once the space is live, every run that is not lazy is mapped in the stub with run->stub (or
 * queued to be), and a lazy one not at all; run->stub is run->prot, or less where mprotect(2) gave
 * rights that no access has needed yet (mprotect.c);
 *  - run->prot has PROT_WRITE only if the sentry may write through its alias too: no copy-on-write
 * pending, backing open for writing, area writable. So usercopy looks at runs alone.
 *  - what is taken out of the sets goes to a batch and is released only after the stub's queue is
 * flushed: memory is never reused while some stub can still reach it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "core/mutex.h"
#include "core/ref.h"
#include "mm/mappable.h"
#include "mm/mm.h"
#include "mm/range.h"
#include "util/list.h"

/* Areas. */
#define VMA_SHARED 0x0001U
#define VMA_GROWSDOWN 0x0002U
#define VMA_NORESERVE 0x0004U
#define VMA_LOCKED 0x0008U
#define VMA_DONTFORK 0x0010U
#define VMA_WIPEONFORK 0x0020U
#define VMA_DONTDUMP 0x0040U
#define VMA_STACK 0x0080U    /* the initial stack, for its name */
#define VMA_HEAP 0x0100U     /* brk */
#define VMA_PATCH 0x0200U    /* the platform's: the guest can neither use nor remove it */
#define VMA_MAYWRITE 0x0400U /* mprotect may add PROT_WRITE */
#define VMA_MAYREAD 0x0800U
#define VMA_MAYEXEC 0x1000U
#define VMA_SEALED 0x2000U /* mseal(2) */
#define VMA_HUGEPAGE 0x4000U
#define VMA_NOHUGEPAGE 0x8000U

struct vma {
	struct range r;
	struct mm *mm;
	int prot;
	uint32_t flags;
	uint64_t off;	    /* of start, in the file */
	struct file *file;  /* reference, or NULL */
	struct mappable *m; /* reference; NULL: private anonymous */
	struct list m_link; /* in m->vmas */
	struct vma *next_dead;
};

enum run_kind {
	RUN_ANON, /* private memory of the sandbox, one memfile reference */
	RUN_SHM,  /* memory of a mappable inside the memfile, one reference besides the owner's */
	RUN_HOST, /* a host file of a mappable */
};

struct run {
	struct range r;
	enum run_kind kind;
	bool cow;      /* a write must copy (or find that it is the only owner) */
	bool writable; /* the backing may be written (SHM, HOST) */
	bool lazy;     /* not in the stub yet: see fork_map_runs() and mmap.c:defer() */
	int prot;      /* what the guest may do with it as it is */
	int stub;      /* what the stub's mapping allows: never more */
	int fd;
	uint64_t off;	    /* of start, in fd */
	struct mappable *m; /* borrowed from the area; NULL for RUN_ANON */
	uint8_t *ptr;	    /* the sentry's alias of start; NULL: not made yet */
	struct run *next_dead;
};

/* What forks of a process and its children have taught: addresses that parent or child wrote soon
 * after, which the next fork copies at once, and addresses that children touched, which it maps at
 * once. */
#define FORK_HOT 48
#define FORK_TOUCHED 64
#define HOT_BUDGET 32 /* copy-on-write breaks after a fork that are remembered */
struct fork_history {
	struct ref ref;
	struct mutex mu;		/* RANK_LEAF */
	uint32_t forks;			/* [mu] */
	uint32_t n, n_touched;		/* [mu] */
	uint64_t page[FORK_HOT];	/* [mu] */
	uint64_t touched[FORK_TOUCHED]; /* [mu] */
};

#define PATCH_PINS 16

struct mm {
	struct ref ref;
	struct rwlock lock; /* RANK_MM; everything below unless marked */
	struct ranges vmas, runs;
	uint32_t n_vmas, n_runs;
	_Atomic(struct run *) last; /* look-up cache of usercopy; NULL whenever a run changes */
	struct plat_space *space;   /* set once under the write lock */
	bool live;		    /* the space has our mappings */
	bool quiet;	     /* inside one operation: new runs are told to the stub at its end */
	bool quiet_resident; /* ... and their pages exist already */

	uint64_t task_size, mmap_base, mmap_random;
	uint64_t brk_start, brk;
	uint64_t total, data, stack, locked, text; /* bytes of areas, as /proc counts them */
	uint64_t stack_limit;			   /* RLIMIT_STACK as last heard of */
	bool lock_future;			   /* mlockall(MCL_FUTURE) */

	uint64_t cow_next; /* where a sequential writer faults next */
	uint64_t cow_unit;
	uint64_t odd_addr; /* last fault for which nothing seemed wrong */
	uint32_t odd_count;
	uint64_t fresh_start,
		fresh_end;   /* where mmap left runs lazy, expecting more of them; 0, 0: nowhere */
	uint32_t raise_wait; /* mprotect calls until giving rights late is tried (again), */
	uint32_t raise_back_off; /* and how many there were to wait for last time */
	bool forked;	     /* a fork's child: what it does not need soon is mapped lazily */
	uint32_t hot_budget; /* copy-on-write breaks still to be written to the history */
	struct fork_history *history;

	struct mutex pin_mu; /* RANK_LEAF */
	struct list pins;    /* [pin_mu] write pins */

	struct {
		uint64_t off; /* one page each, referenced; 0: none */
	} patch_pin[PATCH_PINS];
	uint32_t patch_next;

	struct mm_layout layout;
	struct file *exe; /* reference */
};

/* Removed things, on their way out. Zero-initialised on the stack of an operation. */
struct batch {
	struct vma *vmas;
	struct run *runs;
};
/* Call without the lock: flushes the stub if need be and releases everything. */
void batch_finish(struct mm *mm, struct batch *b);

static inline uint64_t page_up(uint64_t v)
{
	return (v + PAGE_SIZE - 1) & PAGE_MASK;
}
static inline uint64_t range_len(const struct range *r)
{
	return r->end - r->start;
}
static inline struct vma *to_vma(struct range *r)
{
	return r ? container_of(r, struct vma, r) : NULL;
}
static inline struct run *to_run(struct range *r)
{
	return r ? container_of(r, struct run, r) : NULL;
}
static inline struct vma *vma_from(const struct mm *mm, uint64_t addr)
{
	return to_vma(range_find(&mm->vmas, addr));
}
static inline struct vma *vma_at(const struct mm *mm, uint64_t addr)
{
	struct vma *v = vma_from(mm, addr);

	return v && v->r.start <= addr ? v : NULL;
}
static inline struct vma *vma_next(struct vma *v)
{
	return to_vma(range_next(&v->r));
}
static inline struct run *run_from(const struct mm *mm, uint64_t addr)
{
	return to_run(range_find(&mm->runs, addr));
}
static inline struct run *run_at(const struct mm *mm, uint64_t addr)
{
	struct run *run = run_from(mm, addr);

	return run && run->r.start <= addr ? run : NULL;
}
static inline struct run *run_next(struct run *run)
{
	return to_run(range_next(&run->r));
}

/* vm.max_map_count, less what the platform maps in each stub. */
#define MAP_COUNT_MAX 64000U

static inline void runs_add(struct mm *mm, struct run *run)
{
	range_insert(&mm->runs, &run->r);
	mm->n_runs++;
}
static inline void runs_del(struct mm *mm, struct run *run)
{
	range_remove(&mm->runs, &run->r);
	mm->n_runs--;
}

/* vma.c: areas. All need the write lock. */
/* A detached area; takes references of its own on @file and @m. NULL: no memory. */
struct vma *vma_new(struct mm *mm, uint64_t start, uint64_t end, int prot, uint32_t flags,
		    struct file *file, struct mappable *m, uint64_t off);
struct vma *vma_clone(struct mm *mm, const struct vma *from);
void vma_free(struct vma *v); /* without the lock: may put files */
void vma_insert(struct mm *mm, struct vma *v);
void vma_unlink(struct mm *mm, struct vma *v);
/* Makes @addr a boundary of areas and runs. 0 or -ENOMEM. */
int vma_split(struct mm *mm, uint64_t addr);
/* Merges the areas in and around [start, end) where nothing tells them apart. */
void vma_merge(struct mm *mm, struct batch *b, uint64_t start, uint64_t end);
void vma_set(struct mm *mm, struct vma *v, int prot, uint32_t flags);
/* Moves one bound (grow a stack or the heap, or shrink). */
void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end);
/* Whether a protection change or new area of @len more bytes is within the limits. */
bool mm_may_expand(const struct mm *mm, uint64_t len, int prot, uint32_t flags,
		   const struct mm_limits *lim);
/* Unmaps [start, end): areas (except VMA_PATCH) and runs. 0 or -ENOMEM. */
int mm_remove(struct mm *mm, struct batch *b, uint64_t start, uint64_t end);
/* The same, but leaves it to the caller to unmap or replace [start, end) in the stub. */
int mm_remove_books(struct mm *mm, struct batch *b, uint64_t start, uint64_t end);
int mm_find_gap(struct mm *mm, uint64_t hint, uint64_t len, int flags, uint64_t *ret);
bool mm_range_has(const struct mm *mm, uint64_t start, uint64_t end, uint32_t vma_flags);

/* run.c: backing. All need the write lock. */
#define RUN_WINDOW (64UL << 20) /* what a fault establishes in an area too large to map whole */
#define RUN_EAGER (1UL << 30)	/* areas up to this are mapped whole */
int run_prot(const struct vma *v, const struct run *run);
int run_split(struct mm *mm, uint64_t addr);
/* Takes the runs of [start, end) out (into the batch). Bounds must be split. True if the stub had
 * any. */
bool run_remove(struct mm *mm, struct batch *b, uint64_t start, uint64_t end);
/* Gives every hole of [start, end) within @v a run and maps it in the stub. Returns 0, or the error
 * for the first page that could not be backed (earlier ones are): -ENXIO beyond the end of the
 * file. */
int run_establish(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, bool write);
/* Puts @run in (its bounds, kind, off, ... set) and maps it; it may be merged and freed. */
void run_insert(struct mm *mm, struct vma *v, struct run *run);
/* Applies the area's protection to the runs of [start, end). */
void run_reprotect(struct mm *mm, struct vma *v, uint64_t start, uint64_t end);
/* The same; rights that are only added may come when an access needs them: see run_raise(). */
void run_reprotect_late(struct mm *mm, struct vma *v, uint64_t start, uint64_t end);
/* An access to @run that is allowed failed: gives the stub what it lacks. False: it lacks nothing. */
bool run_raise(struct mm *mm, struct run *run);
/* Maps all pages of memory whose pages exist: cheaper than a fault for each. */
void run_populate(struct mm *mm, uint64_t start, uint64_t end);
/* Maps what mmap left lazy. True if @addr was part of it. */
bool run_map_fresh(struct mm *mm, uint64_t addr);
/* Joins all neighbours that nothing tells apart. */
void run_merge_all(struct mm *mm);
/* Makes run->ptr. 0, -ENOMEM, -EFAULT. */
int run_alias(struct run *run);
void stub_map(struct mm *mm, struct run *run);
struct run *run_new(uint64_t start, uint64_t end, enum run_kind kind, int fd, uint64_t off);
void run_forget_cache(struct mm *mm);

/* cow.c */
/* Makes the page at @addr of @run writable by this mm alone. 0, -ENOMEM, -EFAULT (source vanished).
 */
int cow_break(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t addr);
/* Replaces [start, end) of @run by a private copy. */
int cow_copy(struct mm *mm, struct batch *b, struct vma *v, struct run *run, uint64_t start,
	     uint64_t end);
struct fork_history *fork_history_get(struct fork_history *h);
void fork_history_put(struct fork_history *h);
void fork_history_add(struct mm *mm, uint64_t addr);
/* fork.c */
void fork_history_touched(struct mm *mm, uint64_t addr);
/* Maps the runs of a space that begins to live: all, or in a fork's child those likely to be
 * needed. */
void fork_map_runs(struct mm *mm);

/* fault.c */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };
struct fault_result {
	int signo, code;
};
/* Makes @addr accessible. 0 or -EFAULT with *why filled. */
int fault_locked(struct mm *mm, struct batch *b, uint64_t addr, enum access access,
		 struct fault_result *why);
/* The same on behalf of the sentry itself, without the lock held; also makes the alias. */
int fault_for_sentry(struct mm *mm, uint64_t addr, bool write);

/* pin.c */
#define PIN_IOV 16
void pin_init(struct mm_pin *pin, struct mm *mm);
/* Memfile ranges (offset, length) that are pinned for writing right now; at most @max of them. */
size_t pins_of(struct mm *mm, uint64_t (*ret)[2], size_t max);
/* Appends to @pin; returns the bytes covered. */
size_t pin_more(struct mm *mm, uint64_t addr, size_t len, bool write, struct mm_pin *pin);

/* mappable.c */
/* The sentry's alias of [off, off+len) of a host file; stays valid while the mappable lives. */
int mappable_alias(struct mappable *m, int fd, uint64_t off, uint64_t len, bool write,
		   uint8_t **ret);

/* shm.c: memory behind MAP_SHARED|MAP_ANONYMOUS. *ret has one reference (ops->put). */
int shm_new(uint64_t len, struct mappable **ret);

/* mprotect.c */
int mm_change_flags(struct mm *mm, struct batch *b, uint64_t start, uint64_t end, uint32_t set,
		    uint32_t clear);

/* mmap.c */
int mm_check_range(const struct mm *mm, uint64_t addr, uint64_t len, uint64_t *end);
