/* SPDX-License-Identifier: Apache-2.0 */
/* The stub's assembly: the entry of patched call sites, the way back to guest code, signal entry, and the
 * helper's and new threads' code that may use registers only.
 *
 * gs points to the thread's exchange page whenever this code runs, except where stated. Two ranges are
 * restartable: exit_fast..exit_fast_end and exit_full..exit_full_end read nothing but the exchange page
 * and change nothing in it, so that the kick handler (handler.c) can set the thread back to their start.
 */
#include "../layout.h"

	.section .text.fast, "ax"

/* A patched call site comes here through its trampoline: rcx holds the address behind the site, r11 is
 * free (the instruction destroys both), all else is the guest's. Up to stub_slow this is plain guest code
 * as far as signals go: it keeps its state in registers only, so it may be left and taken up anywhere. */
	.globl stub_enter
	.balign 64
stub_enter:
	mov	%rax, %r11
	lahf
	seto	%al
	cmp	$IDS_FAST_MAX, %r11
	jae	1f
	cmpl	$-1, %gs:IDS_FROM_GS(, %r11, 4)
	je	1f
	mov	%gs:IDS_FROM_GS(, %r11, 4), %r11d
	add	$0x7f, %al
	sahf
	mov	%r11d, %eax
	mov	$0x202, %r11d
	jmp	*%rcx
1:	add	$0x7f, %al
	sahf
	mov	%r11, %rax
	jmp	stub_slow

	.text

/* The guest's registers go to the exchange page; nothing below the guest's stack pointer is touched. */
	.globl stub_slow
stub_slow:
	mov	%rsp, %gs:PP_RSP
	mov	%rcx, %gs:PP_RIP
	mov	%rcx, %gs:PP_RCX
	mov	%gs:PP_SELF, %rsp
	lea	PP_STACK(%rsp), %rsp
	pushfq
	pop	%r11
	mov	%r11, %gs:PP_EFLAGS
	mov	%r11, %gs:PP_R11
	rdfsbase %r11
	mov	%r11, %gs:PP_FS_BASE
	mov	%rax, %gs:PP_ORIG_RAX
	movq	$-38, %gs:PP_RAX
	mov	%rdi, %gs:PP_RDI
	mov	%rsi, %gs:PP_RSI
	mov	%rdx, %gs:PP_RDX
	mov	%r10, %gs:PP_R10
	mov	%r8, %gs:PP_R8
	mov	%r9, %gs:PP_R9
	mov	%rbx, %gs:PP_RBX
	mov	%rbp, %gs:PP_RBP
	mov	%r12, %gs:PP_R12
	mov	%r13, %gs:PP_R13
	mov	%r14, %gs:PP_R14
	mov	%r15, %gs:PP_R15
	cld
	cmp	$24, %rax			/* sched_yield */
	je	4f
	cmp	$202, %rax			/* futex */
	je	5f
3:	mov	%gs:PP_SELF, %rdi
	mov	$STUB_SYSCALL, %esi
	call	stub_request
	test	$CMD_FULL, %eax
	jnz	exit_full
	/* fall through */

/* Back behind a patched site: the callee-saved registers are still the guest's. */
	.globl exit_fast, exit_fast_end
exit_fast:
	cmpl	$0, %gs:PP_KICK
	jne	exit_kick
	mov	%gs:PP_SELF, %rsp
	lea	PP_STACK(%rsp), %rsp
	mov	%gs:PP_R11, %r11
	push	%r11
	popfq
	mov	%gs:PP_RCX, %rcx
	mov	%gs:PP_RDI, %rdi
	mov	%gs:PP_RSI, %rsi
	mov	%gs:PP_RDX, %rdx
	mov	%gs:PP_R10, %r10
	mov	%gs:PP_R8, %r8
	mov	%gs:PP_R9, %r9
	mov	%gs:PP_RAX, %rax
	/* The sentry has read these lines; the next request writes them: fetch them while the guest runs. */
	prefetchw %gs:PP_R15
	prefetchw %gs:PP_R9
	prefetchw %gs:PP_RIP
	mov	%gs:PP_RSP, %rsp
	jmp	*%gs:PP_RIP
