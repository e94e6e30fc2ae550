/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions about what surrounds a packet: meta, ct, notrack, rt, fib. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include "nf/nft.h"
#include "wire/wire.h"

struct reg_key {
	struct nft_expr e;
	uint8_t reg;
	bool set;
	uint32_t key, dir, flags;
};

/* --- meta ------------------------------------------------------------------------------------------------- */

static int meta_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct reg_key *x = container_of(e, struct reg_key, e);

	(void)ctx;
	x->key = nfa_be32(&tb[NFTA_META_KEY]);
	x->set = tb[NFTA_META_SREG].data != NULL;
	if (x->set) {
		if (x->key != NFT_META_MARK && x->key != NFT_META_PRIORITY && x->key != NFT_META_NFTRACE &&
		    x->key != NFT_META_PKTTYPE)
			return -EOPNOTSUPP;
		return nft_reg_load(&tb[NFTA_META_SREG], &x->reg, x->key == NFT_META_NFTRACE ? 1 : 4);
	}
	switch (x->key) {
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
	case NFT_META_IIFKIND:
	case NFT_META_OIFKIND:
		return nft_reg_store(&tb[NFTA_META_DREG], &x->reg, 16);
	case NFT_META_TIME_NS:
		return nft_reg_store(&tb[NFTA_META_DREG], &x->reg, 8);
	case NFT_META_SECMARK:
	case NFT_META_BRI_IIFNAME:
	case NFT_META_BRI_OIFNAME:
	case NFT_META_SECPATH:
		return -EOPNOTSUPP;
	default:
		if (x->key > NFT_META_SDIFNAME)
			return -EOPNOTSUPP;
		return nft_reg_store(&tb[NFTA_META_DREG], &x->reg, 4);
	}
}

static uint32_t packet_type(const struct nf_pkt *p)
{
	if (p->pkt->ip.multicast)
		return PACKET_MULTICAST;
	if (p->pkt->ip.broadcast || p->pkt->ip.link_multi)
		return PACKET_BROADCAST;
	return PACKET_HOST;
}

static bool meta_name(struct nft_regs *r, uint8_t reg, const struct link *l)
{
	memset(r->bytes + reg, 0, 16);
	if (l)
		memcpy(r->bytes + reg, l->name, sizeof(l->name));
	return true;
}

static uint32_t arphrd(const struct link *l)
{
	return l->kind == NET_LINK_LOOPBACK ? ARPHRD_LOOPBACK
	       : l->kind == NET_LINK_ETHER  ? ARPHRD_ETHER
					     : ARPHRD_NONE;
}

static bool meta_time(const struct nf_pkt *p, uint32_t key, uint32_t *w)
{
	int64_t now = p->nf->core->now + p->nf->core->wall_offset;
	int64_t s = now / NET_SEC(1);

	if (key == NFT_META_TIME_NS)
		memcpy(w, &now, sizeof(now));
	else if (key == NFT_META_TIME_DAY)
		*w = (uint32_t)((s / 86400 + 4) % 7);
	else
		*w = (uint32_t)(s % 86400);
	return true;
}

