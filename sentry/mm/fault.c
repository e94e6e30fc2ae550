/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of the guest, and of the sentry on its behalf: grow the stack, back what is not backed
 * yet, break copy-on-write, or say which signal Linux would send.
 */
#include <errno.h>
#include <signal.h>

#include "mm/mm_priv.h"
#include "platform/platform.h"

#define STACK_GAP (256 * PAGE_SIZE)
#define STACK_STEP (64UL << 10) /* a stack grows by at least this when there is room */
#define ODD_MOST 4		/* faults at one address without a reason before it is given up */

#define PF_WRITE 2U
#define PF_INSTR 16U

static int refuse(struct fault_result *why, int signo, int code)
{
	why->signo = signo;
	why->code = code;
	return -EFAULT;
}

/* The area above @addr grows down to it, within RLIMIT_STACK and off its lower neighbour. */
static struct vma *grow_stack(struct mm *mm, uint64_t addr)
{
	struct vma *v = vma_from(mm, addr), *below;
	uint64_t start = addr & PAGE_MASK, floor, want;

	if (!v || !(v->flags & VMA_GROWSDOWN))
		return NULL;
	if (v->r.end - start > mm->stack_limit)
		return NULL;
	floor = v->r.end > mm->stack_limit ? v->r.end - mm->stack_limit : 0;
	floor = page_up(floor);
	below = to_vma(range_prev(&v->r));
	if (below) {
		uint64_t gap =
			below->prot == PROT_NONE || (below->flags & VMA_GROWSDOWN) ? 0 : STACK_GAP;

		if (start < below->r.end + gap)
			return NULL;
		if (floor < below->r.end + gap)
			floor = below->r.end + gap;
	}
	want = v->r.start > STACK_STEP ? v->r.start - STACK_STEP : 0;
	if (want < floor)
		want = floor;
	if (want < start)
		start = want;
	if (start < PAGE_SIZE * 16)
		return NULL;
	vma_resize(mm, v, start, v->r.end);
	return v;
}

static bool permitted(const struct vma *v, enum access access)
{
	switch (access) {
	case ACCESS_READ:
		return (v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) != 0;
	case ACCESS_WRITE:
		return (v->prot & PROT_WRITE) != 0;
	case ACCESS_EXEC:
		return (v->prot & PROT_EXEC) != 0;
	}
	return false;
}

/* Backs the area around @addr: whole if small, else a window. */
static int back(struct mm *mm, struct vma *v, uint64_t addr, bool write)
{
	uint64_t start = v->r.start, end = v->r.end;
	int r;

	if (end - start > RUN_EAGER) {
		uint64_t lo = addr & ~(RUN_WINDOW - 1), hi = lo + RUN_WINDOW;

		start = lo > start ? lo : start;
		end = hi < end ? hi : end;
	}
	r = run_establish(mm, v, start, end, write);
	return run_at(mm, addr) ? 0 : r < 0 ? r : -ENOMEM;
}

/* A shared mapping whose backing was only opened for reading so far. */
static int make_writable(struct mm *mm, struct batch *b, struct vma *v, uint64_t addr)
{
	struct run *run = run_at(mm, addr);
	uint64_t start = run->r.start, end = run->r.end;

	run_remove(mm, b, start, end);
	return run_establish(mm, v, start, end, true);
}

/* The books say that this access works. Either another thread mended it meanwhile, or the host
 * cannot provide the page: the file shrank, or there is no memory. */
static int look_again(struct mm *mm, struct vma *v, struct run *run, uint64_t addr,
		      struct fault_result *why)
{
	uint64_t page = addr & PAGE_MASK;
	struct backing back_now = {0};

