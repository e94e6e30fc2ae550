/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that remember: counter, limit, quota, last, connlimit; and log. The first ones may stand in rules,
 * in elements of sets, and alone as named objects. */
#include <errno.h>

#include "nf/nft.h"

/* --- counter -------------------------------------------------------------------------------------------- */

struct counter {
	struct nft_expr e;
	uint64_t packets, bytes;
};

static int counter_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct counter *x = container_of(e, struct counter, e);

	(void)ctx;
	x->packets = nfa_be64(&tb[NFTA_COUNTER_PACKETS]);
	x->bytes = nfa_be64(&tb[NFTA_COUNTER_BYTES]);
	return 0;
}

static void counter_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct counter *x = container_of(e, struct counter, e);

	(void)r;
	x->packets++;
	x->bytes += p->pkt->len;
}

static void counter_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	struct counter *x = container_of((struct nft_expr *)(uintptr_t)e, struct counter, e);

	nfb_be64(b, NFTA_COUNTER_BYTES, x->bytes);
	nfb_be64(b, NFTA_COUNTER_PACKETS, x->packets);
	if (reset)
		x->packets = x->bytes = 0;
}

static const struct nft_expr_ops counter_ops = { .name = "counter", .size = sizeof(struct counter),
						 .max_attr = NFTA_COUNTER_MAX, .init = counter_init,
						 .eval = counter_eval, .dump = counter_dump,
						 .stateful = true };

/* --- limit: a token bucket in units of time -------------------------------------------------------------- */

struct limit {
	struct nft_expr e;
	uint64_t rate, unit_s;
	uint32_t burst, type;
	bool invert;
	net_dur cost;	/* of one packet, or of @rate bytes' worth: ns */
	net_dur tokens, max;
	net_time last;
};

/* Time that @n of @rate per second take. */
static net_dur time_of(uint64_t n, uint64_t rate)
{
	uint64_t rest = n % rate;

	return (net_dur)(n / rate * 1000000000u +
			 (rate < 1000000000u ? rest * 1000000000u / rate : rest / (rate / 1000000000u)));
}

static int limit_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct limit *x = container_of(e, struct limit, e);

	x->rate = nfa_be64(&tb[NFTA_LIMIT_RATE]);
	x->unit_s = nfa_be64(&tb[NFTA_LIMIT_UNIT]);
	x->burst = nfa_be32(&tb[NFTA_LIMIT_BURST]);
	x->type = nfa_be32(&tb[NFTA_LIMIT_TYPE]);
	x->invert = nfa_be32(&tb[NFTA_LIMIT_FLAGS]) & NFT_LIMIT_F_INV;
	if (!tb[NFTA_LIMIT_RATE].data || !tb[NFTA_LIMIT_UNIT].data || x->rate == 0 || x->unit_s == 0 ||
	    x->type > NFT_LIMIT_PKT_BYTES)
		return -EINVAL;
	if (x->unit_s > 86400 * 366 || x->rate > 1000000000000ull)
		return -EOVERFLOW;
	if (x->type == NFT_LIMIT_PKTS && x->burst == 0)
		x->burst = 5;
	x->cost = time_of(x->unit_s, x->rate);
	/* Packets: the burst; bytes: a unit's worth and the burst. */
	if (x->type == NFT_LIMIT_PKTS)
		x->max = x->cost * (net_dur)x->burst;
	else
		x->max = time_of(x->unit_s, 1) + time_of(x->burst * x->unit_s, x->rate);
	x->tokens = x->max;
	x->last = ctx->nf->core->now;
	return 0;
}

static void limit_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct limit *x = container_of(e, struct limit, e);
	net_time now = p->nf->core->now;
	net_dur cost = x->cost;
	bool over;

	if (x->type == NFT_LIMIT_PKT_BYTES)
		cost = time_of(x->unit_s * p->pkt->len, x->rate);
	x->tokens = MIN(x->tokens + (now - x->last), x->max);
	x->last = now;
	over = x->tokens < cost;
	if (!over)
		x->tokens -= cost;
	if (over != x->invert)
		r->verdict = NFT_BREAK;
}

static void limit_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	const struct limit *x = container_of(e, const struct limit, e);

	(void)reset;
	nfb_be64(b, NFTA_LIMIT_RATE, x->rate);
	nfb_be64(b, NFTA_LIMIT_UNIT, x->unit_s);
	nfb_be32(b, NFTA_LIMIT_BURST, x->burst);
	nfb_be32(b, NFTA_LIMIT_TYPE, x->type);
	nfb_be32(b, NFTA_LIMIT_FLAGS, x->invert ? NFT_LIMIT_F_INV : 0);
}

static const struct nft_expr_ops limit_ops = { .name = "limit", .size = sizeof(struct limit),
					       .max_attr = NFTA_LIMIT_MAX, .init = limit_init,
					       .eval = limit_eval, .dump = limit_dump, .stateful = true };

/* --- quota ------------------------------------------------------------------------------------------------ */

struct quota {
	struct nft_expr e;
	uint64_t quota, used;
	uint32_t flags;
};

