/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter of classic BPF programs. */
#include <linux/filter.h>

#include "bpf/bpf.h"
#include "util/bytes.h"

/* A number of @size bytes at @off, big endian. */
static bool load(const struct bpf_data *d, uint32_t off, uint32_t size, uint32_t *ret)
{
	uint8_t tmp[4];
	const uint8_t *at = tmp;

	if ((uint64_t)off + size <= d->head_len) {
		at = d->head + off;
	} else {
		if (off < BPF_OFF_NEG && (uint64_t)off + size > d->len)
			return false;
		if (!d->read || !d->read(d->ctx, off, tmp, size))
			return false;
	}
	*ret = size == 4 ? load_be32(at) : size == 2 ? load_be16(at) : *at;
	return true;
}

static uint32_t load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static bool alu(uint16_t code, uint32_t *a, uint32_t v)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		*a += v;
		break;
	case BPF_SUB:
		*a -= v;
		break;
	case BPF_MUL:
		*a *= v;
		break;
	case BPF_DIV:
		if (!v)
			return false;
		*a /= v;
		break;
	case BPF_MOD:
		if (!v)
			return false;
		*a %= v;
		break;
	case BPF_AND:
		*a &= v;
		break;
	case BPF_OR:
		*a |= v;
		break;
	case BPF_XOR:
		*a ^= v;
		break;
	case BPF_LSH: /* a shift by X is taken modulo 32, as the machine does */
		*a <<= v & 31;
		break;
	case BPF_RSH:
		*a >>= v & 31;
		break;
	case BPF_NEG:
		*a = 0 - *a;
		break;
	}
	return true;
}

static bool taken(uint16_t code, uint32_t a, uint32_t v)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == v;
	case BPF_JGT:
		return a > v;
	case BPF_JGE:
		return a >= v;
	default: /* BPF_JSET: cbpf_check() */
		return a & v;
	}
}

static bool ancillary(const struct bpf_data *d, uint32_t off, uint32_t *a, uint32_t x)
{
	uint32_t which = off - BPF_OFF_AD;

	if (which == BPF_AD_ALU_XOR_X) {
		*a ^= x;
		return true;
	}
	if (which >= BPF_AD_MAX)
		return false;
	if (!d->anc) {
		*a = 0;
		return true;
	}
	return d->anc(d->ctx, (enum bpf_anc)which, *a, x, a);
}

/* A switch over the instruction set: longer than other functions. */
uint32_t cbpf_run(const struct bpf_insn *prog, const struct bpf_data *data)
{
	uint32_t mem[BPF_SCRATCH] = {0};
	uint32_t a = 0, x = 0, v;

	for (const struct bpf_insn *in = prog;; in++) {
		switch (BPF_CLASS(in->code)) {
		case BPF_LD:
			switch (BPF_MODE(in->code)) {
			case BPF_ABS:
				if (in->k >= BPF_OFF_AD) {
					if (!ancillary(data, in->k, &a, x))
						return 0;
				} else if (!load(data, in->k, load_size(in->code), &a)) {
					return 0;
				}
				break;
			case BPF_IND:
				v = in->k + x;
				if (!load(data, v, load_size(in->code), &a))
					return 0;
				break;
			case BPF_LEN:
				a = data->len;
				break;
			case BPF_IMM:
				a = in->k;
				break;
			case BPF_MEM:
				a = mem[in->k];
				break;
			}
			break;
		case BPF_LDX:
			switch (BPF_MODE(in->code)) {
			case BPF_MSH:
				if (!load(data, in->k, 1, &v))
					return 0;
				x = (v & 0xf) << 2;
				break;
			case BPF_LEN:
				x = data->len;
				break;
			case BPF_IMM:
				x = in->k;
				break;
			case BPF_MEM:
				x = mem[in->k];
				break;
			}
			break;
		case BPF_ST:
			mem[in->k] = a;
			break;
		case BPF_STX:
			mem[in->k] = x;
			break;
		case BPF_ALU:
			if (!alu(in->code, &a, BPF_SRC(in->code) == BPF_X ? x : in->k))
				return 0;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_JA)
				in += in->k;
			else
				in += taken(in->code, a, BPF_SRC(in->code) == BPF_X ? x : in->k)
					      ? in->jt
					      : in->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(in->code) == BPF_A ? a : in->k;
		case BPF_MISC:
			if (BPF_MISCOP(in->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		}
	}
}
