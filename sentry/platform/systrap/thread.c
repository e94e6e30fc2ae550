/* SPDX-License-Identifier: Apache-2.0 */
/* Guest threads: plat_switch() and what goes with it.
 *
 * The exchange page is the attacker's. A request is taken by copying its fields once; request
 * numbers must follow each other, anything else ends the guest process. req_seq reads 0 when the
 * host thread has ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "host/proc.h"
#include "host/sync.h"
#include "platform/systrap/systrap.h"

struct systrap systrap;

#define USER_CS 0x33
#define USER_SS 0x2b
/* A stub that does not answer a kick after so many waits counts as hostile. Counted in waits, not
 * by the clock: after the whole sandbox was frozen only one of them is over. */
#define KICK_WAIT_NS 250000000
#define KICK_PATIENCE 20

int plat_init(const struct plat_config *cfg)
{
	systrap.cfg = *cfg;
	systrap.kick_patience = KICK_PATIENCE;
	policy_init();

	int r = zygote_spawn(cfg);

	return r < 0 ? r : space_init();
}

uint64_t plat_task_size(void)
{
	return STUB_TASK_SIZE;
}

uint64_t plat_vdso_base(void)
{
	return systrap.vdso_base;
}

static uint32_t next_seq(uint32_t seq)
{
	seq = (seq + 1) & STUB_SEQ_MASK;
	return seq + (seq == 0);
}

static void be_dead(struct plat_thread *t, struct plat_event *ev)
{
	space_kill(t->space);
	ev->reason = PLAT_DEAD;
}

/* Waits for the next request. Returns 0 or -ESRCH: the stub is gone or lies. */
static int next_request(struct plat_thread *t)
{
	uint32_t want = next_seq(t->seq), cur = t->seq;
	int patience = 0; /* after a kick: waits left */
	uint64_t wait_start = 0, wait_len = KICK_WAIT_NS / 1000 * (systrap.tsc_hz / 1000000);

	for (;;) {
		uint32_t w = policy_wait(t, cur, patience ? KICK_WAIT_NS : -1);
		uint32_t seq = w & STUB_SEQ_MASK;

		if (seq == want) {
			t->seq = want;
			break;
		}
		if (seq != cur || atomic_load(&t->space->dead))
			return -ESRCH;
		if (patience && policy_tsc() - wait_start >= wait_len) {
			wait_start = policy_tsc();
			if (--patience == 0)
				return -ESRCH;
		}
		if (w & STUB_SEQ_INTR) {
			__atomic_fetch_and(&t->pp->req_seq, ~STUB_SEQ_INTR, __ATOMIC_SEQ_CST);
			if (!atomic_load(&t->intr) || patience)
				continue;
			t->kicked = true;
			host_tgkill(t->space->pid, t->tid, STUB_KICK_SIGNAL);
			patience = systrap.kick_patience;
			wait_start = policy_tsc();
		}
	}
	policy_request_seen(t);
	t->reason = __atomic_load_n(&t->pp->reason, __ATOMIC_RELAXED);
	return 0;
}

/* The first request of a host thread: it says that it is there. */
int thread_ready(struct plat_thread *t)
{
	if (t->ready)
		return 0;
	if (next_request(t) < 0 || t->reason != STUB_READY)
		return -ESRCH;
	t->tid = __atomic_load_n(&t->pp->tid, __ATOMIC_RELAXED);
	/* The number came through memory that other guest threads may write. */
	if (t->tid <= 0 || host_tgkill(t->space->pid, t->tid, 0) < 0)
		return -ESRCH;
	t->ready = true;
	return 0;
}

static void answer(struct plat_thread *t, uint32_t cmd)
{
	if (t->load_fpu)
		cmd |= CMD_LOAD_FPU;
	t->load_fpu = false;
	t->fpu_off = 0;
	t->kicked = false;
	t->ever_ran = true;
	t->pp->cmd = cmd;
	policy_answer(t, t->seq);
}

