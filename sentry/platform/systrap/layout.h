/* SPDX-License-Identifier: Apache-2.0 */
/* What the sentry and the stub agree on: where things lie in a stub's address space and what the
 * shared pages hold. Included by C of both sides and by the stub's assembly (the numbers above
 * __ASSEMBLER__).
 *
 * A stub process has its band in the top of the address space, at the same (random) address in
 * every stub of a sandbox:
 *
 *   +0        text (r-x): a private mapping of the sealed stub image
 *   +STUB_CONST   constants (r--): filters, templates; written by the sentry before the first stub
 * runs +STUB_OPS     orders for the helper thread (r--), per space +STUB_SCRATCH control-message
 * buffer of the helper (rw), per space +STUB_VDSO    the host's vvar and vdso +STUB_SLOTS
 * per-thread slots, index k at + k * SLOT_SIZE: guard | ids (r--) | exchange page (rw) | guard |
 * xsave area (rw) | alternate stack (rw)
 *
 * All shared pages live in the control memfd, of which the sentry has a writable mapping. Whatever
 * is mapped writable in a stub belongs to the attacker.
 */
#pragma once

#define STUB_TASK_SIZE 0x7f0000000000

#define STUB_ENTER 0x100 /* where trampolines go, from the band */
#define STUB_TEXT_MAX 0x40000
#define STUB_CONST 0x40000
#define STUB_CONST_SIZE 0x4000
#define STUB_OPS 0x48000
#define STUB_OPS_SIZE 0x4000
#define STUB_SCRATCH 0x50000
#define STUB_SCRATCH_SIZE 0x1000
#define STUB_FUTEX 0x52000 /* how many wait in the sentry for private futexes (r--), per space */
#define STUB_FUTEX_SIZE 0x1000
#define STUB_STACK 0x60000 /* the zygote's; gone once a helper serves */
#define STUB_STACK_SIZE 0x8000
#define STUB_VDSO 0x80000
#define STUB_SLOTS 0x1000000
#define SLOT_SIZE 0x10000
#define SLOT_MAX 32768
#define STUB_BAND_SIZE 0x81000000 /* STUB_SLOTS + SLOT_MAX * SLOT_SIZE */

#define SLOT_IDS 0x1000
#define SLOT_PP 0x2000
#define SLOT_FPU 0x4000
#define SLOT_FPU_SIZE 0x4000
#define SLOT_ALT 0x8000
#define SLOT_ALT_SIZE 0x8000

/* The control memfd: constants at 0, slot k at CTL_SLOTS + k * SLOT_SIZE, space j at CTL_SPACES + j
 * * CTL_SPACE_SIZE (orders, then scratch, then futex counts at CTL_FUTEX). */
#define CTL_SLOTS STUB_SLOTS
#define CTL_SPACES 0x90000000
#define CTL_SPACE_SIZE 0x8000
#define CTL_FUTEX 0x6000
#define SPACE_MAX 32768
#define CTL_TRAMPS 0xd0000000 /* CTL_SPACES + SPACE_MAX * CTL_SPACE_SIZE: pages of trampolines */
#define TRAMP_MAX 65536
#define CTL_SIZE 0xe0000000 /* CTL_TRAMPS + TRAMP_MAX * 4096 */

/* Descriptors of the zygote and of the stub processes. */
#define STUB_FD_MEM 0	 /* the sandbox's memory */
#define STUB_FD_CTL 1	 /* the control memfd */
#define STUB_FD_PASS 2	 /* where the helper receives host files */
#define STUB_FD_RECV 3	 /* the number a received file gets: always the lowest free one */
#define STUB_FD_CMD 8	 /* zygote only */
#define STUB_FD_EVENT 9	 /* zygote only */
#define STUB_FD_IMAGE 10 /* zygote only, until it has moved */
#define STUB_FD_DONE 16	 /* event descriptors: completions of helpers */
#define STUB_N_DONE 16

