/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-off policy: when to spin, when to sleep, and on which processor. Nothing else in the
 *platform decides about time or placement.
 *
 * The costs that drive it (reference/sentry.md 2): answering a thread that spins on another
 *processor costs 0.1 us, yielding to one on the same processor 2.7 us, waking one there 4.6 us,
 *waking one on another processor up to 60 us in a virtual machine. A pair (sentry thread, stub
 *thread) is therefore in one of two modes:
 *
 *   packed  both bound to one processor; a waiter yields at most twice, then sleeps. The stub is
 *brought to the sentry's processor while it sleeps, which costs no migration. spread  the sentry
 *thread spins on another processor while requests come fast. Entered after a streak of fast
 *requests; left as soon as the time lost by waiting in vain exceeds the time won, or when a jump of
 *the clock shows that somebody else wants the processor. Then nobody tries again for a while that
 *doubles with each failure.
 *
 * Sentry threads that sleep until another task wakes them know a third mode, on top of packed:
 *
 *   split  two tasks that wake each other after short sleeps are each bound, with their stub threads, to
 * processors of their own, and wait by spinning: no wake-up across processors, and while one task's
 * pair runs the other's does too. It ends like spread does.
 *
 * Bound threads would defeat the host's load balancing, so every few milliseconds a pair is let go
 *for one round, and bound again to where the host has put it; a guest that computes for long is let
 *go altogether. Nothing here wakes up when the guest is idle.
 */
#include "platform/systrap/systrap.h"

#include <time.h>

#include "host/proc.h"
#include "host/sync.h"

#define HOT_US 8   /* a request this soon after the answer is fast */
#define STREAK 40  /* so many of them: spread */
#define SPIN_US 15 /* the longest wait by spinning */
#define STUB_SPIN_US                                                                               \
	15	   /* the same for the stub: a system call that takes longer is asleep anyway */
#define WIN_US 3   /* what an exchange by spinning saves */
#define LOSS_US 50 /* what a wait in vain costs, the wake across processors included */
#define CREDIT_US 400
#define GAP_US 25 /* the clock jumped: this thread was preempted */
#define BACK_OFF_MIN_US 2000
#define BACK_OFF_MAX_US 1000000
#define PROBE_US 8000	  /* how often a pair is let go for a round */
#define LET_GO_NS 4000000 /* a guest that computes this long is not bound */
#define YIELDS 2
#define SHORT_SLEEP_US 60 /* a sleep that spinning could have bridged, or nearly */
#define SHORT_SLEEPS 12	  /* so many of them in a row: split */
#define SPLIT_SPIN_US 12
#define SPLIT_WIN_US 6 /* bridged this fast, spinning has won; slower, it has only not lost */
#define SPLIT_CREDIT_US 80
#define FUTEX_SPIN_US 8 /* in the stub, before it asks */

static uint64_t us; /* TSC cycles in a microsecond */
static int spin_budget;
static _Atomic int spinners;
static _Atomic uint32_t spinning_on[1024];

/* After a failure of spinning or yielding: not again before, and how long the last ban was. */
struct ban {
	_Atomic uint64_t until, length;
};
static struct ban spin_ban, yield_ban, split_ban;

uint64_t policy_tsc(void)
{
	uint32_t a, d;

	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (uint64_t)d << 32 | a;
}

void policy_init(void)
{
	struct timespec a, b;
	int64_t ns;

	systrap.n_cpus = host_affinity_init();
	spin_budget = systrap.n_cpus / 2;
	clock_gettime(CLOCK_MONOTONIC, &a);

	uint64_t t = policy_tsc();

	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	} while (ns < 500000);
	systrap.tsc_hz = (policy_tsc() - t) * 1000000000ULL / (uint64_t)ns;
	us = systrap.tsc_hz / 1000000;
}

static bool banned(struct ban *b, uint64_t now)
{
	return now < atomic_load_explicit(&b->until, memory_order_relaxed);
}

static void ban(struct ban *b, uint64_t now)
{
	uint64_t until = atomic_load_explicit(&b->until, memory_order_relaxed);
	uint64_t len = atomic_load_explicit(&b->length, memory_order_relaxed);

	if (now < until)
		return;
	/* A long time without failure is forgiven. */
	if (now - until > 8 * len)
		len = 0;
	len = len ? 2 * len : BACK_OFF_MIN_US * us;
	if (len > BACK_OFF_MAX_US * us)
		len = BACK_OFF_MAX_US * us;
	atomic_store_explicit(&b->length, len, memory_order_relaxed);
	atomic_store_explicit(&b->until, now + len, memory_order_relaxed);
}

