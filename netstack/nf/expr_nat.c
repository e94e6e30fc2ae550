/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that change where a packet goes: nat, masq, redir, reject; and exthdr, which reads (and sets)
 * options. */
#include <errno.h>
#include <netinet/in.h>

#include "nf/nat.h"
#include "nf/nft.h"
#include "wire/wire.h"

struct nat {
	struct nft_expr e;
	enum nf_manip manip;
	uint8_t family, addr_min, addr_max, port_min, port_max; /* registers; 0: none */
	uint32_t flags;
};

static int load_pair(const struct nfa *min, const struct nfa *max, unsigned len, uint8_t *ret_min,
		     uint8_t *ret_max)
{
	int r = 0;

	if (!min->data)
		return max->data ? -EINVAL : 0;
	r = nft_reg_load(min, ret_min, len);
	*ret_max = *ret_min;
	return r == 0 && max->data ? nft_reg_load(max, ret_max, len) : r;
}

static bool nat_hook_ok(const struct nft_ctx *ctx, uint32_t hooks)
{
	const struct nft_chain *c = ctx->chain;

	return !c || !c->base || (c->type == NFT_TYPE_NAT && (hooks >> c->hook & 1));
}

static int nat_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct nat *x = container_of(e, struct nat, e);
	uint32_t type = nfa_be32(&tb[NFTA_NAT_TYPE]);
	int r;

	if (!tb[NFTA_NAT_TYPE].data || type > NFT_NAT_DNAT ||
	    (!tb[NFTA_NAT_REG_ADDR_MIN].data && !tb[NFTA_NAT_REG_PROTO_MIN].data))
		return -EINVAL;
	x->manip = type == NFT_NAT_SNAT ? NF_MANIP_SRC : NF_MANIP_DST;
	x->family = (uint8_t)nfa_be32(&tb[NFTA_NAT_FAMILY]);
	x->flags = nfa_be32(&tb[NFTA_NAT_FLAGS]);
	if (x->family != NFPROTO_IPV4 && x->family != NFPROTO_IPV6)
		return -EAFNOSUPPORT;
	if (ctx->family != NFPROTO_INET && ctx->family != x->family)
		return -EOPNOTSUPP;
	if (!nat_hook_ok(ctx, x->manip == NF_MANIP_SRC ? 1 << IP_HOOK_POSTROUTING | 1 << IP_HOOK_INPUT
							: 1 << IP_HOOK_PREROUTING | 1 << IP_HOOK_OUTPUT))
		return -EOPNOTSUPP;
	r = load_pair(&tb[NFTA_NAT_REG_ADDR_MIN], &tb[NFTA_NAT_REG_ADDR_MAX],
		      x->family == NFPROTO_IPV4 ? 4 : 16, &x->addr_min, &x->addr_max);
	return r < 0 ? r : load_pair(&tb[NFTA_NAT_REG_PROTO_MIN], &tb[NFTA_NAT_REG_PROTO_MAX], 2,
				     &x->port_min, &x->port_max);
}

static void set_ports(const struct nat *x, const struct nft_regs *r, struct nf_range *range)
{
	range->flags = x->flags & (uint32_t)~(NF_RANGE_ADDRS | NF_RANGE_PORTS);
	if (x->port_min) {
		range->flags |= NF_RANGE_PORTS;
		range->port_min = wire_get16(r->bytes + x->port_min);
		range->port_max = wire_get16(r->bytes + x->port_max);
	}
}

static void bind_nat(struct nat *x, struct nft_regs *r, struct nf_pkt *p, const struct nf_range *range)
{
	r->verdict = nf_nat_bind(p, x->manip, range) < 0 ? NF_DROP : NF_ACCEPT;
}

static void nat_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct nat *x = container_of(e, struct nat, e);
	struct nf_range range = { 0 };
	unsigned len = p->family == AF_INET ? 4 : 16;

	if (p->family != (x->family == NFPROTO_IPV4 ? AF_INET : AF_INET6))
		return;
	set_ports(x, r, &range);
	if (x->addr_min) {
		range.flags |= NF_RANGE_ADDRS;
		range.min.family = range.max.family = p->family;
		memcpy(range.min.bytes, r->bytes + x->addr_min, len);
		memcpy(range.max.bytes, r->bytes + x->addr_max, len);
	}
	bind_nat(x, r, p, &range);
}

static const struct nft_expr_ops nat_ops = { .name = "nat", .size = sizeof(struct nat),
					     .max_attr = NFTA_NAT_MAX, .init = nat_init, .eval = nat_eval,
					     .needs_nat = true };