/* False: the key has no value here. */
static bool meta_get(const struct reg_key *x, struct nft_regs *r, struct nf_pkt *p)
{
	uint32_t *w = &r->word[x->reg / 4];

	switch (x->key) {
	case NFT_META_LEN:
		*w = p->pkt->len;
		return true;
	case NFT_META_PROTOCOL:
		*w = 0;
		wire_put16(r->bytes + x->reg, p->family == AF_INET ? 0x0800 : 0x86dd);
		return true;
	case NFT_META_NFPROTO:
		*w = p->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
		return true;
	case NFT_META_L4PROTO:
		*w = p->proto;
		return true;
	case NFT_META_PRIORITY:
		*w = 0;
		return true;
	case NFT_META_MARK:
		*w = p->pkt->mark;
		return true;
	case NFT_META_IIF:
		*w = p->in ? (uint32_t)p->in->id : 0;
		return true;
	case NFT_META_OIF:
		*w = p->out ? (uint32_t)p->out->id : 0;
		return true;
	case NFT_META_IIFNAME:
		return meta_name(r, x->reg, p->in);
	case NFT_META_OIFNAME:
		return meta_name(r, x->reg, p->out);
	case NFT_META_IIFTYPE:
	case NFT_META_OIFTYPE: {
		const struct link *l = x->key == NFT_META_IIFTYPE ? p->in : p->out;

		*w = l ? arphrd(l) : 0;
		return l != NULL;
	}
	case NFT_META_PKTTYPE:
		*w = packet_type(p);
		return true;
	case NFT_META_CPU:
	case NFT_META_IIFGROUP:
	case NFT_META_OIFGROUP:
	case NFT_META_CGROUP:
	case NFT_META_NFTRACE:
		*w = 0;
		return true;
	case NFT_META_SKUID:
		*w = p->pkt->uid;
		return p->pkt->has_uid;
	case NFT_META_PRANDOM:
		*w = rng_u32(&p->nf->core->rng);
		return true;
	case NFT_META_TIME_NS:
	case NFT_META_TIME_DAY:
	case NFT_META_TIME_HOUR:
		return meta_time(p, x->key, w);
	default:
		return false; /* users and groups of sockets, and what this host has not */
	}
}

static void meta_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct reg_key *x = container_of(e, struct reg_key, e);

	if (x->set) {
		if (x->key == NFT_META_MARK)
			p->pkt->mark = r->word[x->reg / 4];
		return;
	}
	if (!meta_get(x, r, p))
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops meta_ops = { .name = "meta", .size = sizeof(struct reg_key),
					      .max_attr = NFTA_META_MAX, .init = meta_init,
					      .eval = meta_eval };

/* --- ct ----------------------------------------------------------------------------------------------------- */

static int ct_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct reg_key *x = container_of(e, struct reg_key, e);
	unsigned len = 4;

	x->key = nfa_be32(&tb[NFTA_CT_KEY]);
	x->dir = tb[NFTA_CT_DIRECTION].data ? nfa_u8(&tb[NFTA_CT_DIRECTION]) : 2;
	x->set = tb[NFTA_CT_SREG].data != NULL;
	if (x->set) {
		if (x->key != NFT_CT_MARK && x->key != NFT_CT_EVENTMASK)
			return -EOPNOTSUPP;
		return nft_reg_load(&tb[NFTA_CT_SREG], &x->reg, 4);
	}
	switch (x->key) {
	case NFT_CT_SECMARK:
	case NFT_CT_HELPER:
	case NFT_CT_LABELS:
		return -EOPNOTSUPP;
	case NFT_CT_SRC:
	case NFT_CT_DST:
		len = ctx->family == NFPROTO_IPV4 ? 4 : 16;
		break;
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP6:
		len = 16;
		break;
	case NFT_CT_PKTS:
	case NFT_CT_BYTES:
	case NFT_CT_AVGPKT:
		len = 8;
		break;
	default:
		if (x->key > NFT_CT_ID)
			return -EOPNOTSUPP;
	}
	return nft_reg_store(&tb[NFTA_CT_DREG], &x->reg, len);
}

static uint32_t state_bit(const struct nf_pkt *p)
{
	if (p->ct)
		return 1u << (p->ctinfo % CTI_REPLY + 1);
	return p->untracked ? 1u << 6 : 1u << 0;
}

static void ct_count(const struct reg_key *x, const struct nf_ct *ct, uint32_t *w)
{
	const uint64_t *n = x->key == NFT_CT_BYTES ? ct->bytes : ct->packets;
	uint64_t v = x->dir < 2 ? n[x->dir] : n[0] + n[1];

	if (x->key == NFT_CT_AVGPKT)
		v = v ? (x->dir < 2 ? ct->bytes[x->dir] : ct->bytes[0] + ct->bytes[1]) / v : 0;
	memcpy(w, &v, sizeof(v));
}

