/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that ask sets: lookup, dynset, objref. */
#include <errno.h>

#include "nf/nft.h"

struct lookup {
	struct nft_expr e;
	uint8_t sreg, dreg, sreg_data;
	bool has_dreg, invert, has_data;
	struct nft_set *set;
	/* dynset */
	uint32_t op;
	net_dur timeout;
	struct nft_expr *exprs[2];
	/* objref */
	struct nft_obj *obj;
	uint32_t obj_type;
};

static void lookup_use(struct nf *nf, struct nft_expr *e, bool on)
{
	struct lookup *x = container_of(e, struct lookup, e);
	uint32_t one = on ? 1 : UINT32_MAX;

	(void)nf;
	if (x->set)
		x->set->use += one;
	if (x->obj)
		x->obj->use += one;
}

static int lookup_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct lookup *x = container_of(e, struct lookup, e);
	int r;

	x->set = ctx->table ? nft_set_find(ctx->table, &tb[NFTA_LOOKUP_SET], &tb[NFTA_LOOKUP_SET_ID]) : NULL;
	if (!x->set) {
		ctx->err->at = tb[NFTA_LOOKUP_SET].data;
		return -ENOENT;
	}
	x->invert = nfa_be32(&tb[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV;
	r = nft_reg_load(&tb[NFTA_LOOKUP_SREG], &x->sreg, x->set->key_len);
	if (r < 0 || !tb[NFTA_LOOKUP_DREG].data)
		return r;
	if (x->invert || !(x->set->flags & NFT_SET_MAP))
		return -EINVAL;
	x->has_dreg = true;
	if (x->set->data_type == NFT_DATA_VERDICT)
		return nfa_be32(&tb[NFTA_LOOKUP_DREG]) == NFT_REG_VERDICT ? 0 : -EINVAL;
	return nft_reg_store(&tb[NFTA_LOOKUP_DREG], &x->dreg, x->set->data_len);
}

static void lookup_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct lookup *x = container_of(e, struct lookup, e);
	struct nft_elem *el = nft_set_lookup(x->set, r->bytes + x->sreg, p->nf->core->now);

	if (!el == !x->invert) {
		r->verdict = NFT_BREAK;
		return;
	}
	if (!el)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(el->exprs) && r->verdict == NFT_CONTINUE; i++) {
		if (el->exprs[i])
			el->exprs[i]->ops->eval(el->exprs[i], r, p);
	}
	if (!x->has_dreg || r->verdict != NFT_CONTINUE)
		return;
	if (el->data.is_verdict) {
		r->verdict = el->data.verdict;
		r->chain = el->data.chain;
	} else {
		memcpy(r->bytes + x->dreg, el->data.bytes, el->data.len);
	}
}

/* As it came, with the name that an anonymous set has got since. */
static void dump_with_name(const struct nft_expr *e, struct net_nf_buf *b, uint16_t name_attr,
			   uint16_t id_attr, const char *name)
{
	struct nfa a;
	uint16_t type;
	size_t pos = 0;

	nfb_str(b, name_attr, name);
	while (nfa_next(e->attrs, e->attrs_len, &pos, &type, &a)) {
		if (type != name_attr && type != id_attr)
			nfb_put(b, type, a.data, a.len);
	}
}

static void lookup_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	const struct lookup *x = container_of(e, const struct lookup, e);

	(void)reset;
	dump_with_name(e, b, NFTA_LOOKUP_SET, NFTA_LOOKUP_SET_ID, x->set->name);
}

static const struct nft_expr_ops lookup_ops = { .name = "lookup", .size = sizeof(struct lookup),
						.max_attr = NFTA_LOOKUP_MAX, .init = lookup_init,
						.eval = lookup_eval, .use = lookup_use,
						.dump = lookup_dump };