static int masq_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct nat *x = container_of(e, struct nat, e);

	if (!nat_hook_ok(ctx, 1 << IP_HOOK_POSTROUTING))
		return -EOPNOTSUPP;
	x->manip = NF_MANIP_SRC;
	x->flags = nfa_be32(&tb[NFTA_MASQ_FLAGS]);
	return load_pair(&tb[NFTA_MASQ_REG_PROTO_MIN], &tb[NFTA_MASQ_REG_PROTO_MAX], 2, &x->port_min,
			 &x->port_max);
}

static void masq_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct nat *x = container_of(e, struct nat, e);
	struct nf_range range = { 0 };

	set_ports(x, r, &range);
	if (nf_nat_masquerade(p, &range))
		bind_nat(x, r, p, &range);
	else
		r->verdict = NF_DROP;
}

static const struct nft_expr_ops masq_ops = { .name = "masq", .size = sizeof(struct nat),
					      .max_attr = NFTA_MASQ_MAX, .init = masq_init,
					      .eval = masq_eval, .needs_nat = true };

static int redir_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct nat *x = container_of(e, struct nat, e);

	if (!nat_hook_ok(ctx, 1 << IP_HOOK_PREROUTING | 1 << IP_HOOK_OUTPUT))
		return -EOPNOTSUPP;
	x->manip = NF_MANIP_DST;
	x->flags = nfa_be32(&tb[NFTA_REDIR_FLAGS]);
	return load_pair(&tb[NFTA_REDIR_REG_PROTO_MIN], &tb[NFTA_REDIR_REG_PROTO_MAX], 2, &x->port_min,
			 &x->port_max);
}

static void redir_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct nat *x = container_of(e, struct nat, e);
	struct nf_range range = { 0 };

	set_ports(x, r, &range);
	if (nf_nat_redirect(p, &range))
		bind_nat(x, r, p, &range);
	else
		r->verdict = NF_DROP;
}

static const struct nft_expr_ops redir_ops = { .name = "redir", .size = sizeof(struct nat),
					       .max_attr = NFTA_REDIR_MAX, .init = redir_init,
					       .eval = redir_eval, .needs_nat = true };

/* --- reject ---------------------------------------------------------------------------------------------------- */

struct reject {
	struct nft_expr e;
	uint32_t type;
	uint8_t code;
};

static int reject_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct reject *x = container_of(e, struct reject, e);
	const struct nft_chain *c = ctx->chain;

	x->type = nfa_be32(&tb[NFTA_REJECT_TYPE]);
	x->code = nfa_u8(&tb[NFTA_REJECT_ICMP_CODE]);
	if (!tb[NFTA_REJECT_TYPE].data || x->type > NFT_REJECT_ICMPX_UNREACH)
		return -EINVAL;
	if (x->type == NFT_REJECT_ICMPX_UNREACH && (ctx->family != NFPROTO_INET || x->code > NFT_REJECT_ICMPX_MAX))
		return -EINVAL;
	if (c && c->base && c->hook == IP_HOOK_POSTROUTING)
		return -EOPNOTSUPP;
	return 0;
}

static void reject_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	static const uint8_t x4[] = { 0, 3, 1, 13 }, x6[] = { 0, 4, 3, 1 };
	struct reject *x = container_of(e, struct reject, e);
	uint8_t code = x->code;

	r->verdict = NF_DROP;
	if (x->type == NFT_REJECT_ICMPX_UNREACH)
		code = p->family == AF_INET ? x4[code & 3] : x6[code & 3];
	nf_reject(p, x->type == NFT_REJECT_TCP_RST, p->family == AF_INET ? 3 : 1, code);
}

static const struct nft_expr_ops reject_ops = { .name = "reject", .size = sizeof(struct reject),
						.max_attr = NFTA_REJECT_MAX, .init = reject_init,
						.eval = reject_eval };

/* --- exthdr ----------------------------------------------------------------------------------------------------- */

struct exthdr {
	struct nft_expr e;
	uint8_t reg, type;
	bool set;
	uint32_t off, len, op, flags;
};

