/* SPDX-License-Identifier: Apache-2.0 */
/* netstack/nf.h for nftables: which message is handled where. */
#include <errno.h>

#include "nf/nft_msg.h"
#include "nf/api.h"

bool nfa_is(const struct nfa *a, const char *s)
{
	size_t n = strlen(s);

	return a->data && strnlen((const char *)a->data, a->len) == n && memcmp(a->data, s, n) == 0;
}

void nft_number_name(char *to, const char *prefix, uint64_t n)
{
	char digits[21], *d = digits + sizeof(digits) - 1;
	size_t len = MIN(strlen(prefix), (size_t)NFT_NAME_MAXLEN - sizeof(digits));

	*d = '\0';
	do {
		*--d = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	memmove(to, prefix, len);
	memcpy(to + len, d, strlen(d) + 1);
}

void nft_begin(struct nf *nf)
{
	nf->in_batch = true;
	nf->batch_changes = 0;
}

/* What every message but that of a table needs: its table, named by the first attribute. */
static int in_table(struct nft_ctx *ctx, const struct nfa *tb, bool destroy)
{
	ctx->table = nft_table_find(ctx->nf, &tb[NFTA_CHAIN_TABLE], ctx->family);
	if (ctx->table)
		return 0;
	ctx->err->at = tb[NFTA_CHAIN_TABLE].data;
	return destroy ? 1 : -ENOENT;
}

static int apply(struct nft_ctx *ctx, uint8_t type, const struct nfa *tb)
{
	bool destroy = type >= NFT_MSG_DESTROYTABLE_;
	int r;

	switch (type) {
	case NFT_MSG_NEWTABLE:
		r = nft_new_table(ctx, tb);
		if (r == 0)
			nft_tell_table(ctx, ctx->table, false);
		return r;
	case NFT_MSG_DELTABLE:
	case NFT_MSG_DESTROYTABLE_:
		return nft_del_table(ctx, tb, destroy);
	default:
		break;
	}
	r = in_table(ctx, tb, destroy);
	if (r)
		return r < 0 ? r : 0;
	switch (type) {
	case NFT_MSG_NEWCHAIN:
		r = nft_new_chain(ctx, tb);
		if (r == 0)
			nft_tell_chain(ctx, ctx->chain, false);
		return r;
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DESTROYTABLE_ + 1:
		return nft_del_chain(ctx, tb, destroy);
	case NFT_MSG_NEWRULE:
		return nft_new_rule(ctx, tb);
	case NFT_MSG_DELRULE:
	case NFT_MSG_DESTROYTABLE_ + 2:
		return nft_del_rule(ctx, tb, destroy);
	case NFT_MSG_NEWSET:
		return nft_new_set(ctx, tb);
	case NFT_MSG_DELSET:
	case NFT_MSG_DESTROYTABLE_ + 3:
		return nft_del_set(ctx, tb, destroy);
	case NFT_MSG_NEWSETELEM:
		return nft_new_elems(ctx, tb);
	case NFT_MSG_DELSETELEM:
	case NFT_MSG_DESTROYTABLE_ + 4:
		return nft_del_elems(ctx, tb, destroy);
	case NFT_MSG_NEWOBJ:
		return nft_new_obj(ctx, tb);
	case NFT_MSG_DELOBJ:
	case NFT_MSG_DESTROYTABLE_ + 5:
		return nft_del_obj(ctx, tb, destroy);
	case NFT_MSG_NEWFLOWTABLE:
	case NFT_MSG_DELFLOWTABLE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

int nft_apply(struct nf *nf, uint8_t type, uint8_t family, uint16_t flags, const uint8_t *attrs, size_t len,
	      struct net_nf_buf *notify, struct net_nf_error *err)
{
	struct nft_ctx ctx = { .nf = nf, .family = family, .flags = flags, .err = err, .notify = notify };
	struct nfa tb[32];

	nfa_parse(tb, ARRAY_LEN(tb) - 1, attrs, len);
	return apply(&ctx, type, tb);
}