exit_fast_end:

/* The guest gives the processor away: so does its host thread. */
4:	cmpl	$0, %gs:IDS_FROM_GS+IDS_YIELD_OK
	je	3b
	syscall
	movq	$0, %gs:PP_RAX
	jmp	exit_fast

/* Private futexes: much of it needs no sentry (futex.c). */
5:	mov	%gs:PP_SELF, %rdi
	call	stub_futex
	test	%eax, %eax
	jz	3b
	jmp	exit_fast

/* A kick came while the answer was there already: report it with the state that the guest would have. */
exit_kick:
	mov	%gs:PP_SELF, %rdi
	lea	PP_STACK(%rdi), %rsp
	mov	$STUB_INTR, %esi
	call	stub_request
	jmp	exit_full

/* Loads everything from the exchange page. struct guest_regs ends in what iretq pops. */
	.globl exit_full, exit_full_end
	.balign 16
exit_full:
	cmpl	$0, %gs:PP_KICK
	jne	exit_kick
	mov	%gs:PP_FS_BASE, %rax
	wrfsbase %rax
	mov	%gs:PP_SELF, %rsp
	mov	PP_GS_BASE(%rsp), %rax
	lea	PP_R15(%rsp), %rsp
	test	%rax, %rax
	jz	1f
	wrgsbase %rax
1:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	add	$8, %rsp
	iretq
exit_full_end:

/* Every signal, on the alternate stack of the thread's slot. gs is whatever the guest left. */
	.globl stub_signal
	.balign 16
stub_signal:
	mov	%rsp, %rbp
	mov	%rsp, %rcx
	and	$-SLOT_SIZE, %rcx
	and	$-16, %rsp
	call	stub_signal_c
	test	%eax, %eax
	jz	1f
	mov	%eax, %esi
	mov	%gs:PP_SELF, %rdi
	lea	PP_STACK(%rdi), %rsp
	call	stub_request
	jmp	exit_full
1:	lea	8(%rbp), %rsp
	.globl stub_restorer
stub_restorer:
	mov	$15, %eax
	syscall
	ud2

/* The zygote's SIGCHLD: only interrupts its ppoll. */
	.globl stub_nop
stub_nop:
	ret

/* u64 stub_load(const u64 *from, int *failed): a load that may fault; handler.c moves rip to the fix-up. */
	.globl stub_load, stub_load_insn, stub_load_fixup
stub_load:
	xor	%eax, %eax
	mov	%eax, (%rsi)
stub_load_insn:
	mov	(%rdi), %rax
	ret
/* u32 stub_load32(const u32 *from, int *failed) */
	.globl stub_load32, stub_load32_insn
stub_load32:
	xor	%eax, %eax
	mov	%eax, (%rsi)
stub_load32_insn:
	mov	(%rdi), %eax
	ret
stub_load_fixup:
	movl	$1, (%rsi)
	xor	%eax, %eax
	ret

/* A new thread: rsp is the slot. Other threads of the guest may run: no stack until the strict filter
 * holds. */
	.globl stub_thread_start
stub_thread_start:
	lea	SLOT_PP(%rsp), %rbx
	wrgsbase %rbx
	lea	SLOT_IDS(%rsp), %rbp
	mov	$131, %eax			/* sigaltstack */
	lea	IDS_SIGSTACK(%rbp), %rdi
	xor	%esi, %esi
	syscall
	test	%rax, %rax
	jnz	9f
	/* The constants page: the band is 2 MiB aligned and the text starts it. */
	lea	stub_image(%rip), %r12
	add	$STUB_CONST, %r12
	mov	$14, %eax			/* rt_sigprocmask(SIG_SETMASK, {}, NULL, 8) */
	mov	$2, %edi
	lea	CONST_ZERO(%r12), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
	mov	$157, %eax			/* prctl(PR_SET_SYSCALL_USER_DISPATCH, ON, text, len, NULL) */
	mov	$59, %edi
	mov	$1, %esi
	mov	CONST_TEXT(%r12), %rdx
	mov	CONST_TEXT_LEN(%r12), %r10
	xor	%r8d, %r8d
	syscall					/* may be missing: the filter below traps as well */
	mov	$317, %eax			/* seccomp(SET_MODE_FILTER, 0, app) */
	mov	$1, %edi
	xor	%esi, %esi
	lea	CONST_FPROG_APP(%r12), %rdx
	syscall
	test	%rax, %rax
	jnz	9f
	lea	PP_STACK(%rbx), %rsp
	mov	%rbx, %rdi
	mov	$STUB_READY, %esi
	call	stub_request
	jmp	exit_full
