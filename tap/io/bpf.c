/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF: validator and interpreter. See tap/bpf.h for the trust placed in a program. */
#include "tap/bpf.h"

#include <errno.h>
#include <stdbool.h>

enum {
	/* classes */
	C_LD = 0,
	C_LDX = 1,
	C_ST = 2,
	C_STX = 3,
	C_ALU = 4,
	C_JMP = 5,
	C_RET = 6,
	C_MISC = 7,
	/* sizes */
	S_W = 0x00,
	S_H = 0x08,
	S_B = 0x10,
	/* modes */
	M_IMM = 0x00,
	M_ABS = 0x20,
	M_IND = 0x40,
	M_MEM = 0x60,
	M_LEN = 0x80,
	M_MSH = 0xa0,
	/* alu */
	A_ADD = 0x00,
	A_SUB = 0x10,
	A_MUL = 0x20,
	A_DIV = 0x30,
	A_OR = 0x40,
	A_AND = 0x50,
	A_LSH = 0x60,
	A_RSH = 0x70,
	A_NEG = 0x80,
	A_MOD = 0x90,
	A_XOR = 0xa0,
	/* jumps */
	J_JA = 0x00,
	J_JEQ = 0x10,
	J_JGT = 0x20,
	J_JGE = 0x30,
	J_JSET = 0x40,
	/* operand */
	K_X = 0x08,
	/* return value */
	R_K = 0x00,
	R_A = 0x10,
	/* misc */
	X_TAX = 0x00,
	X_TXA = 0x80,
};

static bool load_ok(const struct bpf_insn *in)
{
	switch (in->code) {
	case C_LD | S_W | M_ABS:
	case C_LD | S_H | M_ABS:
	case C_LD | S_B | M_ABS:
	case C_LD | S_W | M_IND:
	case C_LD | S_H | M_IND:
	case C_LD | S_B | M_IND:
	case C_LD | M_IMM:
	case C_LDX | M_IMM:
	case C_LD | S_W | M_LEN:
	case C_LDX | S_W | M_LEN:
	case C_LDX | S_B | M_MSH:
		return true;
	case C_LD | M_MEM:
	case C_LDX | M_MEM:
	case C_ST:
	case C_STX:
		return in->k < BPF_SCRATCH_WORDS;
	default:
		return false;
	}
}

static bool alu_ok(const struct bpf_insn *in)
{
	unsigned op = in->code & 0xf0u;
	bool imm = !(in->code & K_X);

	if (in->code & 0xff00u || op > A_XOR)
		return false;
	if (op == A_NEG)
		return imm;
	if ((op == A_DIV || op == A_MOD) && imm)
		return in->k != 0;
	if ((op == A_LSH || op == A_RSH) && imm)
		return in->k < 32;
	return true;
}

/* Jumps go forward only, inside the program: that is why every program ends. */
static bool jump_ok(const struct bpf_insn *in, size_t at, size_t n)
{
	size_t left = n - at - 1; /* instructions after this one */

	if (in->code & 0xff00u)
		return false;
	switch (in->code & 0xf8u) {
	case J_JA:
		return in->k < left;
	case J_JEQ:
	case J_JEQ | K_X:
	case J_JGT:
	case J_JGT | K_X:
	case J_JGE:
	case J_JGE | K_X:
	case J_JSET:
	case J_JSET | K_X:
		return in->jt < left && in->jf < left;
	default:
		return false;
	}
}

static bool insn_ok(const struct bpf_insn *in, size_t at, size_t n)
{
	switch (in->code & 0x07) {
	case C_LD:
	case C_LDX:
	case C_ST:
	case C_STX:
		return load_ok(in);
	case C_ALU:
		return alu_ok(in);
	case C_JMP:
		return jump_ok(in, at, n);
	case C_RET:
		return in->code == (C_RET | R_K) || in->code == (C_RET | R_A);
	default:
		return in->code == (C_MISC | X_TAX) || in->code == (C_MISC | X_TXA);
	}
}

int bpf_validate(const struct bpf_insn *prog, size_t n, size_t *ret_at)
{
	size_t at = 0;

	if (n >= 1 && n <= BPF_MAX_INSNS) {
		while (at < n && insn_ok(&prog[at], at, n))
			at++;
		if (at == n && (prog[n - 1].code & 0x07) == C_RET)
			return 0;
		if (at == n)
			at = n - 1;
	}
	if (ret_at)
		*ret_at = at;
	return -EINVAL;
}

struct frame_view {
	const struct iovec *iov;
	unsigned n_iov;
	uint32_t len;
};

static bool load_byte(const struct frame_view *v, uint32_t off, uint8_t *ret)
{
	for (unsigned i = 0; i < v->n_iov; i++) {
		if (off < v->iov[i].iov_len) {
			*ret = ((const uint8_t *)v->iov[i].iov_base)[off];
			return true;
		}
		off -= (uint32_t)v->iov[i].iov_len;
	}
	return false;
}

