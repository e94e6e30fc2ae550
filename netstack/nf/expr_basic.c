/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that move and compare bytes: immediate, cmp, range, bitwise, byteorder, payload, numgen, hash. */
#include <errno.h>

#include "nf/nft.h"
#include "wire/wire.h"

/* --- immediate: a value or a verdict ------------------------------------------------------------------ */

struct immediate {
	struct nft_expr e;
	uint8_t dreg;
	struct nft_data data;
};

static int immediate_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct immediate *x = container_of(e, struct immediate, e);
	int r = nft_data_read(ctx, &x->data, &tb[NFTA_IMMEDIATE_DATA], NFT_KEY_MAX);

	if (r < 0)
		return r;
	if (x->data.is_verdict)
		return nfa_be32(&tb[NFTA_IMMEDIATE_DREG]) == NFT_REG_VERDICT ? 0 : -EINVAL;
	return nft_reg_store(&tb[NFTA_IMMEDIATE_DREG], &x->dreg, x->data.len);
}

static void immediate_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct immediate *x = container_of(e, struct immediate, e);

	(void)p;
	if (x->data.is_verdict) {
		r->verdict = x->data.verdict;
		r->chain = x->data.chain;
	} else {
		memcpy(r->bytes + x->dreg, x->data.bytes, x->data.len);
	}
}

static void immediate_use(struct nf *nf, struct nft_expr *e, bool on)
{
	struct immediate *x = container_of(e, struct immediate, e);

	(void)nf;
	if (x->data.chain)
		x->data.chain->use += on ? 1 : UINT32_MAX;
}

static const struct nft_expr_ops immediate_ops = { .name = "immediate", .size = sizeof(struct immediate),
						   .max_attr = NFTA_IMMEDIATE_MAX, .init = immediate_init,
						   .eval = immediate_eval, .use = immediate_use };

const struct nft_data *nft_expr_verdict(const struct nft_expr *e)
{
	const struct immediate *x = container_of(e, const struct immediate, e);

	return e->ops == &immediate_ops && x->data.is_verdict ? &x->data : NULL;
}

/* --- cmp, range ------------------------------------------------------------------------------------------ */

struct cmp {
	struct nft_expr e;
	uint8_t sreg;
	uint32_t op;
	struct nft_data from, to;
};

static int cmp_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct cmp *x = container_of(e, struct cmp, e);
	int r = nft_data_read(ctx, &x->from, &tb[NFTA_CMP_DATA], NFT_KEY_MAX);

	x->op = nfa_be32(&tb[NFTA_CMP_OP]);
	if (r == 0 && (x->from.is_verdict || x->op > NFT_CMP_GTE))
		r = -EINVAL;
	return r < 0 ? r : nft_reg_load(&tb[NFTA_CMP_SREG], &x->sreg, x->from.len);
}

static void cmp_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct cmp *x = container_of(e, struct cmp, e);
	int d = memcmp(r->bytes + x->sreg, x->from.bytes, x->from.len);
	bool ok = false;

	(void)p;
	switch (x->op) {
	case NFT_CMP_EQ:
		ok = d == 0;
		break;
	case NFT_CMP_NEQ:
		ok = d != 0;
		break;
	case NFT_CMP_LT:
		ok = d < 0;
		break;
	case NFT_CMP_LTE:
		ok = d <= 0;
		break;
	case NFT_CMP_GT:
		ok = d > 0;
		break;
	case NFT_CMP_GTE:
		ok = d >= 0;
		break;
	}
	if (!ok)
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops cmp_ops = { .name = "cmp", .size = sizeof(struct cmp),
					     .max_attr = NFTA_CMP_MAX, .init = cmp_init,
					     .eval = cmp_eval };

static int range_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct cmp *x = container_of(e, struct cmp, e);
	int r = nft_data_read(ctx, &x->from, &tb[NFTA_RANGE_FROM_DATA], NFT_KEY_MAX);

	if (r == 0)
		r = nft_data_read(ctx, &x->to, &tb[NFTA_RANGE_TO_DATA], NFT_KEY_MAX);
	x->op = nfa_be32(&tb[NFTA_RANGE_OP]);
	if (r == 0 && (x->from.is_verdict || x->to.is_verdict || x->from.len != x->to.len ||
		       x->op > NFT_RANGE_NEQ))
		r = -EINVAL;
	return r < 0 ? r : nft_reg_load(&tb[NFTA_RANGE_SREG], &x->sreg, x->from.len);
}

