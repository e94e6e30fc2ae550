/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions that may fault on guest memory. A fault at an address in [safecopy_begin, safecopy_end)
 * continues at the label that the table safecopy_fixups names for the stretch it lies in.
 *
 *	size_t safecopy_asm(void *dst, const void *src, size_t len)	bytes NOT copied
 *	size_t safezero_asm(void *dst, size_t len)			bytes NOT zeroed
 *	int safe_load_asm(const uint32_t *src, uint32_t *ret)		0, or -1 after a fault
 *	int safe_cmpxchg_asm(uint32_t *p, uint32_t old, uint32_t new, uint32_t *seen)
 */
	.text
	.globl safecopy_asm, safezero_asm, safe_load_asm, safe_cmpxchg_asm, safecopy_fixups
	.hidden safecopy_asm, safezero_asm, safe_load_asm, safe_cmpxchg_asm, safecopy_fixups

	.type safecopy_asm, @function
	.balign 64
safecopy_asm:
	movq	%rdx, %rcx
	cmpq	$8, %rdx
	jb	.Lcopy_small
	cmpq	$16, %rdx
	jbe	.Lcopy_16
	cmpq	$256, %rdx
	ja	.Lcopy_rep
	/* 17..256 bytes: 16 at a time, %rcx is what is left at any moment; the tail overlaps. */
.Lcopy_vec:
	movdqu	(%rsi), %xmm0
	movdqu	%xmm0, (%rdi)
	addq	$16, %rsi
	addq	$16, %rdi
	subq	$16, %rcx
	cmpq	$16, %rcx
	jae	.Lcopy_vec
	testq	%rcx, %rcx
	jz	.Lcopy_done
	movdqu	-16(%rsi,%rcx), %xmm0
	movdqu	%xmm0, -16(%rdi,%rcx)
.Lcopy_vec_end:
.Lcopy_done:
	xorl	%eax, %eax
	ret
.Lcopy_16:
	movq	(%rsi), %rax
	movq	-8(%rsi,%rcx), %r8
	movq	%rax, (%rdi)
	movq	%r8, -8(%rdi,%rcx)
.Lcopy_16_end:
	xorl	%eax, %eax
	ret
.Lcopy_small:
	cmpq	$4, %rdx
	jb	.Lcopy_rep
.Lcopy_4:
	movl	(%rsi), %eax
	movl	-4(%rsi,%rcx), %r8d
	movl	%eax, (%rdi)
	movl	%r8d, -4(%rdi,%rcx)
.Lcopy_4_end:
	xorl	%eax, %eax
	ret
	/* Also where a fault in the vector part lands: finds the exact byte. */
.Lcopy_rep:
	rep movsb
.Lcopy_rep_end:
	movq	%rcx, %rax
	ret
	.size safecopy_asm, . - safecopy_asm

	.type safezero_asm, @function
	.balign 16
safezero_asm:
	movq	%rsi, %rcx
	xorl	%eax, %eax
.Lzero_rep:
	rep stosb
.Lzero_rep_end:
	movq	%rcx, %rax
	ret
	.size safezero_asm, . - safezero_asm

	.type safe_load_asm, @function
	.balign 16
safe_load_asm:
.Lload:
	movl	(%rdi), %eax
.Lload_end:
	movl	%eax, (%rsi)
	xorl	%eax, %eax
	ret
	.size safe_load_asm, . - safe_load_asm

	.type safe_cmpxchg_asm, @function
	.balign 16
safe_cmpxchg_asm:
	movl	%esi, %eax
.Lcmpxchg:
	lock cmpxchgl %edx, (%rdi)
.Lcmpxchg_end:
	movl	%eax, (%rcx)
	xorl	%eax, %eax
	ret
.Lword_fault:
	movl	$-1, %eax
	ret
	.size safe_cmpxchg_asm, . - safe_cmpxchg_asm

	/* {first, end, continue at}, offsets from the table; ends with zeros. */
	.section .rodata
	.balign 8
safecopy_fixups:
	.quad .Lcopy_vec - safecopy_fixups, .Lcopy_vec_end - safecopy_fixups, .Lcopy_rep - safecopy_fixups
	.quad .Lcopy_16 - safecopy_fixups, .Lcopy_16_end - safecopy_fixups, .Lcopy_rep - safecopy_fixups
	.quad .Lcopy_4 - safecopy_fixups, .Lcopy_4_end - safecopy_fixups, .Lcopy_rep - safecopy_fixups
	.quad .Lcopy_rep - safecopy_fixups, .Lcopy_rep_end - safecopy_fixups, .Lcopy_rep_end - safecopy_fixups
	.quad .Lzero_rep - safecopy_fixups, .Lzero_rep_end - safecopy_fixups, .Lzero_rep_end - safecopy_fixups
	.quad .Lload - safecopy_fixups, .Lload_end - safecopy_fixups, .Lword_fault - safecopy_fixups
	.quad .Lcmpxchg - safecopy_fixups, .Lcmpxchg_end - safecopy_fixups, .Lword_fault - safecopy_fixups
	.quad 0, 0, 0

	.section .note.GNU-stack, "", @progbits