/* Big-endian load of 1, 2 or 4 bytes at base + k. */
static bool load(const struct frame_view *v, uint64_t off, unsigned size, uint32_t *ret)
{
	uint32_t sum = 0;

	if (off + size > v->len)
		return false;
	/* Nearly always all of it is in the first piece. */
	if (v->n_iov && off + size <= v->iov[0].iov_len) {
		const uint8_t *p = (const uint8_t *)v->iov[0].iov_base + off;

		for (unsigned i = 0; i < size; i++)
			sum = sum << 8 | p[i];
	} else {
		for (unsigned i = 0; i < size; i++) {
			uint8_t byte;

			if (!load_byte(v, (uint32_t)off + i, &byte))
				return false;
			sum = sum << 8 | byte;
		}
	}
	*ret = sum;
	return true;
}

/* Returns false when the program must reject: division by zero in X. */
static bool alu(uint32_t *a, unsigned op, uint32_t v)
{
	switch (op) {
	case A_ADD:
		*a += v;
		return true;
	case A_SUB:
		*a -= v;
		return true;
	case A_MUL:
		*a *= v;
		return true;
	case A_OR:
		*a |= v;
		return true;
	case A_AND:
		*a &= v;
		return true;
	case A_XOR:
		*a ^= v;
		return true;
	case A_LSH:
		*a = v < 32 ? *a << v : 0;
		return true;
	case A_RSH:
		*a = v < 32 ? *a >> v : 0;
		return true;
	case A_NEG:
		*a = 0u - *a;
		return true;
	case A_DIV:
	case A_MOD:
		if (!v)
			return false;
		*a = op == A_DIV ? *a / v : *a % v;
		return true;
	default:
		return false;
	}
}

static bool compare(uint32_t a, unsigned op, uint32_t v)
{
	switch (op) {
	case J_JEQ:
		return a == v;
	case J_JGT:
		return a > v;
	case J_JGE:
		return a >= v;
	default:
		return (a & v) != 0;
	}
}

static unsigned load_size(uint16_t code)
{
	return (code & 0x18u) == S_W ? 4 : (code & 0x18u) == S_H ? 2 : 1;
}

uint32_t bpf_run(const struct bpf_insn *prog, size_t n, const struct iovec *iov, unsigned n_iov,
		 uint32_t wire_len)
{
	struct frame_view v = {iov, n_iov, 0};
	uint32_t mem[BPF_SCRATCH_WORDS] = {0};
	uint32_t a = 0, x = 0;
	size_t have = 0;

	for (unsigned i = 0; i < n_iov; i++)
		have += iov[i].iov_len;
	v.len = have > wire_len ? wire_len : (uint32_t)have;

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *in = &prog[pc];
		uint32_t operand = in->code & K_X ? x : in->k;

		switch (in->code) {
		case C_RET | R_K:
			return in->k;
		case C_RET | R_A:
			return a;
		case C_LD | S_W | M_ABS:
		case C_LD | S_H | M_ABS:
		case C_LD | S_B | M_ABS:
			if (!load(&v, in->k, load_size(in->code), &a))
				return 0;
			break;
		case C_LD | S_W | M_IND:
		case C_LD | S_H | M_IND:
		case C_LD | S_B | M_IND:
			/* 32-bit wrap-around is how negative displacements are written. */
			if (!load(&v, (uint32_t)(x + in->k), load_size(in->code), &a))
				return 0;
			break;
		case C_LDX | S_B | M_MSH:
			if (!load(&v, in->k, 1, &x))
				return 0;
			x = (x & 0x0f) << 2;
			break;
		case C_LD | M_IMM:
			a = in->k;
			break;
		case C_LDX | M_IMM:
			x = in->k;
			break;
		case C_LD | S_W | M_LEN:
			a = wire_len;
			break;
		case C_LDX | S_W | M_LEN:
			x = wire_len;
			break;
		case C_LD | M_MEM:
			a = mem[in->k];
			break;
		case C_LDX | M_MEM:
			x = mem[in->k];
			break;
		case C_ST:
			mem[in->k] = a;
			break;
		case C_STX:
			mem[in->k] = x;
			break;
		case C_MISC | X_TAX:
			x = a;
			break;
		case C_MISC | X_TXA:
			a = x;
			break;
		case C_JMP | J_JA:
			pc += in->k;
			break;
		default:
			if ((in->code & 0x07) == C_ALU) {
				if (!alu(&a, in->code & 0xf0u, operand))
					return 0;
			} else {
				pc += compare(a, in->code & 0xf0u, operand) ? in->jt : in->jf;
			}
		}
	}
	return 0;
}
