/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-off policy: when to spin, when to sleep, and on which processor. Nothing else in the platform
 * decides about time or placement.
 *
 * The costs that drive it (reference/sentry.md 2): answering a thread that spins on another processor
 * costs 0.1 us, waking one on the same processor 4.5 us, waking one on another processor up to 60 us in a
 * virtual machine. So a pair (sentry thread, stub thread) is either spread, the sentry thread spinning on
 * another processor while requests come fast, or packed on one processor, where neither spins.
 */
#include "platform/systrap/systrap.h"

#include <time.h>

#include "host/proc.h"
#include "host/sync.h"

static _Atomic int spinners;
static uint64_t us; /* TSC cycles in a microsecond */

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
	clock_gettime(CLOCK_MONOTONIC, &a);

	uint64_t t = policy_tsc();

	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	} while (ns < 500000);
	systrap.tsc_hz = (policy_tsc() - t) * 1000000000ULL / (uint64_t)ns;
	us = systrap.tsc_hz / 1000000;
}

void policy_thread_init(struct plat_thread *t)
{
	t->stub_cpu = t->pinned_cpu = t->self_cpu = -1;
}

void policy_thread_done(struct plat_thread *t)
{
	(void)t;
}

void policy_attract(pid_t tid, int *cpu)
{
	int here = host_cpu();

	if (*cpu == here)
		return;
	if (host_pin(tid, here) == 0)
		*cpu = here;
}

void policy_request_seen(struct plat_thread *t)
{
	(void)t;
}

static void pin_self(struct plat_thread *t, int cpu)
{
	if (t->self_cpu == cpu)
		return;
	if (host_pin(0, cpu) == 0)
		t->self_cpu = cpu;
}

void policy_answer(struct plat_thread *t, uint32_t seq)
{
	int here = host_cpu();

	t->pp->sentry_cpu = (uint32_t)here;
	t->resumed = policy_tsc();
	__atomic_exchange_n(&t->pp->rep_seq, seq, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->pp->stub_sleeping, __ATOMIC_ACQUIRE)) {
		policy_attract(t->tid, &t->pinned_cpu);
		host_futex_wake_shared(&t->pp->rep_seq, 1);
	}
}

uint32_t policy_wait(struct plat_thread *t, uint32_t cur, uint64_t deadline)
{
	uint32_t w = __atomic_load_n(&t->pp->req_seq, __ATOMIC_ACQUIRE);

	if (w != cur)
		return w;
	if (t->pinned_cpu >= 0)
		pin_self(t, t->pinned_cpu);
	atomic_store(&t->sleeping, 1);
	__atomic_exchange_n(&t->pp->sentry_sleeping, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		int64_t timeout = -1;

		w = __atomic_load_n(&t->pp->req_seq, __ATOMIC_ACQUIRE);
		if (w != cur)
			break;
		if (deadline) {
			uint64_t now = policy_tsc();

			if (now >= deadline)
				break;
			timeout = (int64_t)((deadline - now) / us * 1000 + 1000);
		}
		COUNT(sleeps);
		host_futex_wait_shared(&t->pp->req_seq, cur, timeout);
	}
	t->pp->sentry_sleeping = 0;
	atomic_store(&t->sleeping, 0);
	(void)spinners;
	return w;
}