static void range_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct cmp *x = container_of(e, struct cmp, e);
	bool in = memcmp(r->bytes + x->sreg, x->from.bytes, x->from.len) >= 0 &&
		  memcmp(r->bytes + x->sreg, x->to.bytes, x->from.len) <= 0;

	(void)p;
	if (in != (x->op == NFT_RANGE_EQ))
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops range_ops = { .name = "range", .size = sizeof(struct cmp),
					       .max_attr = NFTA_RANGE_MAX, .init = range_init,
					       .eval = range_eval };

/* --- bitwise, byteorder ---------------------------------------------------------------------------------- */

struct bitwise {
	struct nft_expr e;
	uint8_t sreg, dreg;
	uint32_t op, len, shift;
	struct nft_data mask, xor;
};

static int bitwise_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct bitwise *x = container_of(e, struct bitwise, e);
	struct nft_data shift;
	int r;

	x->op = nfa_be32(&tb[NFTA_BITWISE_OP]);
	x->len = nfa_be32(&tb[NFTA_BITWISE_LEN]);
	if (x->len == 0 || x->len > NFT_KEY_MAX || x->op > NFT_BITWISE_RSHIFT)
		return -EINVAL;
	if (x->op == NFT_BITWISE_BOOL) {
		r = nft_data_read(ctx, &x->mask, &tb[NFTA_BITWISE_MASK], NFT_KEY_MAX);
		if (r == 0)
			r = nft_data_read(ctx, &x->xor, &tb[NFTA_BITWISE_XOR], NFT_KEY_MAX);
		if (r == 0 && (x->mask.len != x->len || x->xor.len != x->len))
			r = -EINVAL;
	} else {
		r = nft_data_read(ctx, &shift, &tb[NFTA_BITWISE_DATA], 4);
		if (r == 0)
			memcpy(&x->shift, shift.bytes, 4);
		if (r == 0 && x->shift >= 32)
			r = -EINVAL;
	}
	if (r == 0)
		r = nft_reg_load(&tb[NFTA_BITWISE_SREG], &x->sreg, x->len);
	return r < 0 ? r : nft_reg_store(&tb[NFTA_BITWISE_DREG], &x->dreg, x->len);
}

/* Shifts run over the register's words, the first the highest. */
static void shift_words(struct bitwise *x, struct nft_regs *r)
{
	unsigned words = (x->len + 3) / 4;
	uint32_t *src = &r->word[x->sreg / 4], *dst = &r->word[x->dreg / 4], carry = 0;

	for (unsigned i = 0; i < words; i++) {
		unsigned at = x->op == NFT_BITWISE_LSHIFT ? words - 1 - i : i;
		uint32_t v = src[at];

		if (x->op == NFT_BITWISE_LSHIFT) {
			dst[at] = v << x->shift | carry;
			carry = x->shift ? v >> (32 - x->shift) : 0;
		} else {
			dst[at] = v >> x->shift | carry;
			carry = x->shift ? v << (32 - x->shift) : 0;
		}
	}
}

static void bitwise_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct bitwise *x = container_of(e, struct bitwise, e);

	(void)p;
	if (x->op != NFT_BITWISE_BOOL) {
		shift_words(x, r);
		return;
	}
	for (unsigned i = 0; i < x->len; i++)
		r->bytes[x->dreg + i] =
			(uint8_t)((r->bytes[x->sreg + i] & x->mask.bytes[i]) ^ x->xor.bytes[i]);
}

static const struct nft_expr_ops bitwise_ops = { .name = "bitwise", .size = sizeof(struct bitwise),
						 .max_attr = NFTA_BITWISE_MAX, .init = bitwise_init,
						 .eval = bitwise_eval };

static int byteorder_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct bitwise *x = container_of(e, struct bitwise, e);
	int r;

	(void)ctx;
	x->op = nfa_be32(&tb[NFTA_BYTEORDER_OP]);
	x->len = nfa_be32(&tb[NFTA_BYTEORDER_LEN]);
	x->shift = nfa_be32(&tb[NFTA_BYTEORDER_SIZE]);
	if ((x->shift != 2 && x->shift != 4 && x->shift != 8) || x->len == 0 || x->len > NFT_KEY_MAX ||
	    x->op > NFT_BYTEORDER_HTON)
		return -EINVAL;
	r = nft_reg_load(&tb[NFTA_BYTEORDER_SREG], &x->sreg, x->len);
	return r < 0 ? r : nft_reg_store(&tb[NFTA_BYTEORDER_DREG], &x->dreg, x->len);
}