int thread_command(struct plat_thread *t, uint32_t cmd, uint32_t reason)
{
	uint32_t before = t->reason;

	answer(t, cmd);
	if (next_request(t) < 0 || t->reason != reason)
		return -ESRCH;
	t->reason = before;
	return 0;
}

/* Copies the request. Returns -ESRCH when it makes no sense. */
static int take_request(struct plat_thread *t, struct guest_regs *regs, struct plat_event *ev)
{
	memcpy(regs, &t->pp->regs, sizeof(*regs));
	regs->cs = USER_CS;
	regs->ss = USER_SS;
	ev->signo = 0;
	switch (t->reason) {
	case STUB_SYSCALL:
		regs->gs_base = 0;
		COUNT(t, fast_syscalls);
		ev->reason = PLAT_SYSCALL;
		return 0;
	case STUB_SIGSYS:
		COUNT(t, sigsys_syscalls);
		ev->reason = PLAT_SYSCALL;
		break;
	case STUB_FAULT:
		COUNT(t, faults);
		ev->reason = PLAT_FAULT;
		ev->signo = t->pp->signo;
		ev->code = t->pp->code;
		ev->addr = t->pp->addr;
		ev->err = t->pp->err;
		ev->trapno = t->pp->trapno;
		if (ev->signo != SIGSEGV && ev->signo != SIGBUS && ev->signo != SIGFPE &&
		    ev->signo != SIGILL && ev->signo != SIGTRAP)
			return -ESRCH;
		break;
	case STUB_INTR:
		atomic_store(&t->intr, 0);
		ev->reason = PLAT_INTERRUPTED;
		break;
	default:
		return -ESRCH;
	}
	t->fpu_off = __atomic_load_n(&t->pp->fpu_off, __ATOMIC_RELAXED);
	return 0;
}

/* An address that iretq cannot load: the host would fault in the stub; the guest sees what it would
 * see. */
static bool non_canonical(uint64_t rip)
{
	return (uint64_t)((int64_t)(rip << 16) >> 16) != rip;
}

void plat_switch(struct plat_thread *t, struct guest_regs *regs, bool full, struct plat_event *ev)
{
	COUNT(t, switches);
	ev->reason = PLAT_INTERRUPTED;
	if (thread_ready(t) < 0 || atomic_load(&t->space->dead)) {
		be_dead(t, ev);
		return;
	}
	if (atomic_load_explicit(&t->intr, memory_order_relaxed) && atomic_exchange(&t->intr, 0))
		return;
	if (atomic_load_explicit(&t->space->queued, memory_order_acquire))
		(void)plat_flush(t->space);
	if (full && non_canonical(regs->rip)) {
		*ev = (struct plat_event){PLAT_FAULT, SIGSEGV, 128 /* SI_KERNEL */, 0, 0, 13};
		return;
	}
	if (full && regs->gs_base && !t->uses_gs) {
		t->uses_gs = true;
		patch_off(t->space);
	}
	if (full || (t->reason != STUB_SYSCALL && t->reason != STUB_SIGSYS)) {
		memcpy(&t->pp->regs, regs, sizeof(*regs));
		t->pp->regs.cs = USER_CS;
		t->pp->regs.ss = USER_SS;
		answer(t, CMD_FULL);
	} else {
		t->pp->rax = regs->rax;
		answer(t, 0);
	}
	if (next_request(t) < 0 || take_request(t, regs, ev) < 0)
		be_dead(t, ev);
	else if (t->reason == STUB_SIGSYS && !systrap.cfg.no_patching)
		patch_try(t, regs->rip, regs->orig_rax);
}

void plat_interrupt(struct plat_thread *t)
{
	atomic_store(&t->intr, 1);
	__atomic_fetch_or(&t->pp->req_seq, STUB_SEQ_INTR, __ATOMIC_SEQ_CST);
	if (atomic_load(&t->sleeping))
		host_futex_wake_shared(&t->pp->req_seq, 1);
}

/* Host threads. */