void policy_thread_init(struct plat_thread *t)
{
	struct policy *p = &t->policy;

	/* Host threads inherit the binding of their maker: unknown. */
	*p = (struct policy){.stub_pin = -1, .self_pin = -1, .spread_cpu = -1, .split_cpu = -1, .waker_cpu = -1};
}

static void leave_spread(struct plat_thread *t)
{
	struct policy *p = &t->policy;

	if (p->spread_cpu < 0)
		return;
	atomic_fetch_sub(&spinning_on[p->spread_cpu & 1023], 1);
	atomic_fetch_sub(&spinners, 1);
	p->spread_cpu = -1;
	p->streak = 0;
	__atomic_store_n(&t->ids->spin, 0, __ATOMIC_RELAXED);
}

static void leave_split(struct plat_thread *t)
{
	struct policy *p = &t->policy;

	p->short_sleeps = 0;
	if (p->split_cpu < 0)
		return;
	atomic_fetch_sub(&spinning_on[p->split_cpu & 1023], 1);
	p->split_cpu = -1;
	__atomic_store_n(&t->ids->futex_spin, 0, __ATOMIC_RELAXED);
}

void policy_thread_done(struct plat_thread *t)
{
	struct policy *p = &t->policy;

	leave_spread(t);
	leave_split(t);
	if (p->self_pin >= 0)
		host_unpin(0);
	p->self_pin = -1;
	p->started = false;
}

void policy_attract(pid_t tid, int *cpu)
{
	int here = host_cpu();

	if (*cpu == here)
		return;
	if (host_pin(tid, here) == 0)
		*cpu = here;
}

static void pin_self(struct policy *p, int cpu)
{
	if (p->self_pin != cpu && host_pin(0, cpu) == 0)
		p->self_pin = cpu;
}

/* Lets the host choose where both run, for one round or (a computing guest) until further notice.
 */
static void let_go(struct plat_thread *t, uint64_t now)
{
	struct policy *p = &t->policy;

	leave_split(t);
	if (p->stub_pin != -1)
		host_unpin(t->tid);
	if (p->self_pin != -1)
		host_unpin(0);
	p->stub_pin = p->self_pin = -1;
	p->next_probe = now + PROBE_US * us;
	p->free_round = true;
}

/* The processor with the fewest spinners, not the stub's. */
static int choose_cpu(int not_this)
{
	int best = -1;
	uint32_t best_n = UINT32_MAX;

	for (int cpu = 0; (cpu = host_next_cpu(cpu)) >= 0; cpu++) {
		uint32_t n = atomic_load_explicit(&spinning_on[cpu & 1023], memory_order_relaxed);

		if (cpu != not_this && n < best_n) {
			best = cpu;
			best_n = n;
		}
	}
	return best;
}

static void enter_spread(struct plat_thread *t, int here)
{
	struct policy *p = &t->policy;

	if (atomic_fetch_add(&spinners, 1) >= spin_budget) {
		atomic_fetch_sub(&spinners, 1);
		p->streak = 0;
		return;
	}

	int cpu = choose_cpu(here);

	if (cpu < 0 || host_pin(0, cpu) < 0) {
		atomic_fetch_sub(&spinners, 1);
		return;
	}
	p->self_pin = cpu;
	p->spread_cpu = cpu;
	p->credit = CREDIT_US / 2;
	atomic_fetch_add(&spinning_on[cpu & 1023], 1);
	__atomic_store_n(&t->ids->spin, STUB_SPIN_US * us, __ATOMIC_RELAXED);
	__atomic_store_n(&t->ids->yields, 0, __ATOMIC_RELAXED);
}

static void spread_won(struct plat_thread *t)
{
	struct policy *p = &t->policy;

	COUNT(t, spins_won);
	p->credit += WIN_US;
	if (p->credit > CREDIT_US)
		p->credit = CREDIT_US;
}

static void spread_lost(struct plat_thread *t, int cost, uint64_t now)
{
	struct policy *p = &t->policy;

	p->credit -= cost;
	if (p->credit >= 0)
		return;
	leave_spread(t);
	ban(&spin_ban, now);
}

