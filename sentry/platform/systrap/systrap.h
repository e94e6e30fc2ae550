/* SPDX-License-Identifier: Apache-2.0 */
/* Private to platform/systrap: the objects behind platform.h. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/mutex.h"
#include "platform/platform.h"
#include "platform/systrap/layout.h"
#include "util/list.h"

struct patch_state;

/* The one platform of the process. */
struct systrap {
	struct plat_config cfg;
	int ctl_fd;   /* the control memfd */
	char *ctl;    /* and our mapping of it */
	int cmd_fd;   /* to the zygote: requests and answers */
	int event_fd; /* from the zygote: pids of stubs that ended */
	int pass_fd;  /* files for helpers */
	int drain_fd; /* our own receiving end of it, to see that nothing is left over */
	int done_fd[STUB_N_DONE];
	pid_t zygote;
	uint64_t band;
	uint64_t vdso_base;
	size_t fpu_size;
	uint64_t tsc_hz;
	int n_cpus;
	int kick_patience; /* waits of KICK_WAIT_NS after a kick, before the stub counts as hostile
			    */
};
extern struct systrap systrap;

#define PARKED_MAX 16

struct plat_space {
	struct list all; /* systrap_spaces */
	uint32_t idx;
	pid_t pid;
	void *mm_cookie;
	struct stub_ops *ops; /* the helper's orders */

	struct mutex lock; /* RANK_PLAT: the queue and the helper */
	struct stub_op queue[OPS_MAX];
	int queue_fd[OPS_MAX]; /* of mmap operations of other files than the memfd, else -1 */
	unsigned n_queue;
	atomic_bool queued;
	int helper_cpu;

	pthread_mutex_t state_lock; /* leaf: what follows */
	atomic_bool dead;	    /* the process has ended or is beyond use */
	bool reaped;		    /* the zygote said so */
	pthread_cond_t gone;	    /* signalled with it */
	bool freed;		    /* plat_space_free() was called: the reaper frees */
	int waiting_done;	    /* descriptor on which a flush waits, or -1 */
	struct list threads;
	unsigned n_threads;
	struct plat_thread *parked[PARKED_MAX]; /* idle host threads, for the next guest threads */
	unsigned n_parked;
	uint32_t *lost; /* slots that may still be mapped in the stub */
	unsigned n_lost;

	_Atomic(struct patch_state *) patch;
};

/* policy.c's, per pair of threads; the owning sentry thread's. */
struct policy {
	bool started;	  /* has answered once */
	bool free_round;  /* neither thread is bound in this round */
	int stub_pin;	  /* the processor that the stub thread is bound to; -1 none, -2 unknown */
	int self_pin;	  /* the same of the sentry thread */
	int spread_cpu;	  /* where the sentry thread spins, -1: packed */
	int split_cpu;	  /* where the pair waits for other tasks by spinning, -1: it does not */
	int waker_cpu;	  /* where the last wake-up came from, -1: unknown */
	int short_sleeps; /* in a row */
	int split_credit; /* us that this spinning has won, less what it lost */
	uint64_t slept;	  /* TSC of the last sleep's start */
	int streak;	  /* fast requests in a row */
	int credit;	  /* us that spinning has won, less what it lost */
	uint64_t resumed; /* TSC of the last answer */
	uint64_t seen;	  /* TSC when the last request was taken */
	uint64_t next_probe;
};

struct thread_stats {
	_Atomic uint64_t switches, fast_syscalls, sigsys_syscalls, faults, patched_sites, spins_won,
		sleeps;
};

struct plat_thread {
	struct list link; /* plat_space.threads */
	struct plat_space *space;
	uint32_t slot;
	struct stub_pp *pp;
	struct stub_ids *ids;
	char *base; /* of the slot */
	pid_t tid;
	uint32_t seq;	 /* the last request that was taken; the stub waits for its answer */
	uint32_t reason; /* STUB_* of it */
	bool ready;	 /* STUB_READY was seen */
	bool load_fpu;	 /* the xsave area is to be loaded with the next answer */
	bool kicked;	 /* a kick may still be under way */
	bool uses_gs;	 /* the guest has set its gs base: its call sites must trap */
	bool ever_ran;	 /* guest code: its FPU state must be reset before another thread uses it */
	uint32_t fpu_off; /* valid frame FPU state, or 0 */
	_Atomic uint32_t intr;
	_Atomic uint32_t sleeping;

	_Atomic uint64_t guest_tsc;	/* TSC cycles that the guest had, */
	_Atomic uint64_t running_since; /* and since when it runs, 0: it does not */
	struct policy policy;
	struct thread_stats stats;
};

/* zygote.c */
int zygote_spawn(const struct plat_config *cfg);
int zygote_request_stub(uint32_t space, uint32_t slot);
int zygote_answer(void);
void stub_filters(struct stub_const *k, uint64_t stub_const_addr);

/* space.c */
extern pthread_mutex_t systrap_lock; /* the list of spaces, slots, the stock */
int space_init(void);
void space_kill(struct plat_space *space);
int space_flush_locked(struct plat_space *space);
int space_queue(struct plat_space *space, const struct stub_op *op, int fd);
int number_alloc_tramp(uint32_t *ret);
void number_free_tramp(uint32_t n);
int slot_alloc(uint32_t *ret);
void slot_release(uint32_t slot);
void space_lose_slot(struct plat_space *space, uint32_t slot);
static inline uint64_t slot_stub_addr(uint32_t slot)
{
	return systrap.band + STUB_SLOTS + (uint64_t)slot * SLOT_SIZE;
}
static inline char *slot_base(uint32_t slot)
{
	return systrap.ctl + CTL_SLOTS + (uint64_t)slot * SLOT_SIZE;
}

/* thread.c */
/* Answers @cmd and takes the next request, which must have the reason @reason (FPU commands). */
int thread_command(struct plat_thread *t, uint32_t cmd, uint32_t reason);
int thread_ready(struct plat_thread *t);
struct plat_thread *thread_object(struct plat_space *space, uint32_t slot);

/* fpu.c */
int fpu_copy(struct plat_thread *t, struct plat_thread *from);
void fpu_reset(struct plat_thread *t);

/* policy.c */
void policy_init(void);
void policy_thread_init(struct plat_thread *t);
void policy_thread_done(struct plat_thread *t);
/* Waits until the stub's request word is no longer @cur, or for @limit_ns when that is not
 * negative. Returns the value of the word. */
uint32_t policy_wait(struct plat_thread *t, uint32_t cur, int64_t limit_ns);
/* Publishes the answer @seq and wakes the stub if it sleeps. */
void policy_answer(struct plat_thread *t, uint32_t seq);
void policy_request_seen(struct plat_thread *t);
void policy_attract(pid_t tid, int *cpu);
uint64_t policy_tsc(void);

/* patch.c */
/* A call trapped at @rip - 2: counts it, and patches the site when that is worth it. */
void patch_try(struct plat_thread *t, uint64_t rip, uint64_t nr);
void patch_space_free(struct plat_space *space);
/* The guest uses gs: restore every site and patch no more. */
void patch_off(struct plat_space *space);

/* Counters of one thread pair: written by its sentry thread only, added up by plat_get_stats(). */
#define COUNT(t, name) add_relaxed(&(t)->stats.name, 1)

static inline void add_relaxed(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Adds the counters of a thread that is freed to the platform's. */
void stats_retire(struct plat_thread *t);
/* Adds those of the threads of all spaces. */
void stats_live(struct plat_stats *ret);
void stats_live_thread(struct plat_stats *to, const struct plat_thread *t);