unsigned nft_expr_sets(const struct nft_expr *e, struct nft_set **ret)
{
	const struct lookup *x = container_of(e, const struct lookup, e);

	if (e->ops != &lookup_ops)
		return 0;
	ret[0] = x->set;
	return 1;
}

/* --- dynset --------------------------------------------------------------------------------------------- */

static int dynset_exprs(const struct nft_ctx *ctx, struct lookup *x, const struct nfa *tb)
{
	struct nfa a;
	uint16_t type;
	size_t pos = 0;
	unsigned n = 0;
	struct nft_ctx dead = *ctx;
	int r = 0;

	dead.dead = true;
	if (tb[NFTA_DYNSET_EXPR].data)
		return nft_expr_new(&dead, &x->exprs[0], &tb[NFTA_DYNSET_EXPR]);
	while (r == 0 && nfa_next(tb[NFTA_DYNSET_EXPRESSIONS].data, tb[NFTA_DYNSET_EXPRESSIONS].len, &pos, &type,
				  &a)) {
		if (n == ARRAY_LEN(x->exprs))
			return -E2BIG;
		r = nft_expr_new(&dead, &x->exprs[n++], &a);
	}
	return r;
}

static int dynset_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct lookup *x = container_of(e, struct lookup, e);
	int r;

	x->set = ctx->table ? nft_set_find(ctx->table, &tb[NFTA_DYNSET_SET_NAME], &tb[NFTA_DYNSET_SET_ID])
			    : NULL;
	if (!x->set)
		return -ENOENT;
	x->op = nfa_be32(&tb[NFTA_DYNSET_OP]);
	x->invert = nfa_be32(&tb[NFTA_DYNSET_FLAGS]) & NFT_DYNSET_F_INV;
	if (x->op > NFT_DYNSET_OP_DELETE || (x->set->flags & (NFT_SET_INTERVAL | NFT_SET_CONSTANT)))
		return -EOPNOTSUPP;
	if (tb[NFTA_DYNSET_TIMEOUT].data) {
		if (!(x->set->flags & NFT_SET_TIMEOUT))
			return -EOPNOTSUPP;
		x->timeout = NET_MS((net_dur)MIN(nfa_be64(&tb[NFTA_DYNSET_TIMEOUT]), (uint64_t)1 << 42));
	}
	r = nft_reg_load(&tb[NFTA_DYNSET_SREG_KEY], &x->sreg, x->set->key_len);
	if (r == 0 && tb[NFTA_DYNSET_SREG_DATA].data) {
		if (!(x->set->flags & NFT_SET_MAP) || x->set->data_type == NFT_DATA_VERDICT)
			return -EOPNOTSUPP;
		x->has_data = true;
		r = nft_reg_load(&tb[NFTA_DYNSET_SREG_DATA], &x->sreg_data, x->set->data_len);
	} else if (r == 0 && (x->set->flags & NFT_SET_MAP)) {
		r = -EINVAL;
	}
	return r < 0 ? r : dynset_exprs(ctx, x, tb);
}

static void dynset_fini(struct nf *nf, struct nft_expr *e)
{
	struct lookup *x = container_of(e, struct lookup, e);

	for (unsigned i = 0; i < ARRAY_LEN(x->exprs); i++)
		nft_expr_free(nf, x->exprs[i]);
}

static struct nft_elem *dynset_element(struct lookup *x, struct nft_regs *r, struct nf_pkt *p)
{
	struct nf *nf = p->nf;
	struct nft_elem *el = nft_set_lookup(x->set, r->bytes + x->sreg, nf->core->now);

	if (el || x->op == NFT_DYNSET_OP_DELETE)
		return el;
	el = nft_set_add_dynamic(nf, x->set, r->bytes + x->sreg, x->timeout);
	if (!el)
		return NULL;
	if (x->has_data) {
		el->data.len = x->set->data_len;
		memcpy(el->data.bytes, r->bytes + x->sreg_data, el->data.len);
	}
	for (unsigned i = 0; i < ARRAY_LEN(el->exprs); i++) {
		if (!el->exprs[i] && x->exprs[i])
			(void)nft_expr_clone(nf, &el->exprs[i], x->exprs[i]);
	}
	return el;
}