static bool ct_get(const struct reg_key *x, struct nft_regs *r, const struct nf_pkt *p)
{
	uint32_t *w = &r->word[x->reg / 4];
	const struct net_ct_tuple *t;

	if (x->key == NFT_CT_STATE) {
		*w = state_bit(p);
		return true;
	}
	if (!p->ct)
		return false;
	t = &p->ct->dir[x->dir < 2 ? x->dir : 0].tuple;
	switch (x->key) {
	case NFT_CT_DIRECTION:
		*w = nf_ctdir(p->ctinfo);
		return true;
	case NFT_CT_STATUS:
		*w = p->ct->status;
		return true;
	case NFT_CT_MARK:
		*w = p->ct->mark;
		return true;
	case NFT_CT_EXPIRATION:
		*w = (uint32_t)MAX((p->ct->expires - p->nf->core->now) / NET_MS(1), (net_dur)0);
		return true;
	case NFT_CT_L3PROTOCOL:
		*w = t->src.family;
		return true;
	case NFT_CT_PROTOCOL:
		*w = t->proto;
		return true;
	case NFT_CT_SRC:
	case NFT_CT_SRC_IP:
	case NFT_CT_SRC_IP6:
		memcpy(w, t->src.bytes, t->src.family == AF_INET ? 4 : 16);
		return true;
	case NFT_CT_DST:
	case NFT_CT_DST_IP:
	case NFT_CT_DST_IP6:
		memcpy(w, t->dst.bytes, t->dst.family == AF_INET ? 4 : 16);
		return true;
	case NFT_CT_PROTO_SRC:
	case NFT_CT_PROTO_DST:
		*w = 0;
		wire_put16(r->bytes + x->reg, x->key == NFT_CT_PROTO_SRC ? t->sport : t->dport);
		return true;
	case NFT_CT_PKTS:
	case NFT_CT_BYTES:
	case NFT_CT_AVGPKT:
		ct_count(x, p->ct, w);
		return true;
	case NFT_CT_ID:
		*w = p->ct->id;
		return true;
	default:
		*w = 0; /* zone, event mask */
		return true;
	}
}

static void ct_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct reg_key *x = container_of(e, struct reg_key, e);

	if (x->set) {
		if (p->ct && x->key == NFT_CT_MARK)
			p->ct->mark = r->word[x->reg / 4];
		return;
	}
	if (!ct_get(x, r, p))
		r->verdict = NFT_BREAK;
}

static const struct nft_expr_ops ct_ops = { .name = "ct", .size = sizeof(struct reg_key),
					    .max_attr = NFTA_CT_MAX, .init = ct_init, .eval = ct_eval,
					    .needs_ct = true };

static int nothing_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	(void)ctx;
	(void)e;
	(void)tb;
	return 0;
}

static void notrack_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	(void)e;
	(void)r;
	if (!p->ct)
		p->untracked = true;
}

static const struct nft_expr_ops notrack_ops = { .name = "notrack", .size = sizeof(struct nft_expr),
						 .init = nothing_init, .eval = notrack_eval };

/* --- rt, fib, socket ------------------------------------------------------------------------------------------ */

static int rt_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct reg_key *x = container_of(e, struct reg_key, e);

	(void)ctx;
	x->key = nfa_be32(&tb[NFTA_RT_KEY]);
	if (x->key > NFT_RT_TCPMSS)
		return -EOPNOTSUPP;
	return nft_reg_store(&tb[NFTA_RT_DREG], &x->reg,
			     x->key == NFT_RT_NEXTHOP6 ? 16 : x->key == NFT_RT_TCPMSS ? 2 : 4);
}

static void rt_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct reg_key *x = container_of(e, struct reg_key, e);
	struct net_addr dst = nf_pkt_dst(p);
	struct ip_path path;
	unsigned hdrs = p->family == AF_INET ? 40 : 60;

	r->word[x->reg / 4] = 0;
	if (x->key == NFT_RT_CLASSID)
		return;
	if (ip_path_init(p->nf->ip, &path, &dst, NULL, 0) < 0) {
		r->verdict = NFT_BREAK;
		return;
	}
	if (x->key == NFT_RT_TCPMSS) {
		uint16_t mss = (uint16_t)(path.route_mtu - hdrs);

		memcpy(r->bytes + x->reg, &mss, sizeof(mss));
	} else if ((x->key == NFT_RT_NEXTHOP6) == (p->family == AF_INET6)) {
		const struct net_addr *hop = path.next_hop.family ? &path.next_hop : &dst;

		memcpy(r->bytes + x->reg, hop->bytes, p->family == AF_INET ? 4 : 16);
	} else {
		r->verdict = NFT_BREAK;
	}
}