void policy_request_seen(struct plat_thread *t)
{
	struct policy *p = &t->policy;
	uint64_t now = policy_tsc(), took = now - p->resumed;

	atomic_store_explicit(&t->running_since, 0, memory_order_relaxed);
	p->seen = now;
	if (p->resumed)
		add_relaxed(&t->guest_tsc, took);
	p->free_round = false;
	if (took < HOT_US * us)
		p->streak++;
	else
		p->streak = 0;
}

/* Before the answer is visible: the stub does not run yet (or spins). */
static void place(struct plat_thread *t, uint64_t now)
{
	struct policy *p = &t->policy;

	if (!p->started) {
		p->started = true;
		p->stub_pin = p->self_pin = -2; /* inherited: unknown */
		p->next_probe = now + PROBE_US * us;
		p->free_round = false;
		return;
	}
	if (p->spread_cpu >= 0 || p->split_cpu >= 0)
		return;
	if (now > p->next_probe) {
		let_go(t, now);
		return;
	}
	/* Fast requests so far took two yields or wakes each: the bound is on the whole exchange.
	 */
	if (p->streak >= STREAK && spin_budget > 0 && !banned(&spin_ban, now))
		enter_spread(t, p->stub_pin);
}

void policy_answer(struct plat_thread *t, uint32_t seq)
{
	struct policy *p = &t->policy;
	uint64_t now = policy_tsc();

	/* A call that blocked: its like would leave the stub asleep on another processor. */
	if (now - p->seen > STUB_SPIN_US * us)
		p->streak = 0;
	place(t, now);

	/* A spinning thread is bound: it is where it was put. */
	int here = p->spread_cpu >= 0 ? p->spread_cpu : host_cpu();

	if (t->pp->sentry_cpu != (uint32_t)here)
		t->pp->sentry_cpu = (uint32_t)here;
	if (p->spread_cpu < 0) {
		uint32_t yields = banned(&yield_ban, now) ? 0 : YIELDS;

		if (t->ids->yields != yields)
			__atomic_store_n(&t->ids->yields, yields, __ATOMIC_RELAXED);
	}
	p->resumed = now;
	atomic_store_explicit(&t->running_since, now, memory_order_relaxed);
	__atomic_exchange_n(&t->pp->rep_seq, seq, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&t->pp->stub_sleeping, __ATOMIC_ACQUIRE))
		return;
	if (p->spread_cpu >= 0) {
		spread_lost(t, LOSS_US, now);
	} else if (!p->free_round) {
		policy_attract(t->tid, &p->stub_pin);
		pin_self(p, here);
	}
	host_futex_wake_shared(&t->pp->rep_seq, 1);
}

static uint32_t load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* Spread: spins until the request comes or its time is over. */
static uint32_t spin(struct plat_thread *t, uint32_t cur)
{
	uint64_t last = policy_tsc(), end = last + SPIN_US * us, now;
	uint32_t w;

	for (;;) {
		for (int i = 0; i < 8; i++) {
			w = load(&t->pp->req_seq);
			if (w != cur) {
				spread_won(t);
				return w;
			}
			__asm__ volatile("pause");
		}
		now = policy_tsc();
		if (now - last > GAP_US * us) {
			leave_spread(t);
			ban(&spin_ban, now);
			return cur;
		}
		if (now > end)
			break;
		last = now;
	}
	spread_lost(t, LOSS_US + SPIN_US, now);
	return cur;
}

/* Packed: the stub is on this processor and wants to run. */
static uint32_t yield(struct plat_thread *t, uint32_t cur)
{
	uint64_t before = policy_tsc();
	uint32_t w = cur;

	for (int i = 0; i < YIELDS && w == cur; i++) {
		host_sched_yield();
		w = load(&t->pp->req_seq);
	}

	uint64_t now = policy_tsc();

	/* Gone for long: somebody else is on this processor, and yields to it cost whole time
	 * slices. */
	if (w == cur || now - before > 40 * us)
		t->policy.streak = 0;
	if (now - before > 400 * us)
		ban(&yield_ban, now);
	return w;
}