static void dynset_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct lookup *x = container_of(e, struct lookup, e);
	struct nft_elem *el = dynset_element(x, r, p);

	if (!el) {
		r->verdict = NFT_BREAK;
		return;
	}
	if (x->op == NFT_DYNSET_OP_DELETE) {
		nft_set_remove(p->nf, x->set, el);
		return;
	}
	if (x->op == NFT_DYNSET_OP_UPDATE && el->timeout) {
		net_dur timeout = x->timeout ? x->timeout : el->timeout;

		el->expires = p->nf->core->now + timeout;
	}
	for (unsigned i = 0; i < ARRAY_LEN(el->exprs) && r->verdict == NFT_CONTINUE; i++) {
		if (el->exprs[i])
			el->exprs[i]->ops->eval(el->exprs[i], r, p);
	}
	if (x->invert)
		r->verdict = r->verdict == NFT_BREAK ? NFT_CONTINUE : NFT_BREAK;
}

static void dynset_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	const struct lookup *x = container_of(e, const struct lookup, e);

	(void)reset;
	dump_with_name(e, b, NFTA_DYNSET_SET_NAME, NFTA_DYNSET_SET_ID, x->set->name);
}

static const struct nft_expr_ops dynset_ops = { .name = "dynset", .size = sizeof(struct lookup),
						.max_attr = NFTA_DYNSET_MAX, .init = dynset_init,
						.eval = dynset_eval, .fini = dynset_fini,
						.use = lookup_use, .dump = dynset_dump };

/* --- objref ---------------------------------------------------------------------------------------------- */

static int objref_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct lookup *x = container_of(e, struct lookup, e);

	if (!ctx->table)
		return -EINVAL;
	if (tb[NFTA_OBJREF_SET_SREG].data) {
		x->set = nft_set_find(ctx->table, &tb[NFTA_OBJREF_SET_NAME], &tb[NFTA_OBJREF_SET_ID]);
		if (!x->set)
			return -ENOENT;
		if (!(x->set->flags & NFT_SET_OBJECT))
			return -EINVAL;
		return nft_reg_load(&tb[NFTA_OBJREF_SET_SREG], &x->sreg, x->set->key_len);
	}
	x->obj_type = nfa_be32(&tb[NFTA_OBJREF_IMM_TYPE]);
	x->obj = nft_obj_find(ctx->table, &tb[NFTA_OBJREF_IMM_NAME], x->obj_type);
	return x->obj ? 0 : -ENOENT;
}

static void objref_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct lookup *x = container_of(e, struct lookup, e);
	struct nft_obj *obj = x->obj;

	if (x->set) {
		struct nft_elem *el = nft_set_lookup(x->set, r->bytes + x->sreg, p->nf->core->now);

		obj = el ? el->obj : NULL;
	}
	if (!obj) {
		r->verdict = NFT_BREAK;
		return;
	}
	obj->expr->ops->eval(obj->expr, r, p);
}

static void objref_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	const struct lookup *x = container_of(e, const struct lookup, e);

	(void)reset;
	if (x->set)
		dump_with_name(e, b, NFTA_OBJREF_SET_NAME, NFTA_OBJREF_SET_ID, x->set->name);
	else
		nfb_raw(b, e->attrs, e->attrs_len);
}

static const struct nft_expr_ops objref_ops = { .name = "objref", .size = sizeof(struct lookup),
						.max_attr = NFTA_OBJREF_MAX, .init = objref_init,
						.eval = objref_eval, .use = lookup_use,
						.dump = objref_dump };

const struct nft_expr_ops *const nft_exprs_set[] = { &lookup_ops, &dynset_ops, &objref_ops, NULL };
