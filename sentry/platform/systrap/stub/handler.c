/* SPDX-License-Identifier: Apache-2.0 */
/* Signals in the stub. Whatever interrupted guest code becomes a request: the registers go to the
 * exchange page and the FPU state of the frame is loaded again at once, so that from there on it
 * does not matter how the thread came in, and no sigreturn is needed.
 *
 * A signal inside the stub's own slow path is one of: a kick (see the cases below), a single step,
 * or an attack, which is reported as the fault that it is.
 */
#include "stub.h"

#define SIG_ILL 4
#define SIG_TRAP 5
#define SIG_BUS 7
#define SIG_FPE 8
#define SIG_SEGV 11
#define SIG_SYS 31
#define ARCH_X86_64 0xc000003eU
#define VSYSCALL 0xffffffffff600000ULL

struct k_siginfo {
	int32_t signo, err, code, pad;
	uint64_t addr;
	int32_t syscall;
	uint32_t arch;
};

struct k_ucontext {
	uint64_t flags, link, ss[3];
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
		eflags;
	uint64_t segs, err, trapno, oldmask, cr2;
	uint64_t fpstate;
};

static int in_stub(uint64_t rip)
{
	return rip - (uint64_t)stub_slow_start < (uint64_t)(stub_text_end - stub_slow_start);
}

static void wrgs(uint64_t v)
{
	__asm__ volatile("wrgsbase %0" : : "r"(v));
}

static uint64_t rdgs(void)
{
	uint64_t v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static uint64_t rdfs(void)
{
	uint64_t v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

/* A kick while the thread is in the stub. Before the request is published there is nothing to do:
 * the sentry gets a request. While it waits, or is on its way out, the flag makes the exit report.
 */
static void kick_inside(struct stub_pp *pp, struct k_ucontext *uc)
{
	if (pp->rep_seq != (pp->req_seq & STUB_SEQ_MASK))
		return;
	pp->kick = 1;
	if (uc->rip >= (uint64_t)exit_fast && uc->rip < (uint64_t)exit_fast_end)
		uc->rip = (uint64_t)exit_fast;
	if (uc->rip >= (uint64_t)exit_full && uc->rip < (uint64_t)exit_full_end) {
		uc->rip = (uint64_t)exit_full;
		wrgs((uint64_t)pp);
	}
}

static void save_regs(struct stub_pp *pp, const struct k_ucontext *uc)
{
	struct guest_regs *r = &pp->regs;
	uint64_t gs = rdgs();

	r->r15 = uc->r15, r->r14 = uc->r14, r->r13 = uc->r13, r->r12 = uc->r12;
	r->rbp = uc->rbp, r->rbx = uc->rbx, r->r11 = uc->r11, r->r10 = uc->r10;
	r->r9 = uc->r9, r->r8 = uc->r8, r->rax = uc->rax, r->rcx = uc->rcx;
	r->rdx = uc->rdx, r->rsi = uc->rsi, r->rdi = uc->rdi, r->orig_rax = (uint64_t)-1;
	r->rip = uc->rip, r->eflags = uc->eflags, r->rsp = uc->rsp;
	r->cs = uc->segs & 0xffff, r->ss = uc->segs >> 48;
	r->fs_base = rdfs();
	r->gs_base = gs == (uint64_t)pp ? 0 : gs;
	wrgs((uint64_t)pp);
}

/* A call into the vsyscall page of a host that does not map it: do what the page would do. */
static int vsyscall(struct stub_pp *pp, const struct k_siginfo *si, const struct k_ucontext *uc)
{
	static const short nr[3] = {96, 201, 309};
	uint64_t n = (uc->rip - VSYSCALL) / 1024;
	int failed;

	if (uc->rip != si->addr || uc->rip < VSYSCALL || (uc->rip & 1023) || n > 2)
		return 0;

	uint64_t ret = stub_load((const void *)uc->rsp, &failed);

	if (failed)
		return 0;
	pp->regs.orig_rax = (uint64_t)nr[n];
	pp->regs.rax = (uint64_t)-38;
	pp->regs.rip = ret;
	pp->regs.rsp += 8;
	return 1;
}

uint32_t stub_signal_c(int sig, const void *info, void *ucv, char *slot)
{
	const struct k_siginfo *si = info;
	struct k_ucontext *uc = ucv;
	struct stub_pp *pp = (struct stub_pp *)(slot + SLOT_PP);
	uint32_t reason = STUB_FAULT;

	if (in_stub(uc->rip)) {
		if (sig == STUB_KICK_SIGNAL) {
			kick_inside(pp, uc);
			return 0;
		}
		if (sig == SIG_TRAP && (uc->eflags & 0x100))
			return 0;
		if (uc->rip == (uint64_t)stub_load_insn || uc->rip == (uint64_t)stub_load32_insn) {
			uc->rip = (uint64_t)stub_load_fixup;
			return 0;
		}
	}

	save_regs(pp, uc);
	pp->signo = sig;
	pp->code = si->code;
	pp->addr = si->addr;
	pp->err = uc->err;
	pp->trapno = uc->trapno;

	if (sig == STUB_KICK_SIGNAL) {
		reason = STUB_INTR;
	} else if (sig == SIG_SYS) {
		reason = STUB_SIGSYS;
		pp->regs.orig_rax = uc->rax;
		/* 32-bit calls do not exist for the guest: a number that no table has. */
		if (si->arch != ARCH_X86_64)
			pp->regs.orig_rax = 0x80000000U | (uint32_t)si->syscall;
		pp->regs.rax = (uint64_t)-38;
	} else if (sig == SIG_SEGV && vsyscall(pp, si, uc)) {
		reason = STUB_SIGSYS;
	}
	pp->fpu_off = (uint32_t)(uc->fpstate - (uint64_t)slot);
	stub_xrstor((const void *)uc->fpstate);
	return reason;
}