/* Offsets in struct stub_pp. */
#define PP_REP_SEQ 64
#define PP_RAX_REPLY 80
#define PP_R15 128
#define PP_R14 136
#define PP_R13 144
#define PP_R12 152
#define PP_RBP 160
#define PP_RBX 168
#define PP_R11 176
#define PP_R10 184
#define PP_R9 192
#define PP_R8 200
#define PP_RAX 208
#define PP_RCX 216
#define PP_RDX 224
#define PP_RSI 232
#define PP_RDI 240
#define PP_ORIG_RAX 248
#define PP_RIP 256
#define PP_CS 264
#define PP_EFLAGS 272
#define PP_RSP 280
#define PP_SS 288
#define PP_FS_BASE 296
#define PP_GS_BASE 304
#define PP_KICK 320
#define PP_TID 324
#define PP_SELF 328
#define PP_STACK 4096

/* Offsets in struct stub_ids, and from gs (the exchange page) to it. */
#define IDS_FAST_MAX 192
#define IDS_FROM_GS (SLOT_IDS - SLOT_PP)
#define IDS_SIGSTACK 1024
#define IDS_SPIN 1048
#define IDS_YIELD_OK 1060

/* Offsets in struct stub_const. */
#define CONST_ZERO 0
#define CONST_OK 8
#define CONST_ENOMEM 16
#define CONST_ERROR 24
#define CONST_FPROG_APP 32
#define CONST_TEXT 48
#define CONST_TEXT_LEN 56

/* Offsets in struct stub_ops and struct stub_op. */
#define OPS_SEQ 0
#define OPS_N 4
#define OPS_DONE_FD 8
#define OPS_OP 64
#define OP_SIZE 64
#define OP_NR 0
#define OP_ARGS 8
#define OP_FLAGS 56
#define OP_MUST 1   /* failure ends the process: the sentry relies on the effect */
#define OP_IGNORE 2 /* the result does not matter */
#define OPS_MAX 250

/* CLONE_VM FS FILES SIGHAND THREAD SYSVSEM PARENT_SETTID CHILD_CLEARTID: a guest thread. The kernel
 * clears and wakes req_seq when it ends. */
#define STUB_THREAD_FLAGS 0x350f00

#define STUB_SEQ_MASK 0x7fffffff
#define STUB_SEQ_INTR 0x80000000 /* set by the sentry in req_seq: wake up and look */

/* Commands of the sentry (bits). */
#define CMD_FULL 1     /* load all registers from the exchange page; otherwise only rax changed */
#define CMD_SAVE_FPU 2 /* store the FPU state in the slot's xsave area and ask again */
#define CMD_LOAD_FPU 4 /* load it from there first */
#define CMD_EXIT 8     /* end the host thread */

/* Why a stub thread asks. */
#define STUB_READY 1	 /* a new thread waits for its first registers */
#define STUB_SYSCALL 2	 /* a patched call site */
#define STUB_SIGSYS 3	 /* a trapped call */
#define STUB_FAULT 4	 /* SIGSEGV and its kind */
#define STUB_INTR 5	 /* kicked out of guest code */
#define STUB_FPU_SAVED 6 /* answer to CMD_SAVE_FPU */

#define STUB_KICK_SIGNAL 23 /* SIGURG: ignored by default, harmless should it ever go astray */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include "platform/platform.h"

/* The exchange page. One cache line per writer. */
struct stub_pp {
	/* Written by the stub. */
	uint32_t req_seq;
	uint32_t stub_cpu;
	uint32_t stub_sleeping;
	uint32_t reason;
	int32_t signo;
	int32_t code;
	uint64_t addr;
	uint64_t err;
	uint64_t trapno;
	uint32_t fpu_off; /* where in the slot the FPU state of the last signal frame stands; 0:
			     nowhere */
	uint32_t pad0[3];
	/* Written by the sentry. */
	uint32_t rep_seq;
	uint32_t sentry_cpu;
	uint32_t sentry_sleeping;
	uint32_t cmd;
	uint64_t rax;
	uint64_t pad1[5];
	/* Line 2 on: the guest's registers. */
	struct guest_regs regs;
	uint64_t pad2;
	/* The stub's own. */
	uint32_t kick;
	int32_t tid; /* the kernel stores it at clone */
	uint64_t self;
};