uint32_t policy_wait(struct plat_thread *t, uint32_t cur, int64_t limit_ns)
{
	struct policy *p = &t->policy;
	uint32_t w = load(&t->pp->req_seq);
	bool bound = p->stub_pin != -1 && p->started;

	if (w == cur && limit_ns < 0 && p->started) {
		if (p->spread_cpu >= 0)
			w = spin(t, cur);
		else if (p->streak > 2 && t->ids->yields && p->stub_pin == p->self_pin)
			w = yield(t, cur);
	}
	if (w != cur)
		return w;

	atomic_store(&t->sleeping, 1);
	__atomic_exchange_n(&t->pp->sentry_sleeping, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		w = load(&t->pp->req_seq);
		if (w != cur)
			break;
		COUNT(t, sleeps);
		if (host_futex_wait_shared(&t->pp->req_seq, cur,
					   limit_ns >= 0 ? limit_ns
					   : bound	 ? LET_GO_NS
							 : -1) == 0)
			continue;
		if (limit_ns >= 0)
			break;
		let_go(t, policy_tsc());
		bound = false;
	}
	t->pp->sentry_sleeping = 0;
	atomic_store(&t->sleeping, 0);
	return w;
}

/* Binds the pair to a processor where nobody spins, apart from the one that wakes it. */
static bool enter_split(struct plat_thread *t)
{
	struct policy *p = &t->policy;
	int cpu = host_cpu();

	if (!p->started || systrap.n_cpus < 2)
		return false;
	if (cpu == p->waker_cpu || atomic_load(&spinning_on[cpu & 1023]) > 0)
		cpu = choose_cpu(p->waker_cpu);
	if (cpu < 0 || atomic_fetch_add(&spinning_on[cpu & 1023], 1) > 0)
		goto taken;
	if ((p->stub_pin != cpu && host_pin(t->tid, cpu) < 0) ||
	    (p->self_pin != cpu && host_pin(0, cpu) < 0))
		goto taken;
	p->stub_pin = p->self_pin = p->split_cpu = cpu;
	p->split_credit = SPLIT_CREDIT_US / 2;
	__atomic_store_n(&t->ids->futex_spin, FUTEX_SPIN_US * us, __ATOMIC_RELAXED);
	p->free_round = false;
	return true;
taken:
	if (cpu >= 0)
		atomic_fetch_sub(&spinning_on[cpu & 1023], 1);
	p->short_sleeps = 0;
	return false;
}

static void split_result(struct plat_thread *t, int gain, uint64_t now)
{
	struct policy *p = &t->policy;

	p->split_credit += gain;
	if (p->split_credit > SPLIT_CREDIT_US)
		p->split_credit = SPLIT_CREDIT_US;
	if (p->split_credit >= 0)
		return;
	ban(&split_ban, now);
	let_go(t, now);
}

void plat_before_sleep(struct plat_thread *t, const uint32_t *word)
{
	struct policy *p = &t->policy;
	uint64_t start = policy_tsc(), now = start, last;

	p->slept = start;
	if (p->streak > STREAK / 4)
		p->streak = STREAK / 4; /* a task that waits for others is no case for spread */
	if (p->spread_cpu >= 0)
		return;
	if (p->split_cpu < 0 && (p->short_sleeps < SHORT_SLEEPS || banned(&split_ban, start) ||
				 !enter_split(t)))
		return;
	if (p->waker_cpu == p->split_cpu) {
		split_result(t, -2, start);
		return;
	}
	do {
		for (int i = 0; i < 8; i++) {
			if (load(word) & 1) {
				COUNT(t, spins_won);
				split_result(t, now - start < SPLIT_WIN_US * us ? WIN_US : 0, now);
				return;
			}
			__asm__ volatile("pause");
		}
		last = now;
		now = policy_tsc();
	} while (now - start < SPLIT_SPIN_US * us && now - last < GAP_US * us);
	split_result(t, now - last < GAP_US * us ? -SPLIT_SPIN_US : -SPLIT_CREDIT_US, now);
}

void plat_after_sleep(struct plat_thread *t, int cpu)
{
	struct policy *p = &t->policy;

	p->waker_cpu = cpu;
	if (cpu < 0 || policy_tsc() - p->slept > SHORT_SLEEP_US * us)
		p->short_sleeps = 0;
	else if (p->short_sleeps < SHORT_SLEEPS)
		p->short_sleeps++;
}
