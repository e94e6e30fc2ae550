/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions in general: by name, from attributes and back; registers; data. */
#include <errno.h>

#include "nf/nft.h"

const struct nft_expr_ops *nft_expr_find(const char *name)
{
	static const struct nft_expr_ops *const *const all[] = { nft_exprs_basic, nft_exprs_state, nft_exprs_count,
								 nft_exprs_nat,	  nft_exprs_set,   nft_exprs_xt };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (const struct nft_expr_ops *const *ops = all[i]; *ops; ops++) {
			if (strcmp((*ops)->name, name) == 0)
				return *ops;
		}
	}
	return NULL;
}

int nft_bytes_copy(uint8_t **ret, uint16_t *ret_len, const struct nfa *a)
{
	*ret = NULL;
	*ret_len = 0;
	if (!a->data || a->len == 0)
		return 0;
	*ret = malloc(a->len);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, a->data, a->len);
	*ret_len = a->len;
	return 0;
}

#define ATTRS_MAX 32

static int expr_make(const struct nft_ctx *ctx, struct nft_expr **ret, const struct nft_expr_ops *ops,
		     const struct nfa *data)
{
	struct nft_expr *e = calloc(1, ops->size);
	struct nfa tb[ATTRS_MAX + 1];
	int r;

	if (!e)
		return -ENOMEM;
	e->ops = ops;
	nfa_parse(tb, ATTRS_MAX, data->data, data->len);
	r = nft_bytes_copy(&e->attrs, &e->attrs_len, data);
	if (r == 0)
		r = ops->init(ctx, e, tb);
	if (r < 0) {
		free(e->attrs);
		free(e);
		return r;
	}
	if (!ctx->dead && ops->needs_ct)
		ctx->nf->need_ct++;
	if (!ctx->dead && ops->needs_nat)
		ctx->nf->need_nat++;
	if (ops->use)
		ops->use(ctx->nf, e, true);
	*ret = e;
	return 0;
}

int nft_expr_new(const struct nft_ctx *ctx, struct nft_expr **ret, const struct nfa *a)
{
	struct nfa tb[NFTA_EXPR_MAX + 1];
	const struct nft_expr_ops *ops;
	char name[32];

	nfa_nested(tb, NFTA_EXPR_MAX, a);
	if (!nfa_str(&tb[NFTA_EXPR_NAME], name, sizeof(name)))
		return -EINVAL;
	ops = nft_expr_find(name);
	if (!ops) {
		ctx->err->at = tb[NFTA_EXPR_NAME].data;
		return -ENOENT;
	}
	return expr_make(ctx, ret, ops, &tb[NFTA_EXPR_DATA]);
}

int nft_expr_clone(struct nf *nf, struct nft_expr **ret, const struct nft_expr *from)
{
	struct net_nf_error err = { 0 };
	struct nft_ctx ctx = { .nf = nf, .family = NFPROTO_INET, .err = &err, .dead = true };
	struct nfa data = { from->attrs, from->attrs_len };

	return expr_make(&ctx, ret, from->ops, &data);
}

/* The uses were given back before, with the rule's removal. */
void nft_expr_free(struct nf *nf, struct nft_expr *e)
{
	if (!e)
		return;
	if (e->ops->fini)
		e->ops->fini(nf, e);
	free(e->attrs);
	free(e);
}

void nft_expr_use(struct nf *nf, struct nft_expr *e, bool on)
{
	uint32_t one = on ? 1 : UINT32_MAX;

	if (e->ops->needs_ct)
		nf->need_ct += one;
	if (e->ops->needs_nat)
		nf->need_nat += one;
	if (e->ops->use)
		e->ops->use(nf, e, on);
}

void nft_expr_dump(const struct nft_expr *e, struct net_nf_buf *b, uint16_t type, bool reset)
{
	size_t nest = nfb_nest(b, type), data;

	nfb_str(b, NFTA_EXPR_NAME, e->ops->name);
	data = nfb_nest(b, NFTA_EXPR_DATA);
	if (e->ops->dump)
		e->ops->dump(e, b, reset);
	else
		nfb_raw(b, e->attrs, e->attrs_len);
	nfb_nest_end(b, data);
	nfb_nest_end(b, nest);
}

/* --- registers ------------------------------------------------------------------------------------------- */