static void byteorder_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct bitwise *x = container_of(e, struct bitwise, e);
	uint8_t tmp[NFT_KEY_MAX];

	(void)p;
	memcpy(tmp, r->bytes + x->sreg, x->len);
	for (unsigned i = 0; i + x->shift <= x->len; i += x->shift) {
		for (unsigned j = 0; j < x->shift; j++)
			r->bytes[x->dreg + i + j] = tmp[i + x->shift - 1 - j];
	}
}

static const struct nft_expr_ops byteorder_ops = { .name = "byteorder", .size = sizeof(struct bitwise),
						   .max_attr = NFTA_BYTEORDER_MAX, .init = byteorder_init,
						   .eval = byteorder_eval };

/* --- payload ------------------------------------------------------------------------------------------------ */

struct payload {
	struct nft_expr e;
	uint8_t reg;
	bool set;
	uint32_t base, off, len, csum_type, csum_flags;
};

static int payload_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct payload *x = container_of(e, struct payload, e);

	(void)ctx;
	x->base = nfa_be32(&tb[NFTA_PAYLOAD_BASE]);
	x->off = nfa_be32(&tb[NFTA_PAYLOAD_OFFSET]);
	x->len = nfa_be32(&tb[NFTA_PAYLOAD_LEN]);
	x->csum_type = nfa_be32(&tb[NFTA_PAYLOAD_CSUM_TYPE]);
	x->csum_flags = nfa_be32(&tb[NFTA_PAYLOAD_CSUM_FLAGS]);
	if (x->base > NFT_PAYLOAD_INNER_HEADER || x->off > UINT8_MAX || x->len == 0 || x->len > NFT_KEY_MAX)
		return -EINVAL;
	x->set = tb[NFTA_PAYLOAD_SREG].data != NULL;
	if (!x->set)
		return nft_reg_store(&tb[NFTA_PAYLOAD_DREG], &x->reg, x->len);
	if (x->base == NFT_PAYLOAD_LL_HEADER || x->base == NFT_PAYLOAD_INNER_HEADER)
		return -EOPNOTSUPP;
	return nft_reg_load(&tb[NFTA_PAYLOAD_SREG], &x->reg, x->len);
}

/* The frame's header is still in front of what was received. */
static bool load_link(const struct nf_pkt *p, const struct payload *x, uint8_t *to)
{
	const struct pkt *pkt = p->pkt;

	if (!p->in || p->in->kind != NET_LINK_ETHER || pkt->ip.local || pkt->off < ETH_HDR_LEN ||
	    x->off + x->len > ETH_HDR_LEN || pkt->l3_off != pkt->off)
		return false;
	memcpy(to, pkt->base + pkt->off - ETH_HDR_LEN + x->off, x->len);
	return true;
}

static bool base_of(const struct nf_pkt *p, uint32_t base, size_t *off)
{
	uint8_t doff;

	switch (base) {
	case NFT_PAYLOAD_NETWORK_HEADER:
		*off = 0;
		return true;
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		*off = p->th_off;
		return p->has_th;
	case NFT_PAYLOAD_INNER_HEADER:
		if (!p->has_th)
			return false;
		*off = p->th_off + 8u;
		if (p->proto == 6) {
			if (!nf_pkt_load(p, p->th_off + 12u, &doff, 1))
				return false;
			*off = p->th_off + 4u * (doff >> 4);
		}
		return true;
	default:
		return false;
	}
}