static const struct nft_expr_ops rt_ops = { .name = "rt", .size = sizeof(struct reg_key),
					    .max_attr = NFTA_RT_MAX, .init = rt_init, .eval = rt_eval };

static int fib_init(const struct nft_ctx *ctx, struct nft_expr *e, const struct nfa *tb)
{
	struct reg_key *x = container_of(e, struct reg_key, e);
	uint32_t known = NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR | NFTA_FIB_F_MARK | NFTA_FIB_F_IIF |
			 NFTA_FIB_F_OIF | NFTA_FIB_F_PRESENT;

	(void)ctx;
	x->key = nfa_be32(&tb[NFTA_FIB_RESULT]);
	x->flags = nfa_be32(&tb[NFTA_FIB_FLAGS]);
	if (!x->flags || (x->flags & ~known) ||
	    !(x->flags & NFTA_FIB_F_SADDR) == !(x->flags & NFTA_FIB_F_DADDR) ||
	    x->key < NFT_FIB_RESULT_OIF || x->key > NFT_FIB_RESULT_ADDRTYPE)
		return -EINVAL;
	return nft_reg_store(&tb[NFTA_FIB_DREG], &x->reg, x->key == NFT_FIB_RESULT_OIFNAME ? 16 : 4);
}

/* RTN_* of an address. */
static uint32_t addr_type(struct nf_pkt *p, const struct net_addr *a, const struct link *l)
{
	struct ip_path path;

	if (addr_is_multicast(a))
		return 5;
	if (a->family == AF_INET && addr_is_limited_broadcast(a))
		return 3;
	switch (ip_local_type(p->nf->ip, a, l)) {
	case IP_LOCAL_US:
		return 2;
	case IP_LOCAL_BROADCAST:
		return 3;
	case IP_LOCAL_NONE:
		break;
	}
	if (addr_is_any(a))
		return 0;
	return ip_path_init(p->nf->ip, &path, a, NULL, 0) == 0 ? 1 : 7;
}

static void fib_eval(struct nft_expr *e, struct nft_regs *r, struct nf_pkt *p)
{
	struct reg_key *x = container_of(e, struct reg_key, e);
	struct net_addr a = x->flags & NFTA_FIB_F_SADDR ? nf_pkt_src(p) : nf_pkt_dst(p);
	const struct link *l = x->flags & NFTA_FIB_F_IIF ? p->in : x->flags & NFTA_FIB_F_OIF ? p->out : NULL;
	struct ip_path path;
	bool found;

	if (x->key == NFT_FIB_RESULT_ADDRTYPE) {
		r->word[x->reg / 4] = addr_type(p, &a, l);
		return;
	}
	found = ip_path_init(p->nf->ip, &path, &a, NULL, l ? l->id : 0) == 0;
	if (x->flags & NFTA_FIB_F_PRESENT) {
		r->word[x->reg / 4] = found;
		return;
	}
	if (x->key == NFT_FIB_RESULT_OIFNAME)
		(void)meta_name(r, x->reg, found ? path.link : NULL);
	else
		r->word[x->reg / 4] = found && path.link ? (uint32_t)path.link->id : 0;
}

static const struct nft_expr_ops fib_ops = { .name = "fib", .size = sizeof(struct reg_key),
					     .max_attr = NFTA_FIB_MAX, .init = fib_init, .eval = fib_eval };

const struct nft_expr_ops *const nft_exprs_state[] = { &meta_ops, &ct_ops,  &notrack_ops,
						       &rt_ops,	  &fib_ops, NULL };