	if (run->lazy) {
		fork_history_touched(mm, addr);
		stub_map(mm, run);
		return 0;
	}
	if (run_raise(mm, run))
		return 0;
	if (v->m && run->kind != RUN_ANON) {
		int r = v->m->ops->translate(v->m, v->off + (page - v->r.start), PAGE_SIZE,
					     run->writable, &back_now);

		if (r < 0)
			return refuse(why, SIGBUS, BUS_ADRERR);
	}
	if (mm->odd_addr != page) {
		mm->odd_addr = page;
		mm->odd_count = 0;
	} else if (++mm->odd_count > ODD_MOST) {
		mm->odd_count = 0;
		return refuse(why, SIGBUS, BUS_ADRERR);
	}
	stub_map(mm, run);
	return 0;
}

static int signal_for(int r, struct fault_result *why)
{
	if (r == -ENXIO || r == -EFAULT || r == -ENOMEM || r == -ENOSPC || r == -EIO)
		return refuse(why, SIGBUS, BUS_ADRERR);
	return refuse(why, SIGSEGV, SEGV_ACCERR);
}

/* Returns 1 when nothing had to be done. */
static int resolve(struct mm *mm, struct batch *b, uint64_t addr, enum access access,
		   struct fault_result *why)
{
	struct vma *v = vma_at(mm, addr);
	bool write = access == ACCESS_WRITE, did = false;
	struct run *run;
	int r;

	if (!v)
		v = grow_stack(mm, addr);
	if (!v)
		return refuse(why, SIGSEGV, SEGV_MAPERR);
	if (v->flags & VMA_PATCH)
		return refuse(why, SIGSEGV, SEGV_ACCERR);
	if (!permitted(v, access))
		return refuse(why, SIGSEGV, SEGV_ACCERR);
	if (!run_at(mm, addr)) {
		r = back(mm, v, addr, write && (v->flags & VMA_SHARED));
		if (r < 0)
			return signal_for(r, why);
		did = true;
	}
	run = run_at(mm, addr);
	if (write && run->cow) {
		r = cow_break(mm, b, v, run, addr);
		did = true;
	} else if (write && !run->writable) {
		r = make_writable(mm, b, v, addr);
		did = true;
	} else {
		r = 0;
	}
	if (r < 0)
		return signal_for(r, why);
	return did ? 0 : 1;
}

int fault_locked(struct mm *mm, struct batch *b, uint64_t addr, enum access access,
		 struct fault_result *why)
{
	int r;

	if (addr >= mm->task_size)
		return refuse(why, SIGSEGV, SEGV_MAPERR);
	r = resolve(mm, b, addr, access, why);
	return r < 0 ? r : 0;
}

int mm_fault(struct mm *mm, uint64_t addr, uint64_t err, uint64_t rsp, int *signo, int *code)
{
	enum access access = err & PF_WRITE   ? ACCESS_WRITE
			     : err & PF_INSTR ? ACCESS_EXEC
					      : ACCESS_READ;
	struct fault_result why = {0};
	struct batch b = {0};
	bool fresh;
	int r;

	(void)rsp; /* Linux stopped comparing it with the address */
	if (addr >= mm->task_size) {
		*signo = SIGSEGV;
		*code = SEGV_MAPERR;
		return -EFAULT;
	}
	rwlock_wrlock(&mm->lock);
	fresh = run_map_fresh(mm, addr);
	r = resolve(mm, &b, addr, access, &why);
	if (r == 1 && fresh) {
		r = 0;
	} else if (r == 1) {
		struct vma *v = vma_at(mm, addr);

		r = look_again(mm, v, run_at(mm, addr), addr, &why);
	}
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	if (r < 0) {
		*signo = why.signo;
		*code = why.code;
	}
	return r;
}

int fault_for_sentry(struct mm *mm, uint64_t addr, bool write)
{
	struct fault_result why;
	struct batch b = {0};
	struct run *run;
	int r;

	rwlock_wrlock(&mm->lock);
	r = fault_locked(mm, &b, addr, write ? ACCESS_WRITE : ACCESS_READ, &why);
	run = r == 0 ? run_at(mm, addr) : NULL;
	if (run && run_alias(run) < 0)
		r = -EFAULT;
	rwlock_unlock(&mm->lock);
	batch_finish(mm, &b);
	return r;
}