9:	mov	$231, %eax			/* exit_group: half a thread must not run the guest */
	mov	$1, %edi
	syscall
	ud2

/* The helper: rdi = band. Runs the orders of the space's read-only page. Registers only: the guest can
 * write every stack. r15 orders, r14 constants, r13d last sequence number, r12 current order, ebx orders
 * left, rbp the completion value. rsp is 0 (a cloned thread sees its slot there). */
	.globl stub_helper
stub_helper:
	lea	STUB_OPS(%rdi), %r15
	lea	STUB_CONST(%rdi), %r14
	xor	%r13d, %r13d
	xor	%esp, %esp
	lea	STUB_STACK(%rdi), %rdi
	mov	$STUB_STACK_SIZE, %esi
	mov	$11, %eax			/* munmap: the last stack */
	syscall
1:	mov	OPS_SEQ(%r15), %eax
	cmp	%r13d, %eax
	jne	2f
	mov	$202, %eax			/* futex(&seq, FUTEX_WAIT, last, NULL) */
	lea	OPS_SEQ(%r15), %rdi
	xor	%esi, %esi
	mov	%r13d, %edx
	xor	%r10d, %r10d
	syscall
	jmp	1b
2:	mov	%eax, %r13d
	mov	OPS_N(%r15), %ebx
	lea	OPS_OP(%r15), %r12
	lea	CONST_OK(%r14), %rbp
3:	test	%ebx, %ebx
	jz	8f
	mov	OP_NR(%r12), %rax
	mov	OP_ARGS(%r12), %rdi
	mov	OP_ARGS+8(%r12), %rsi
	mov	OP_ARGS+16(%r12), %rdx
	mov	OP_ARGS+24(%r12), %r10
	mov	OP_ARGS+32(%r12), %r8
	mov	OP_ARGS+40(%r12), %r9
	syscall
	test	%rsp, %rsp
	jnz	stub_thread_start
	cmp	$-4095, %rax
	jb	5f
	testl	$OP_IGNORE, OP_FLAGS(%r12)
	jnz	5f
	testl	$OP_MUST, OP_FLAGS(%r12)
	jnz	9f
	lea	CONST_ERROR(%r14), %rbp
	cmp	$-12, %rax
	jne	5f
	lea	CONST_ENOMEM(%r14), %rbp
5:	add	$OP_SIZE, %r12
	dec	%ebx
	jmp	3b
8:	mov	$1, %eax			/* write(done, completion, 8) */
	mov	OPS_DONE_FD(%r15), %edi
	mov	%rbp, %rsi
	mov	$8, %edx
	syscall
	jmp	1b
9:	mov	$231, %eax			/* exit_group */
	mov	$1, %edi
	syscall
	ud2

/* stub_jump(stack, function, argument) */
	.globl stub_jump
stub_jump:
	mov	%rdi, %rsp
	mov	%rdx, %rdi
	call	*%rsi
	ud2

/* The first thread of a stub, made by the child itself: stub_clone(flags, stack, ptid, ctid). */
	.globl stub_clone
stub_clone:
	mov	%rcx, %r10
	xor	%r8d, %r8d
	mov	$56, %eax
	mov	%rsi, %r9
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	test	%r9, %r9
	jnz	stub_thread_start
	ret

	.globl stub_start
stub_start:
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	zygote_start
	ud2

	.section .note.GNU-stack, "", @progbits