/* Read-only for the stub. */
struct stub_ids {
	uint32_t fast[IDS_FAST_MAX]; /* answers by system call number; UINT32_MAX: ask */
	uint8_t pad[IDS_SIGSTACK - IDS_FAST_MAX * 4];
	uint64_t ss_sp; /* a stack_t for sigaltstack */
	uint64_t ss_flags;
	uint64_t ss_size;
	uint64_t spin; /* how long the stub may spin for the answer, in TSC cycles; 0: not at all */
	uint32_t yields; /* how often it gives the processor away before it sleeps */
	uint32_t yield_ok; /* the stub carries sched_yield(2) out by itself, and what it can of futex(2) */
	uint64_t futex_spin; /* how long a waiter watches the word before it asks, in TSC cycles */
};

/* Which count of the page at STUB_FUTEX belongs to the word at @addr. */
static inline uint32_t stub_futex_index(uint64_t addr)
{
	return (uint32_t)((addr >> 2) * 0x9e3779b97f4a7c15ULL >> 54);
}

struct stub_op {
	uint64_t nr, args[6], flags;
};

struct stub_ops {
	uint32_t seq, n, done_fd, pad[13];
	struct stub_op op[OPS_MAX];
};

/* sock_fprog and msghdr as the kernel reads them, with addresses in the stub. */
struct stub_fprog {
	uint64_t len; /* u16 and padding */
	uint64_t filter;
};

struct stub_bpf {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

#define STUB_BPF_MAX 128

/* The constants page(s). Read-only in every stub; the zygote writes the part below before it locks
 * up. */
struct stub_const {
	uint64_t zero;
	uint64_t ok, enomem, error; /* what a helper adds to its completion descriptor */
	struct stub_fprog app_fprog;
	uint64_t text, text_len; /* of user dispatch */
	struct stub_fprog helper_fprog, zygote_fprog;
	uint64_t msghdr[7]; /* template of the helper's recvmsg */
	uint64_t msg_iov[2];
	uint64_t band;
	uint64_t image_len;
	uint64_t parent;	     /* pid of the sentry in the zygote's view, 0: not checked */
	uint64_t vvar_len, vdso_len; /* sizes of what lies below the vdso, and of itself; 0: none */
	uint64_t has_rdpid;
	struct stub_bpf app[STUB_BPF_MAX], helper[STUB_BPF_MAX], zygote[STUB_BPF_MAX];
};

/* Requests to the zygote. */
enum { ZYGOTE_NEW = 1 };

struct zygote_request {
	uint32_t op;
	uint32_t space, slot; /* NEW: where the new stub's pages lie in the control memfd */
};

/* Answers on the command socket (pid of the new stub, or a negative errno) and events on the other
 * (the pid of a stub process that ended). */
struct zygote_reply {
	int32_t result;
};

_Static_assert(offsetof(struct stub_pp, rep_seq) == PP_REP_SEQ, "layout");
_Static_assert(offsetof(struct stub_pp, rax) == PP_RAX_REPLY, "layout");
_Static_assert(offsetof(struct stub_pp, regs) == PP_R15, "layout");
_Static_assert(offsetof(struct stub_pp, regs.orig_rax) == PP_ORIG_RAX, "layout");
_Static_assert(offsetof(struct stub_pp, regs.gs_base) == PP_GS_BASE, "layout");
_Static_assert(offsetof(struct stub_pp, kick) == PP_KICK, "layout");
_Static_assert(offsetof(struct stub_pp, tid) == PP_TID, "layout");
_Static_assert(offsetof(struct stub_pp, self) == PP_SELF, "layout");
_Static_assert(offsetof(struct stub_ids, ss_sp) == IDS_SIGSTACK, "layout");
_Static_assert(offsetof(struct stub_ids, spin) == IDS_SPIN, "layout");
_Static_assert(offsetof(struct stub_ids, yield_ok) == IDS_YIELD_OK, "layout");
_Static_assert(STUB_FUTEX_SIZE == 4 << 10, "stub_futex_index");
_Static_assert(offsetof(struct stub_ops, op) == OPS_OP && sizeof(struct stub_op) == OP_SIZE,
	       "layout");
_Static_assert(offsetof(struct stub_op, flags) == OP_FLAGS, "layout");
_Static_assert(sizeof(struct stub_ops) <= STUB_OPS_SIZE, "layout");
_Static_assert(offsetof(struct stub_const, app_fprog) == CONST_FPROG_APP, "layout");
_Static_assert(offsetof(struct stub_const, text) == CONST_TEXT, "layout");
_Static_assert(sizeof(struct stub_const) <= STUB_CONST_SIZE, "layout");
#endif