static int quota_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct quota *x = container_of(e, struct quota, e);

	(void)ctx;
	x->quota = nfa_be64(&tb[NFTA_QUOTA_BYTES]);
	x->used = nfa_be64(&tb[NFTA_QUOTA_CONSUMED]);
	x->flags = nfa_be32(&tb[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV;
	if (!tb[NFTA_QUOTA_BYTES].data || (int64_t)x->quota < 0)
		return -EINVAL;
	return 0;
}

static void quota_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct quota *x = container_of(e, struct quota, e);
	bool over;

	x->used += p->pkt->len;
	over = x->used >= x->quota;
	if (over != (x->flags == NFT_QUOTA_F_INV))
		r->verdict = NFT_BREAK;
}

static void quota_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	struct quota *x = container_of((struct nft_expr *)(uintptr_t)e, struct quota, e);

	nfb_be64(b, NFTA_QUOTA_BYTES, x->quota);
	nfb_be64(b, NFTA_QUOTA_CONSUMED, MIN(x->used, x->quota));
	nfb_be32(b, NFTA_QUOTA_FLAGS, x->flags | (x->used >= x->quota ? NFT_QUOTA_F_DEPLETED : 0));
	if (reset)
		x->used = 0;
}

static const struct nft_expr_ops quota_ops = { .name = "quota", .size = sizeof(struct quota),
					       .max_attr = NFTA_QUOTA_MAX, .init = quota_init,
					       .eval = quota_eval, .dump = quota_dump, .stateful = true };

/* --- last -------------------------------------------------------------------------------------------------- */

struct last {
	struct nft_expr e;
	bool set;
	net_time when;
	struct net_core *core;
};

static int last_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct last *x = container_of(e, struct last, e);

	x->core = ctx->nf->core;
	x->set = nfa_be32(&tb[NFTA_LAST_SET]) != 0;
	x->when = x->core->now - NET_MS((net_dur)MIN(nfa_be64(&tb[NFTA_LAST_MSECS]), (uint64_t)1 << 40));
	return 0;
}

static void last_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct last *x = container_of(e, struct last, e);

	(void)r;
	x->set = true;
	x->when = p->nf->core->now;
}

static void last_dump(const struct nft_expr *e, struct net_nf_buf *b, bool reset)
{
	const struct last *x = container_of(e, const struct last, e);

	(void)reset;
	nfb_be32(b, NFTA_LAST_SET, x->set);
	nfb_be64(b, NFTA_LAST_MSECS, x->set ? (uint64_t)((x->core->now - x->when) / NET_MS(1)) : 0);
}

static const struct nft_expr_ops last_ops = { .name = "last", .size = sizeof(struct last),
					      .max_attr = NFTA_LAST_MAX, .init = last_init,
					      .eval = last_eval, .dump = last_dump, .stateful = true };

/* --- connlimit: connections from the same address ------------------------------------------------------- */

struct connlimit {
	struct nft_expr e;
	uint32_t limit, flags;
};

static int connlimit_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct connlimit *x = container_of(e, struct connlimit, e);

	(void)ctx;
	x->limit = nfa_be32(&tb[NFTA_CONNLIMIT_COUNT]);
	x->flags = nfa_be32(&tb[NFTA_CONNLIMIT_FLAGS]);
	return tb[NFTA_CONNLIMIT_COUNT].data && !(x->flags & ~(uint32_t)NFT_CONNLIMIT_F_INV) ? 0 : -EINVAL;
}

static void connlimit_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct connlimit *x = container_of(e, struct connlimit, e);
	struct net_addr src = nf_pkt_src(p);
	uint32_t n = p->ct && !(p->ct->status & CTS_CONFIRMED);
	struct nf_ct *ct;

	list_for_each_entry(ct, &p->nf->cts.all, all)
		n += memcmp(ct->dir[CT_ORIG].tuple.src.bytes, src.bytes, 16) == 0;
	if ((n > x->limit) == (x->flags == NFT_CONNLIMIT_F_INV))
		return;
	r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops connlimit_ops = { .name = "connlimit", .size = sizeof(struct connlimit),
						   .max_attr = NFTA_CONNLIMIT_MAX, .init = connlimit_init,
						   .eval = connlimit_eval, .stateful = true,
						   .needs_ct = true };

/* --- log ----------------------------------------------------------------------------------------------------- */

struct log {
	struct nft_expr e;
	char prefix[128];
};

static int log_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct log *x = container_of(e, struct log, e);

	(void)ctx;
	if (tb[NFTA_LOG_PREFIX].data && tb[NFTA_LOG_PREFIX].len > 1 &&
	    !nfa_str(&tb[NFTA_LOG_PREFIX], x->prefix, sizeof(x->prefix)))
		return -EINVAL;
	if (tb[NFTA_LOG_GROUP].data && tb[NFTA_LOG_LEVEL].data)
		return -EINVAL;
	return 0;
}

static void log_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct log *x = container_of(e, struct log, e);

	(void)r;
	nf_log(p->nf, p, x->prefix);
}

static const struct nft_expr_ops log_ops = { .name = "log", .size = sizeof(struct log),
					     .max_attr = NFTA_LOG_MAX, .init = log_init, .eval = log_eval };

const struct nft_expr_ops *const nft_exprs_count[] = { &counter_ops, &limit_ops,     &quota_ops, &last_ops,
						       &connlimit_ops, &log_ops, NULL };