/* NFT_REG_1..4 are 16 bytes each, NFT_REG32_00.. are 4: the same memory. */
static int reg_offset(const struct nfa *a, uint8_t *off, unsigned len)
{
	uint32_t reg = nfa_be32(a);
	uint32_t at;

	if (!a->data)
		return -EINVAL;
	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		at = reg * NFT_REG_SIZE;
	else if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15)
		at = (reg - NFT_REG32_00 + NFT_REG_SIZE / NFT_REG32_SIZE) * NFT_REG32_SIZE;
	else
		return -EINVAL;
	/* A value that is no multiple of a word has room for its padding. */
	if (len == 0 || len > NFT_KEY_MAX || at + ((len + 3) & ~3u) > NFT_REG_BYTES)
		return -ERANGE;
	*off = (uint8_t)at;
	return 0;
}

int nft_reg_load(const struct nfa *a, uint8_t *off, unsigned len)
{
	return reg_offset(a, off, len);
}

int nft_reg_store(const struct nfa *a, uint8_t *off, unsigned len)
{
	return reg_offset(a, off, len);
}

/* --- data --------------------------------------------------------------------------------------------------- */

static int read_verdict(const struct nft_ctx *ctx, struct nft_data *d, const struct nfa *a)
{
	struct nfa tb[NFTA_VERDICT_MAX + 1];

	nfa_nested(tb, NFTA_VERDICT_MAX, a);
	if (!tb[NFTA_VERDICT_CODE].data)
		return -EINVAL;
	d->is_verdict = true;
	d->verdict = (int32_t)nfa_be32(&tb[NFTA_VERDICT_CODE]);
	switch (d->verdict) {
	case NF_ACCEPT:
	case NF_DROP:
	case NFT_CONTINUE:
	case NFT_BREAK:
	case NFT_RETURN:
		return 0;
	case NFT_JUMP:
	case NFT_GOTO:
		break;
	default:
		/* NF_QUEUE: nobody reads queues. */
		return (d->verdict & NF_VERDICT_MASK) == NF_QUEUE ? -EOPNOTSUPP : -EINVAL;
	}
	if (tb[NFTA_VERDICT_CHAIN].data)
		d->chain = nft_chain_find(ctx->table, &tb[NFTA_VERDICT_CHAIN]);
	else if (tb[NFTA_VERDICT_CHAIN_ID].data) {
		struct nft_chain *c;

		list_for_each_entry(c, &ctx->table->chains, list)
		{
			if (c->id && c->id == nfa_be32(&tb[NFTA_VERDICT_CHAIN_ID]))
				d->chain = c;
		}
	}
	if (!d->chain)
		return -ENOENT;
	return d->chain->base ? -EOPNOTSUPP : 0;
}

int nft_data_read(const struct nft_ctx *ctx, struct nft_data *d, const struct nfa *a, unsigned max)
{
	struct nfa tb[NFTA_DATA_MAX + 1];

	memset(d, 0, sizeof(*d));
	if (!a->data)
		return -EINVAL;
	nfa_nested(tb, NFTA_DATA_MAX, a);
	if (tb[NFTA_DATA_VALUE].data) {
		if (tb[NFTA_DATA_VALUE].len == 0)
			return -EINVAL;
		if (tb[NFTA_DATA_VALUE].len > max)
			return -EOVERFLOW;
		d->len = tb[NFTA_DATA_VALUE].len;
		memcpy(d->bytes, tb[NFTA_DATA_VALUE].data, d->len);
		return 0;
	}
	if (tb[NFTA_DATA_VERDICT].data && ctx->table)
		return read_verdict(ctx, d, &tb[NFTA_DATA_VERDICT]);
	return -EINVAL;
}

void nft_data_put(struct net_nf_buf *b, uint16_t type, const struct nft_data *d)
{
	size_t nest = nfb_nest(b, type), verdict;

	if (!d->is_verdict) {
		nfb_put(b, NFTA_DATA_VALUE, d->bytes, d->len);
	} else {
		verdict = nfb_nest(b, NFTA_DATA_VERDICT);
		nfb_be32(b, NFTA_VERDICT_CODE, (uint32_t)d->verdict);
		if (d->chain)
			nfb_str(b, NFTA_VERDICT_CHAIN, d->chain->name);
		nfb_nest_end(b, verdict);
	}
	nfb_nest_end(b, nest);
}
