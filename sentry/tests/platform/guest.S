/* SPDX-License-Identifier: Apache-2.0 */
/* Guest programs of the platform tests: copied to GUEST_CODE, entered at one of the labels. Each talks to the
 * test by system calls of any number; registers are the arguments.
 */
	.section .rodata
	.balign 4096
	.globl guest_code, guest_code_end
guest_code:

/* A site that is patchable with +2 MiB; nothing around it changes a register or flag. */
	.globl g_loop
	.balign 64
g_loop:
	syscall
	nopl	(%rax)
	jmp	g_loop

/* The same with a site across two cache lines. */
	.globl g_crossing
	.balign 64
	.skip	63, 0x90
g_crossing:
	syscall
	nopl	(%rax)
	jmp	g_crossing

/* A window that is not in the user address space, and mov $nr, %eax before the site. */
	.globl g_mov
	.balign 64
	.skip	16, 0x90
g_mov:
	mov	$500, %eax
	syscall
	.byte	0xeb, 0xf7, 0x90	/* jmp g_mov; the third byte makes the displacement negative */
	nop

/* Calls number rdi, rsi times, adding the results in rbx; then call 501 with rbx. Bytes below rsp are the
 * red zone: filled, and compared after; rbp counts differences. */
	.globl g_count
	.balign 64
g_count:
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	mov	%rsi, %r12
1:	mov	$0x1122334455667788, %rdx
	mov	%rdx, -8(%rsp)
	mov	%rdx, -128(%rsp)
	mov	%rdi, %rax
	syscall
	nopl	(%rax)
	add	%rax, %rbx
	mov	$0x1122334455667788, %rdx
	cmp	%rdx, -8(%rsp)
	je	2f
	inc	%rbp
2:	cmp	%rdx, -128(%rsp)
	je	3f
	inc	%rbp
3:	dec	%r12
	jnz	1b
	mov	$501, %eax
	syscall
	ud2

/* Computes: rbx counts up; never calls. */
	.globl g_spin
g_spin:
	inc	%rbx
	jmp	g_spin

/* Call 502 for ever, counting in rbx, with a check that xmm0..xmm3 hold what was put there at the start. */
	.globl g_fpu
	.balign 64
g_fpu:
	movq	%rdi, %xmm0
	movq	%rsi, %xmm15
	pcmpeqd	%xmm1, %xmm1
	xor	%ebx, %ebx
1:	inc	%rbx
	mov	$502, %eax
	syscall
	nopl	(%rax)
	movq	%xmm0, %rax
	cmp	%rdi, %rax
	jne	2f
	movq	%xmm15, %rax
	cmp	%rsi, %rax
	jne	2f
	jmp	1b
2:	mov	$503, %eax
	syscall
	ud2

/* Faults. */
	.globl g_load, g_store, g_div, g_ud2, g_int3, g_call_reg
g_load:
	mov	(%rdi), %rax
	mov	$504, %eax
	syscall
g_store:
	mov	%rsi, (%rdi)
	mov	$504, %eax
	syscall
g_div:
	xor	%ecx, %ecx
	mov	$1, %eax
	cltd
	idiv	%ecx
g_ud2:
	ud2
g_int3:
	int3
	nop
	mov	$504, %eax
	syscall
/* Calls rdi with rsi, rdx as its first two arguments, then call 505 with its result in rdi. */
g_call_reg:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	call	*%rax
	mov	%rax, %rdi
	mov	$505, %eax
	syscall
	ud2

	.globl g_jump
g_jump:
	jmp	*%r15

	.globl g_int80
g_int80:
	int	$0x80
	mov	$504, %eax
	syscall

	.globl g_gs
	.balign 64
g_gs:
	mov	%gs:0, %rbx
	mov	$506, %eax
	syscall
	nopl	(%rax)
	jmp	g_gs

/* Stores rsi to [rdi] for ever. */
	.globl g_scribble
g_scribble:
	mov	%rsi, (%rdi)
	jmp	g_scribble

/* Fills the page at rdi with rsi, then call 504. */
	.globl g_fill
g_fill:
	mov	%rsi, %rax
	mov	$512, %ecx
	rep stosq
	mov	$504, %eax
	syscall
	ud2

	.balign 4096
guest_code_end:
	.section .note.GNU-stack, "", @progbits
