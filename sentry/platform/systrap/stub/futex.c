/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2) without the sentry, for private futexes: waking where nobody waits, waiting for a value
 * that is not there, and watching the word for a moment before the sentry is asked to put the
 * thread to sleep.
 *
 * Watching is arriving late: the call ends as it would have if the thread had made it after the
 * word changed. All waiters queue in the sentry, which counts them per word before it looks at the
 * word; a waker has written the word before it looks at the count. So one of the two sees the
 * other.
 */
#include "stub.h"

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define FUTEX_WAIT_BITSET_PRIVATE 137
#define FUTEX_CLOCK_REALTIME 256
#define EAGAIN 11

static uint32_t wake(struct stub_pp *pp, uint64_t addr)
{
	const uint32_t *waiters = (const void *)(stub_image + STUB_FUTEX);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&waiters[stub_futex_index(addr)], __ATOMIC_RELAXED))
		return 0;
	pp->regs.rax = 0;
	return 1;
}

static uint32_t wait(struct stub_pp *pp, const struct stub_ids *ids, uint64_t addr)
{
	uint64_t spin = __atomic_load_n(&ids->futex_spin, __ATOMIC_RELAXED);
	uint64_t end = spin ? stub_tsc() + spin : 0;
	uint32_t expected = (uint32_t)pp->regs.rdx;

	do {
		for (int i = 0; i < 8; i++) {
			int failed;
			uint32_t seen = stub_load32((const void *)addr, &failed);

			if (failed || __atomic_load_n(&pp->kick, __ATOMIC_RELAXED))
				return 0;
			if (seen != expected) {
				pp->regs.rax = (uint64_t)-EAGAIN;
				return 1;
			}
			if (!spin)
				return 0;
			__asm__ volatile("pause");
		}
	} while (stub_tsc() < end);
	return 0;
}

uint32_t stub_futex(struct stub_pp *pp)
{
	const struct stub_ids *ids = (const void *)((const char *)pp + IDS_FROM_GS);
	uint64_t addr = pp->regs.rdi;
	uint32_t op = (uint32_t)pp->regs.rsi;

	if (!ids->yield_ok || (addr & 3) || addr >= STUB_TASK_SIZE)
		return 0;
	if (op == FUTEX_WAKE_PRIVATE)
		return wake(pp, addr);
	if (pp->regs.r10) /* a timeout: it would have to be checked first */
		return 0;
	if (op == FUTEX_WAIT_PRIVATE ||
	    ((op & ~(uint32_t)FUTEX_CLOCK_REALTIME) == FUTEX_WAIT_BITSET_PRIVATE &&
	     (uint32_t)pp->regs.r9 == ~0U))
		return wait(pp, ids, addr);
	return 0;
}
