/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier of classic BPF programs. */
#include <errno.h>
#include <linux/filter.h>

#include "bpf/bpf.h"

/* Every instruction there is, and what of it has to be looked at. */
static bool known(const struct bpf_insn *in)
{
	switch (in->code) {
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_MOD | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG:
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_X:
		return true;
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return in->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return in->k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return in->k < BPF_SCRATCH;
	default:
		return false;
	}
}

/* Absolute loads of ancillary data name one that exists. */
static bool ancillary_ok(const struct bpf_insn *in)
{
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
		return in->k < BPF_OFF_AD ||
		       (in->k < BPF_OFF_AD + BPF_AD_MAX && in->k % 4 == 0);
	default:
		return true;
	}
}

static bool is_return(const struct bpf_insn *in)
{
	return in->code == (BPF_RET | BPF_K) || in->code == (BPF_RET | BPF_A);
}

/* Whether the jumps of instruction @i land inside. */
static bool jumps_ok(const struct bpf_insn *prog, size_t n, size_t i)
{
	const struct bpf_insn *in = &prog[i];

	if (BPF_CLASS(in->code) != BPF_JMP)
		return true;
	if (BPF_OP(in->code) == BPF_JA)
		return in->k < n - i - 1;
	return i + 1 + in->jt < n && i + 1 + in->jf < n;
}

static void meet(uint16_t *masks, size_t at, uint16_t valid)
{
	masks[at] &= valid;
}

/* Memory is written before it is read, on every path. Jumps go forward only, so that one pass
 * suffices: masks[i] has the words that all ways to i have written. */
static bool memory_ok(const struct bpf_insn *prog, size_t n)
{
	uint16_t masks[BPF_INSNS_MAX + 1];
	uint16_t valid = 0;

	for (size_t i = 0; i <= n; i++)
		masks[i] = UINT16_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct bpf_insn *in = &prog[i];

		valid &= masks[i];
		switch (in->code) {
		case BPF_ST:
		case BPF_STX:
			valid |= (uint16_t)(1u << in->k);
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(valid >> in->k & 1))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			meet(masks, i + 1 + in->k, valid);
			valid = UINT16_MAX;
			break;
		default:
			if (BPF_CLASS(in->code) == BPF_JMP) {
				meet(masks, i + 1 + in->jt, valid);
				meet(masks, i + 1 + in->jf, valid);
				valid = UINT16_MAX;
			}
		}
	}
	return true;
}

int cbpf_check(const struct bpf_insn *prog, size_t n)
{
	if (n == 0 || n > BPF_INSNS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!known(&prog[i]) || !ancillary_ok(&prog[i]) || !jumps_ok(prog, n, i))
			return -EINVAL;
	if (!is_return(&prog[n - 1]) || !memory_ok(prog, n))
		return -EINVAL;
	return 0;
}
