/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's half of the hand-off: publish the request, wait for the answer. */
#include "stub.h"

#define NR_SCHED_YIELD 24
#define NR_EXIT 60
#define NR_FUTEX 202
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

static uint32_t my_cpu(const struct stub_const *k)
{
	uint64_t cpu;
	uint32_t a, d, c;

	if (k->has_rdpid) {
		__asm__ volatile("rdpid %0" : "=r"(cpu));
		return (uint32_t)cpu & 0xfff;
	}
	__asm__ volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(c));
	return c & 0xfff;
}

uint64_t stub_tsc(void)
{
	uint32_t a, d;

	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (uint64_t)d << 32 | a;
}

static uint32_t load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void await(struct stub_pp *pp, const struct stub_ids *ids, uint32_t seq, uint32_t cpu)
{
	if (load(&pp->rep_seq) == seq)
		return;

	uint64_t spin = __atomic_load_n(&ids->spin, __ATOMIC_RELAXED);

	if (spin && load(&pp->sentry_cpu) != cpu) {
		uint64_t end = stub_tsc() + spin;

		do {
			for (int i = 0; i < 4; i++) {
				if (load(&pp->rep_seq) == seq)
					return;
				__asm__ volatile("pause");
			}
		} while (stub_tsc() < end);
	} else {
		for (uint32_t n = __atomic_load_n(&ids->yields, __ATOMIC_RELAXED); n; n--) {
			sys1(NR_SCHED_YIELD, 0);
			if (load(&pp->rep_seq) == seq)
				return;
		}
	}

	for (;;) {
		__atomic_exchange_n(&pp->stub_sleeping, 1, __ATOMIC_SEQ_CST);

		uint32_t now = load(&pp->rep_seq);

		if (now == seq)
			break;
		sys4(NR_FUTEX, &pp->rep_seq, FUTEX_WAIT, now, 0);
	}
	pp->stub_sleeping = 0;
}

uint32_t stub_request(struct stub_pp *pp, uint32_t reason)
{
	const struct stub_ids *ids = (const void *)((const char *)pp + IDS_FROM_GS);
	const struct stub_const *k = (const void *)(stub_image + STUB_CONST);

	for (;;) {
		uint32_t seq = (pp->rep_seq + 1) & STUB_SEQ_MASK;
		uint32_t cpu = my_cpu(k);

		seq += seq == 0;
		pp->kick = 0;
		pp->reason = reason;
		pp->stub_cpu = cpu;
		__atomic_exchange_n(&pp->req_seq, seq, __ATOMIC_SEQ_CST);
		if (load(&pp->sentry_sleeping))
			sys3(NR_FUTEX, &pp->req_seq, FUTEX_WAKE, 1);

		await(pp, ids, seq, cpu);

		uint32_t cmd = load(&pp->cmd);
		char *fpu = (char *)pp - SLOT_PP + SLOT_FPU;

		if (cmd & CMD_EXIT)
			sys1(NR_EXIT, 0);
		if (cmd & CMD_LOAD_FPU)
			stub_xrstor(fpu);
		if (!(cmd & CMD_SAVE_FPU)) {
			if (!(cmd & CMD_FULL))
				pp->regs.rax = pp->rax;
			return cmd;
		}
		stub_xsave(fpu);
		reason = STUB_FPU_SAVED;
	}
}