static int exthdr_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct exthdr *x = container_of(e, struct exthdr, e);

	(void)ctx;
	x->type = nfa_u8(&tb[NFTA_EXTHDR_TYPE]);
	x->off = nfa_be32(&tb[NFTA_EXTHDR_OFFSET]);
	x->len = nfa_be32(&tb[NFTA_EXTHDR_LEN]);
	x->op = nfa_be32(&tb[NFTA_EXTHDR_OP]);
	x->flags = nfa_be32(&tb[NFTA_EXTHDR_FLAGS]);
	x->set = tb[NFTA_EXTHDR_SREG].data != NULL;
	if (x->off > UINT8_MAX || x->len > NFT_KEY_MAX || (x->flags & ~(uint32_t)NFT_EXTHDR_F_PRESENT))
		return -EINVAL;
	if (x->op > NFT_EXTHDR_OP_IPV4)
		return -EOPNOTSUPP;
	if (x->set)
		return x->op == NFT_EXTHDR_OP_TCPOPT && (x->len == 2 || x->len == 4)
			       ? nft_reg_load(&tb[NFTA_EXTHDR_SREG], &x->reg, x->len)
			       : -EOPNOTSUPP;
	if (x->len == 0)
		return -EINVAL;
	return nft_reg_store(&tb[NFTA_EXTHDR_DREG], &x->reg, x->len);
}

/* Offset of the option from the IP header; false: it is not there. */
static bool find_option(const struct exthdr *x, const struct nf_pkt *p, size_t *ret)
{
	bool tcp = x->op == NFT_EXTHDR_OP_TCPOPT;
	size_t at = tcp ? p->th_off + 20u : 20u, end = p->th_off;
	uint8_t b[2];

	if (tcp) {
		if (!p->has_th || p->proto != IPPROTO_TCP || !nf_pkt_load(p, p->th_off + 12u, b, 1))
			return false;
		end = p->th_off + 4u * (b[0] >> 4);
	} else if (p->family != AF_INET) {
		return false;
	}
	while (at < end && nf_pkt_load(p, at, b, 1)) {
		size_t len = 1;

		if (b[0] > 1) {
			if (at + 2 > end || !nf_pkt_load(p, at, b, 2) || b[1] < 2)
				return false;
			len = b[1];
		}
		if (at + len > end)
			return false;
		if (b[0] == x->type) {
			*ret = at;
			return true;
		}
		if (b[0] == 0)
			return false;
		at += len;
	}
	return false;
}

static bool find_header(const struct exthdr *x, const struct nf_pkt *p, size_t *ret)
{
	size_t at = IP6_HDR_LEN;
	uint8_t next, b[2];

	if (p->family != AF_INET6 || !nf_pkt_load(p, 6, &next, 1))
		return false;
	while (at < p->th_off) {
		if (next == x->type) {
			*ret = at;
			return true;
		}
		if (!nf_pkt_load(p, at, b, 2))
			return false;
		at += next == IP6_EXT_FRAGMENT ? 8 : 8u * (b[1] + 1u);
		next = b[0];
	}
	return false;
}

/* A smaller MSS may be asked for, never a larger one. */
static void set_option(struct exthdr *x, struct nft_regs *r, struct nf_pkt *p, size_t at)
{
	uint8_t now[4], bytes[6];
	size_t off = at + x->off, even = off & ~(size_t)1, lead = off - even;
	size_t len = (lead + x->len + 1) & ~(size_t)1;

	if (!nf_pkt_load(p, off, now, x->len))
		return;
	if (x->type == 2 && x->len == 2 && wire_get16(now) <= wire_get16(r->bytes + x->reg))
		return;
	if (!nf_pkt_load(p, even, bytes, len))
		return;
	memcpy(bytes + lead, r->bytes + x->reg, x->len);
	if (!nf_pkt_mangle(p, even, bytes, len, false))
		r->verdict = NFT_BREAK;
}

static void exthdr_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct exthdr *x = container_of(e, struct exthdr, e);
	size_t at = 0;
	bool found = x->op == NFT_EXTHDR_OP_IPV6 ? find_header(x, p, &at) : find_option(x, p, &at);

	if (x->set) {
		if (found)
			set_option(x, r, p, at);
		return;
	}
	if (x->len % 4)
		r->word[(x->reg + x->len) / 4] = 0;
	if (x->flags & NFT_EXTHDR_F_PRESENT)
		r->bytes[x->reg] = found;
	else if (!found || !nf_pkt_load(p, at + x->off, r->bytes + x->reg, x->len))
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops exthdr_ops = { .name = "exthdr", .size = sizeof(struct exthdr),
						.max_attr = NFTA_EXTHDR_MAX, .init = exthdr_init,
						.eval = exthdr_eval };

const struct nft_expr_ops *const nft_exprs_nat[] = { &nat_ops,	&masq_ops,   &redir_ops,
						     &reject_ops, &exthdr_ops, NULL };