static void payload_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct payload *x = container_of(e, struct payload, e);
	uint8_t bytes[NFT_KEY_MAX + 2];
	uint8_t *reg = r->bytes + x->reg;
	size_t base;
	bool ok;

	if (!x->set && x->len % 4)
		r->word[(x->reg + x->len) / 4] = 0;
	if (x->base == NFT_PAYLOAD_LL_HEADER) {
		ok = load_link(p, x, reg);
	} else if (!base_of(p, x->base, &base)) {
		ok = false;
	} else if (!x->set) {
		ok = nf_pkt_load(p, base + x->off, reg, x->len);
	} else {
		/* Whole words are rewritten, so that the checksum can follow. */
		size_t at = (base + x->off) & ~(size_t)1, lead = (base + x->off) - at;
		size_t len = (lead + x->len + 1) & ~(size_t)1;

		ok = nf_pkt_load(p, at, bytes, len);
		if (ok) {
			memcpy(bytes + lead, reg, x->len);
			ok = nf_pkt_mangle(p, at, bytes, len, x->csum_flags & NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
		}
	}
	if (!ok)
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops payload_ops = { .name = "payload", .size = sizeof(struct payload),
						 .max_attr = NFTA_PAYLOAD_MAX, .init = payload_init,
						 .eval = payload_eval };

/* --- numgen, hash ------------------------------------------------------------------------------------------- */

struct numgen {
	struct nft_expr e;
	uint8_t sreg, dreg;
	uint32_t modulus, offset, type, len, seed, counter;
};

static int numgen_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct numgen *x = container_of(e, struct numgen, e);

	(void)ctx;
	x->modulus = nfa_be32(&tb[NFTA_NG_MODULUS]);
	x->offset = nfa_be32(&tb[NFTA_NG_OFFSET]);
	x->type = nfa_be32(&tb[NFTA_NG_TYPE]);
	x->counter = UINT32_MAX;
	if (x->modulus == 0 || x->offset + x->modulus - 1 < x->offset || x->type > NFT_NG_RANDOM)
		return -EINVAL;
	return nft_reg_store(&tb[NFTA_NG_DREG], &x->dreg, 4);
}

static void numgen_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct numgen *x = container_of(e, struct numgen, e);
	uint32_t v;

	if (x->type == NFT_NG_RANDOM) {
		v = rng_below(&p->nf->core->rng, x->modulus);
	} else {
		x->counter = x->counter + 1 < x->modulus ? x->counter + 1 : 0;
		v = x->counter;
	}
	r->word[x->dreg / 4] = v + x->offset;
}

static const struct nft_expr_ops numgen_ops = { .name = "numgen", .size = sizeof(struct numgen),
						.max_attr = NFTA_NG_MAX, .init = numgen_init,
						.eval = numgen_eval };

static int hash_expr_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct numgen *x = container_of(e, struct numgen, e);
	int r;

	x->modulus = nfa_be32(&tb[NFTA_HASH_MODULUS]);
	x->offset = nfa_be32(&tb[NFTA_HASH_OFFSET]);
	x->type = nfa_be32(&tb[NFTA_HASH_TYPE]);
	x->len = nfa_be32(&tb[NFTA_HASH_LEN]);
	x->seed = tb[NFTA_HASH_SEED].data ? nfa_be32(&tb[NFTA_HASH_SEED]) : rng_u32(&ctx->nf->core->rng);
	if (x->modulus == 0 || x->offset + x->modulus - 1 < x->offset || x->type > NFT_HASH_SYM)
		return -EINVAL;
	if (x->type == NFT_HASH_JENKINS) {
		if (x->len == 0 || x->len > NFT_KEY_MAX)
			return -ERANGE;
		r = nft_reg_load(&tb[NFTA_HASH_SREG], &x->sreg, x->len);
		if (r < 0)
			return r;
	}
	return nft_reg_store(&tb[NFTA_HASH_DREG], &x->dreg, 4);
}

static void hash_expr_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct numgen *x = container_of(e, struct numgen, e);
	uint32_t h;

	if (x->type == NFT_HASH_SYM) {
		struct net_addr a = nf_pkt_src(p), b = nf_pkt_dst(p);

		h = (uint32_t)hash_u64((a.quad[0] ^ b.quad[0]) + (a.quad[1] ^ b.quad[1]) + p->proto);
	} else {
		h = (uint32_t)(hash_bytes(r->bytes + x->sreg, x->len) ^ x->seed);
		h *= 2654435761u;
	}
	r->word[x->dreg / 4] = (uint32_t)((uint64_t)h * x->modulus >> 32) + x->offset;
}

static const struct nft_expr_ops hash_ops = { .name = "hash", .size = sizeof(struct numgen),
					      .max_attr = NFTA_HASH_MAX, .init = hash_expr_init,
					      .eval = hash_expr_eval };

const struct nft_expr_ops *const nft_exprs_basic[] = { &immediate_ops, &cmp_ops,    &range_ops,
						       &bitwise_ops,   &byteorder_ops, &payload_ops,
						       &numgen_ops,    &hash_ops,	 NULL };
