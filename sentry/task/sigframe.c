/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a signal handler on the guest's stack, and the way back: Linux's x86-64 rt_sigframe
 * (System V AMD64 ABI for the red zone and alignment; the layout is <asm/sigcontext.h>'s).
 * Everything read back from the guest is hostile.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "task/internal.h"

#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u
#define FXSAVE_SIZE 512
#define FP_SW_OFFSET 464 /* sw_reserved in the fxsave area */
#define XSAVE_HDR_SIZE 64
#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u

#define GUEST_CS 0x33
#define GUEST_SS 0x2b
#define EFLAGS_DF 0x400u
#define EFLAGS_TF 0x100u
#define EFLAGS_RF 0x10000u
/* AC OF DF TF SF ZF AF PF CF RF: what a program may set. */
#define EFLAGS_USER 0x50dd5u

#define SS_ONSTACK_G 1
#define SS_DISABLE_G 2
#define SS_AUTODISARM_G ((int)(1U << 31))

struct frame_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

struct frame_mcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate;
	uint64_t reserved[8];
};

struct frame_ucontext {
	uint64_t flags, link;
	struct frame_stack stack;
	struct frame_mcontext mc;
	uint64_t sigmask;
};

struct rt_frame {
	uint64_t pretcode;
	struct frame_ucontext uc;
	uint8_t info[SIGINFO_SIZE];
};

struct fp_sw {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t padding[7];
};

_Static_assert(sizeof(struct frame_mcontext) == 256, "struct sigcontext");
_Static_assert(sizeof(struct frame_ucontext) == 304, "struct ucontext");
_Static_assert(sizeof(struct rt_frame) == 440, "struct rt_sigframe");

static void freep(uint8_t **p)
{
	free(*p);
}

static uint64_t host_xfeatures(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return ((uint64_t)hi << 32) | lo;
}