static int start_host_thread(struct plat_space *s, uint32_t slot)
{
	uint64_t at = slot_stub_addr(slot), off = CTL_SLOTS + (uint64_t)slot * SLOT_SIZE;
	const struct stub_op ops[] = {
		{SYS_mmap,
		 {at + SLOT_IDS, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, STUB_FD_CTL,
		  off + SLOT_IDS},
		 OP_MUST},
		{SYS_mmap,
		 {at + SLOT_PP, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, STUB_FD_CTL,
		  off + SLOT_PP},
		 OP_MUST},
		{SYS_mmap,
		 {at + SLOT_FPU, SLOT_FPU_SIZE + SLOT_ALT_SIZE, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, STUB_FD_CTL, off + SLOT_FPU},
		 OP_MUST},
		{SYS_clone, {STUB_THREAD_FLAGS, at, at + SLOT_PP + PP_TID, at + SLOT_PP}, 0},
	};
	int r;

	mutex_lock(&s->lock);
	/* In a batch of its own: a batch in which something fails is repeated, and the clone must
	 * not be. */
	r = space_flush_locked(s);
	if (r != -ESRCH)
		r = 0;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops) && r == 0; i++)
		r = space_queue(s, &ops[i], -1);
	if (r == 0)
		r = space_flush_locked(s);
	mutex_unlock(&s->lock);
	return r;
}

struct plat_thread *thread_object(struct plat_space *s, uint32_t slot)
{
	struct plat_thread *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->space = s;
	t->slot = slot;
	t->base = slot_base(slot);
	t->pp = (struct stub_pp *)(t->base + SLOT_PP);
	t->ids = (struct stub_ids *)(t->base + SLOT_IDS);
	t->seq = 1;
	policy_thread_init(t);
	return t;
}

static int make_host_thread(struct plat_thread **ret, struct plat_space *s)
{
	uint32_t slot;
	int r = slot_alloc(&slot);

	if (r < 0)
		return r;

	struct plat_thread *t = thread_object(s, slot);

	if (!t) {
		slot_release(slot);
		return -ENOMEM;
	}
	r = start_host_thread(s, slot);
	if (r < 0) {
		space_lose_slot(s, slot);
		free(t);
		return r == -ENOMEM ? r : -EAGAIN;
	}
	*ret = t;
	return 0;
}

int plat_thread_new(struct plat_thread **ret, struct plat_space *s, struct plat_thread *fpu_from)
{
	struct plat_thread *t = NULL;
	int r = 0;

	pthread_mutex_lock(&s->state_lock);
	if (s->n_parked)
		t = s->parked[--s->n_parked];
	pthread_mutex_unlock(&s->state_lock);
	if (!t)
		r = make_host_thread(&t, s);
	if (r < 0)
		return r;

	pthread_mutex_lock(&s->state_lock);
	list_push_back(&s->threads, &t->link);
	s->n_threads++;
	if (atomic_load(&s->dead))
		__atomic_store_n(&t->pp->req_seq, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&s->state_lock);

	if (fpu_from)
		r = fpu_copy(t, fpu_from);
	else if (t->ever_ran)
		fpu_reset(t);
	if (r < 0) {
		plat_thread_free(t);
		return -EAGAIN;
	}
	*ret = t;
	return 0;
}

/* Ends a host thread and frees its slot. */
static void end_host_thread(struct plat_thread *t)
{
	struct plat_space *s = t->space;
	struct stub_op op = {SYS_munmap, {slot_stub_addr(t->slot), SLOT_SIZE}, OP_MUST};

	if (thread_ready(t) < 0)
		goto lose;
	answer(t, CMD_EXIT);
	if (next_request(t) == 0 ||
	    (__atomic_load_n(&t->pp->req_seq, __ATOMIC_ACQUIRE) & STUB_SEQ_MASK) != 0) {
		space_kill(s);
		goto lose;
	}
	mutex_lock(&s->lock);
	int r = space_queue(s, &op, -1);

	if (r == 0)
		r = space_flush_locked(s);
	mutex_unlock(&s->lock);
	if (r < 0)
		goto lose;
	slot_release(t->slot);
	return;
lose:
	space_lose_slot(s, t->slot);
}

