/* SPDX-License-Identifier: Apache-2.0 */
/* The expressions that hold extensions of xtables: match and target. */
#include "nf/xt.h"

#include <errno.h>
#include <linux/netfilter/nf_tables_compat.h>

struct xt {
	struct nft_expr e;
	const struct xt_ext *ext;
	uint64_t info[XT_INFO_MAX / 8];
};

static const struct xt_ext *find(const struct xt_ext *all, uint8_t family, const char *name, uint32_t revision)
{
	for (; all->name; all++) {
		if (strcmp(all->name, name) == 0 && all->revision == revision &&
		    (all->family == NFPROTO_UNSPEC || family == NFPROTO_UNSPEC || all->family == family))
			return all;
	}
	return NULL;
}

/* NFTA_MATCH_* and NFTA_TARGET_* have the same numbers. */
static int init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb, const struct xt_ext *all)
{
	struct xt *x = container_of(e, struct xt, e);
	const struct nft_chain *c = ctx->chain;
	char name[32];

	if (!nfa_str(&tb[NFTA_MATCH_NAME], name, sizeof(name)) || !tb[NFTA_MATCH_REV].data)
		return -EINVAL;
	x->ext = find(all, ctx->family, name, nfa_be32(&tb[NFTA_MATCH_REV]));
	if (!x->ext)
		return -ENOENT;
	if (tb[NFTA_MATCH_INFO].len < x->ext->size || tb[NFTA_MATCH_INFO].len > XT_INFO_MAX)
		return -EINVAL;
	if (tb[NFTA_MATCH_INFO].len)
		memcpy(x->info, tb[NFTA_MATCH_INFO].data, tb[NFTA_MATCH_INFO].len);
	if (x->ext->needs_nat && c && c->base && c->type != NFT_TYPE_NAT)
		return -EINVAL;
	return x->ext->check ? x->ext->check(x->info) : 0;
}

static int match_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	return init(ctx, e, tb, xt_matches);
}

static int target_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	return init(ctx, e, tb, xt_targets);
}

static void use(struct nf *nf, struct nft_expr *e, bool on)
{
	struct xt *x = container_of(e, struct xt, e);
	uint32_t one = on ? 1 : UINT32_MAX;

	if (x->ext->needs_ct)
		nf->need_ct += one;
	if (x->ext->needs_nat)
		nf->need_nat += one;
}

static void match_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct xt *x = container_of(e, struct xt, e);

	if (!x->ext->match(x->info, p))
		r->verdict = NFT_BREAK;
}

static void target_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct xt *x = container_of(e, struct xt, e);

	r->verdict = x->ext->act(x->info, p);
}

static const struct nft_expr_ops match_ops = { .name = "match", .size = sizeof(struct xt),
					       .max_attr = NFTA_MATCH_MAX, .init = match_init,
					       .eval = match_eval, .use = use };
static const struct nft_expr_ops target_ops = { .name = "target", .size = sizeof(struct xt),
						.max_attr = NFTA_TARGET_MAX, .init = target_init,
						.eval = target_eval, .use = use };

const struct nft_expr_ops *const nft_exprs_xt[] = { &match_ops, &target_ops, NULL };

int net_nft_compat_revision(uint8_t family, const char *name, uint32_t revision, bool target)
{
	return find(target ? xt_targets : xt_matches, family, name, revision) ? 0 : -ENOENT;
}