static bool on_altstack(const struct task *t, uint64_t sp)
{
	return sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

int sigaltstack_flags(const struct task *t, uint64_t sp)
{
	if (!t->altstack.size)
		return SS_DISABLE_G;
	if (t->altstack.flags & SS_AUTODISARM_G)
		return 0;
	return on_altstack(t, sp) ? SS_ONSTACK_G : 0;
}

int sigaltstack_set(struct task *t, uint64_t sp, int flags, uint64_t size, uint64_t min_size)
{
	int mode = flags & ~SS_AUTODISARM_G;

	if (!(t->altstack.flags & SS_AUTODISARM_G) && t->altstack.size &&
	    on_altstack(t, t->regs.rsp))
		return -EPERM;
	if (mode != SS_DISABLE_G && mode != SS_ONSTACK_G && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE_G) {
		size = 0;
		sp = 0;
	} else if (size < min_size) {
		return -ENOMEM;
	}
	t->altstack.sp = sp;
	t->altstack.size = size;
	t->altstack.flags = flags;
	return 0;
}

/* Writes the FPU image at *sp (moved down) and says where it is. */
static int push_fpu(struct task *t, uint64_t *sp, uint64_t *fpstate)
{
	size_t max = plat_fpu_size();
	uint8_t *buf = calloc(1, max + sizeof(uint32_t));

	if (!buf)
		return -ENOMEM;

	int size = plat_fpu_get(t->plat, buf, max);

	if (size < FXSAVE_SIZE) {
		free(buf);
		return size < 0 ? size : -EFAULT;
	}

	bool extended = size >= FXSAVE_SIZE + XSAVE_HDR_SIZE;
	struct fp_sw sw = {0};
	uint32_t magic2 = FP_MAGIC2;
	size_t total = (size_t)size;

	if (extended) {
		sw.magic1 = FP_MAGIC1;
		sw.extended_size = (uint32_t)size + (uint32_t)sizeof(magic2);
		sw.xfeatures = host_xfeatures();
		sw.xstate_size = (uint32_t)size;
		memcpy(buf + size, &magic2, sizeof(magic2));
		total += sizeof(magic2);
	}
	memcpy(buf + FP_SW_OFFSET, &sw, sizeof(sw));
	*sp = (*sp - total) & ~UINT64_C(63);
	*fpstate = *sp;

	int r = mm_copy_out(t->mm, *sp, buf, total);

	free(buf);
	return r;
}

static void fill_mcontext(struct frame_mcontext *mc, const struct task *t, uint64_t fpstate,
			  sigset64 mask)
{
	const struct guest_regs *regs = &t->regs;

	*mc = (struct frame_mcontext){
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rdi = regs->rdi,
		.rsi = regs->rsi,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.rdx = regs->rdx,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rsp = regs->rsp,
		.rip = regs->rip,
		.eflags = regs->eflags,
		.cs = GUEST_CS,
		.ss = GUEST_SS,
		.err = t->fault.err,
		.trapno = t->fault.trapno,
		.cr2 = t->fault.cr2,
		.oldmask = mask,
		.fpstate = fpstate,
	};
}

int sigframe_push(struct task *t, const struct ksigaction *sa, const struct ksiginfo *info)
{
	struct guest_regs *regs = &t->regs;
	uint64_t sp = regs->rsp - 128; /* the red zone */
	bool nested = t->altstack.size && !(t->altstack.flags & SS_AUTODISARM_G) &&
		      on_altstack(t, regs->rsp);
	bool entering = false;
	struct rt_frame frame = {0};
	uint64_t fpstate;
	int r;

	if (!(sa->flags & SA_RESTORER_G))
		return -EFAULT;
	if ((sa->flags & SA_ONSTACK_G) && sigaltstack_flags(t, regs->rsp) == 0) {
		sp = t->altstack.sp + t->altstack.size;
		entering = true;
	}
	r = push_fpu(t, &sp, &fpstate);
	if (r < 0)
		return r;
	sp = ((sp - sizeof(frame)) & ~UINT64_C(15)) - 8;
	if ((nested || entering) && !on_altstack(t, sp))
		return -EFAULT;

	sigset64 mask = t->restore_sigmask ? t->saved_sigmask : t->sigmask;

	frame.pretcode = sa->restorer;
	frame.uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	frame.uc.stack = (struct frame_stack){
		.sp = t->altstack.sp,
		.flags = t->altstack.size ? t->altstack.flags : SS_DISABLE_G,
		.size = t->altstack.size,
	};
	fill_mcontext(&frame.uc.mc, t, fpstate, mask);
	frame.uc.sigmask = mask;
	if (sa->flags & SA_SIGINFO_G)
		siginfo_encode(frame.info, info);
	r = mm_copy_out(t->mm, sp, &frame,
			sa->flags & SA_SIGINFO_G ? sizeof(frame) : offsetof(struct rt_frame, info));
	if (r < 0)
		return r;
	if (t->altstack.flags & SS_AUTODISARM_G) {
		t->altstack.sp = 0;
		t->altstack.size = 0;
		t->altstack.flags = SS_DISABLE_G;
	}

	regs->rdi = (uint64_t)info->signo;
	regs->rsi = sp + offsetof(struct rt_frame, info);
	regs->rdx = sp + offsetof(struct rt_frame, uc);
	regs->rax = 0;
	regs->rip = sa->handler;
	regs->rsp = sp;
	regs->cs = GUEST_CS;
	regs->ss = GUEST_SS;
	regs->eflags &= ~(uint64_t)(EFLAGS_DF | EFLAGS_TF | EFLAGS_RF);
	return 0;
}

/* Loads the FPU from the frame; without one, or with the 512-byte form only, the rest is initial.
 */
static int pop_fpu(struct task *t, uint64_t fpstate)
{
	size_t max = plat_fpu_size();
	CLEANUP(freep) uint8_t *buf = NULL;
	struct fp_sw sw;
	uint32_t magic2 = 0;
	uint64_t bv;

	if (max < FXSAVE_SIZE + XSAVE_HDR_SIZE)
		max = FXSAVE_SIZE + XSAVE_HDR_SIZE;
	buf = calloc(1, max);
	if (!buf)
		return -ENOMEM;
	if (!fpstate) {
		uint16_t fcw = 0x37f;
		uint32_t mxcsr = 0x1f80;

		memcpy(buf, &fcw, sizeof(fcw));
		memcpy(buf + 24, &mxcsr, sizeof(mxcsr));
		return plat_fpu_set(t->plat, buf, max);
	}
	if (mm_copy_in(t->mm, buf, fpstate, FXSAVE_SIZE) < 0)
		return -EFAULT;
	memcpy(&sw, buf + FP_SW_OFFSET, sizeof(sw));
	if (sw.magic1 == FP_MAGIC1 && sw.xstate_size >= FXSAVE_SIZE + XSAVE_HDR_SIZE &&
	    sw.xstate_size <= max && sw.extended_size >= sw.xstate_size &&
	    mm_copy_in(t->mm, &magic2, fpstate + sw.xstate_size, 4) == 0 && magic2 == FP_MAGIC2) {
		if (mm_copy_in(t->mm, buf, fpstate, sw.xstate_size) < 0)
			return -EFAULT;
		memcpy(&bv, buf + FXSAVE_SIZE, sizeof(bv));
		bv &= sw.xfeatures & host_xfeatures();
	} else {
		bv = 3; /* x87 and SSE */
	}
	memset(buf + FP_SW_OFFSET, 0, FXSAVE_SIZE - FP_SW_OFFSET);
	memset(buf + FXSAVE_SIZE, 0, XSAVE_HDR_SIZE);
	memcpy(buf + FXSAVE_SIZE, &bv, sizeof(bv));
	return plat_fpu_set(t->plat, buf, max);
}

static void load_mcontext(struct guest_regs *regs, const struct frame_mcontext *mc)
{
	regs->r8 = mc->r8;
	regs->r9 = mc->r9;
	regs->r10 = mc->r10;
	regs->r11 = mc->r11;
	regs->r12 = mc->r12;
	regs->r13 = mc->r13;
	regs->r14 = mc->r14;
	regs->r15 = mc->r15;
	regs->rdi = mc->rdi;
	regs->rsi = mc->rsi;
	regs->rbp = mc->rbp;
	regs->rbx = mc->rbx;
	regs->rdx = mc->rdx;
	regs->rax = mc->rax;
	regs->rcx = mc->rcx;
	regs->rsp = mc->rsp;
	regs->rip = mc->rip;
	regs->eflags = (regs->eflags & ~(uint64_t)EFLAGS_USER) | (mc->eflags & EFLAGS_USER);
	regs->cs = GUEST_CS;
	regs->ss = GUEST_SS;
	regs->orig_rax = (uint64_t)-1;
}

/* rt_sigreturn(2): the frame is where its return address was popped from. */
long sigframe_pop(struct task *t)
{
	struct frame_ucontext uc;
	uint64_t frame = t->regs.rsp - 8;
	struct ksiginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL_};

	t->regs_full = true;
	t->restart_fn = NULL;
	if (copy_in(t, &uc, frame + offsetof(struct rt_frame, uc), sizeof(uc)) < 0) {
		t->regs.orig_rax = (uint64_t)-1;
		signal_force(t, &segv);
		return 0;
	}
	signal_set_mask(t, uc.sigmask);
	load_mcontext(&t->regs, &uc.mc);
	if (pop_fpu(t, uc.mc.fpstate) < 0) {
		signal_force(t, &segv);
		return 0;
	}
	/* The saved flags are what sigaltstack(2) had; errors are ignored, as in Linux. */
	(void)sigaltstack_set(t, uc.stack.sp, uc.stack.flags, uc.stack.size, 0);
	return (long)t->regs.rax;
}
