/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filters of the zygote, of the helper threads and of guest threads. Each is a list of
 * allowed calls; everything else raises SIGSYS (for a guest thread that is how calls reach the
 * sentry).
 *
 * A helper inherits the zygote's filter, a guest thread both, so each list contains the next. What
 * bounds the guest is only the last one.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "platform/systrap/systrap.h"

struct allow {
	int nr;
	int arg; /* -1: any arguments; else (args[arg] & mask) must be one of the values */
	uint32_t mask;
	uint32_t value[2];
	int n_values;
};

static const struct allow app[] = {
	{SYS_futex, 1, ~(uint32_t)FUTEX_PRIVATE_FLAG, {FUTEX_WAIT, FUTEX_WAKE}, 2},
	{SYS_rt_sigreturn, -1, 0, {0}, 0},
	{SYS_sched_yield, -1, 0, {0}, 0},
	{SYS_exit, -1, 0, {0}, 0},
};

static const struct allow helper[] = {
	{SYS_futex, -1, 0, {0}, 0},
	{SYS_rt_sigreturn, -1, 0, {0}, 0},
	{SYS_sched_yield, -1, 0, {0}, 0},
	{SYS_exit, -1, 0, {0}, 0},
	{SYS_exit_group, -1, 0, {0}, 0},
	{SYS_mmap, -1, 0, {0}, 0},
	{SYS_munmap, -1, 0, {0}, 0},
	{SYS_mprotect, -1, 0, {0}, 0},
	{SYS_madvise, -1, 0, {0}, 0},
	{SYS_recvmsg, 0, ~0U, {STUB_FD_PASS}, 1},
	{SYS_close, 0, ~0U, {STUB_FD_RECV}, 1},
	{SYS_write, -1, 0, {0}, 0},
	{SYS_clone, 0, ~0U, {STUB_THREAD_FLAGS}, 1},
	{SYS_sigaltstack, -1, 0, {0}, 0},
	{SYS_rt_sigprocmask, -1, 0, {0}, 0},
	{SYS_prctl, 0, ~0U, {59 /* PR_SET_SYSCALL_USER_DISPATCH */}, 1},
	{SYS_seccomp, 0, ~0U, {SECCOMP_SET_MODE_FILTER}, 1},
};

static const struct allow zygote[] = {
	{SYS_futex, -1, 0, {0}, 0},
	{SYS_rt_sigreturn, -1, 0, {0}, 0},
	{SYS_sched_yield, -1, 0, {0}, 0},
	{SYS_exit, -1, 0, {0}, 0},
	{SYS_exit_group, -1, 0, {0}, 0},
	{SYS_mmap, -1, 0, {0}, 0},
	{SYS_munmap, -1, 0, {0}, 0},
	{SYS_mprotect, -1, 0, {0}, 0},
	{SYS_madvise, -1, 0, {0}, 0},
	{SYS_recvmsg, -1, 0, {0}, 0},
	{SYS_close, -1, 0, {0}, 0},
	{SYS_write, -1, 0, {0}, 0},
	{SYS_clone, 0, ~0U, {STUB_THREAD_FLAGS, 17 /* SIGCHLD: a stub process */}, 2},
	{SYS_sigaltstack, -1, 0, {0}, 0},
	{SYS_rt_sigprocmask, -1, 0, {0}, 0},
	{SYS_prctl, 0, ~0U, {59, 1 /* PR_SET_PDEATHSIG */}, 2},
	{SYS_seccomp, 0, ~0U, {SECCOMP_SET_MODE_FILTER}, 1},
	{SYS_ppoll, -1, 0, {0}, 0},
	{SYS_recvfrom, -1, 0, {0}, 0},
	{SYS_sendto, -1, 0, {0}, 0},
	{SYS_wait4, -1, 0, {0}, 0},
	{SYS_getpid, -1, 0, {0}, 0},
	{SYS_getppid, -1, 0, {0}, 0},
};

struct prog {
	struct stub_bpf *insn;
	size_t n;
};

static void emit(struct prog *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (p->n < STUB_BPF_MAX)
		p->insn[p->n++] = (struct stub_bpf){code, jt, jf, k};
}

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define JEQ (BPF_JMP | BPF_JEQ | BPF_K)
#define RET (BPF_RET | BPF_K)

static void build(struct prog *p, const struct allow *list, size_t n)
{
	emit(p, LOAD, 0, 0, offsetof(struct seccomp_data, arch));
	emit(p, JEQ, 1, 0, AUDIT_ARCH_X86_64);
	emit(p, RET, 0, 0, SECCOMP_RET_TRAP);
	emit(p, LOAD, 0, 0, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		const struct allow *a = &list[i];

		if (a->arg < 0) {
			emit(p, JEQ, 0, 1, (uint32_t)a->nr);
			emit(p, RET, 0, 0, SECCOMP_RET_ALLOW);
			continue;
		}
		/* load, and, compare..., refuse, allow */
		emit(p, JEQ, 0, (uint8_t)(4 + a->n_values), (uint32_t)a->nr);
		emit(p, LOAD, 0, 0,
		     (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)a->arg));
		emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, a->mask);
		for (int v = 0; v < a->n_values; v++)
			emit(p, JEQ, (uint8_t)(a->n_values - v), 0, a->value[v]);
		emit(p, RET, 0, 0, SECCOMP_RET_TRAP);
		emit(p, RET, 0, 0, SECCOMP_RET_ALLOW);
	}
	emit(p, RET, 0, 0, SECCOMP_RET_TRAP);
}

static void put(struct stub_fprog *fprog, struct stub_bpf *insn, uint64_t at,
		const struct allow *list, size_t n)
{
	struct prog p = {.insn = insn};

	build(&p, list, n);
	fprog->len = p.n;
	fprog->filter = at;
}

void stub_filters(struct stub_const *k, uint64_t at)
{
	put(&k->app_fprog, k->app, at + offsetof(struct stub_const, app), app,
	    sizeof(app) / sizeof(*app));
	put(&k->helper_fprog, k->helper, at + offsetof(struct stub_const, helper), helper,
	    sizeof(helper) / sizeof(*helper));
	put(&k->zygote_fprog, k->zygote, at + offsetof(struct stub_const, zygote), zygote,
	    sizeof(zygote) / sizeof(*zygote));
}