void plat_thread_free(struct plat_thread *t)
{
	if (!t)
		return;

	struct plat_space *s = t->space;
	bool parked = false;

	policy_thread_done(t);
	stats_retire(t);
	pthread_mutex_lock(&s->state_lock);
	list_remove(&t->link);
	s->n_threads--;
	if (s->n_parked < PARKED_MAX || atomic_load(&s->dead)) {
		memset(t->ids->fast, 0xff, sizeof(t->ids->fast));
		t->ids->yield_ok = 0;
		atomic_store(&t->intr, 0);
		t->load_fpu = false;
		t->fpu_off = 0;
		atomic_store(&t->guest_tsc, 0);
		if (s->n_parked < PARKED_MAX) {
			s->parked[s->n_parked++] = t;
			parked = true;
		}
	}
	pthread_mutex_unlock(&s->state_lock);
	if (parked)
		return;
	if (atomic_load(&s->dead))
		space_lose_slot(s, t->slot);
	else
		end_host_thread(t);
	free(t);
}

/* The answers by number that the stub gives from the read-only page. */
void plat_thread_set_ids(struct plat_thread *t, const struct plat_ids *ids)
{
	const struct {
		int nr;
		uint32_t value;
	} fast[] = {
		{SYS_getpid, (uint32_t)ids->pid},
		{SYS_gettid, (uint32_t)ids->tid},
		{SYS_getppid, (uint32_t)ids->ppid},
		{SYS_getpgrp, (uint32_t)ids->pgid},
		{SYS_getuid, ids->uid},
		{SYS_geteuid, ids->euid},
		{SYS_getgid, ids->gid},
		{SYS_getegid, ids->egid},
	};

	if (systrap.cfg.no_fast_answers)
		return;
	__atomic_store_n(&t->ids->yield_ok, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(fast) / sizeof(*fast); i++)
		__atomic_store_n(&t->ids->fast[fast[i].nr], fast[i].value, __ATOMIC_RELAXED);
}

void plat_futex_waiters(struct plat_thread *t, uint64_t addr, int more)
{
	char *table = systrap.ctl + CTL_SPACES + (uint64_t)t->space->idx * CTL_SPACE_SIZE + CTL_FUTEX;

	__atomic_fetch_add((uint32_t *)table + stub_futex_index(addr), (uint32_t)more,
			   __ATOMIC_SEQ_CST);
}

int64_t plat_thread_cpu_ns(struct plat_thread *t)
{
	uint64_t cycles = atomic_load(&t->guest_tsc), since = atomic_load(&t->running_since);

	if (since)
		cycles += policy_tsc() - since;
	return (int64_t)((unsigned __int128)cycles * 1000000000U / systrap.tsc_hz);
}

static struct plat_stats retired;
static pthread_mutex_t retired_mu = PTHREAD_MUTEX_INITIALIZER;

static void stats_add(struct plat_stats *to, const struct thread_stats *from)
{
	to->switches += atomic_load_explicit(&from->switches, memory_order_relaxed);
	to->fast_syscalls += atomic_load_explicit(&from->fast_syscalls, memory_order_relaxed);
	to->sigsys_syscalls += atomic_load_explicit(&from->sigsys_syscalls, memory_order_relaxed);
	to->faults += atomic_load_explicit(&from->faults, memory_order_relaxed);
	to->patched_sites += atomic_load_explicit(&from->patched_sites, memory_order_relaxed);
	to->spins_won += atomic_load_explicit(&from->spins_won, memory_order_relaxed);
	to->sleeps += atomic_load_explicit(&from->sleeps, memory_order_relaxed);
}

void stats_retire(struct plat_thread *t)
{
	pthread_mutex_lock(&retired_mu);
	stats_add(&retired, &t->stats);
	pthread_mutex_unlock(&retired_mu);
	memset(&t->stats, 0, sizeof(t->stats));
}

void stats_live_thread(struct plat_stats *to, const struct plat_thread *t)
{
	stats_add(to, &t->stats);
}

void plat_get_stats(struct plat_stats *ret)
{
	pthread_mutex_lock(&retired_mu);
	*ret = retired;
	pthread_mutex_unlock(&retired_mu);
	stats_live(ret);
}
