/* SPDX-License-Identifier: Apache-2.0 */
/* Matches of xtables: what -m of iptables(8) asks. */
#include <errno.h>

#include <netinet/in.h> /* before the kernel's, which then leave it alone */

#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "nf/xt.h"
#include "wire/wire.h"

static bool yes(const void *info, struct nf_pkt *p)
{
	(void)info;
	(void)p;
	return true;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static uint32_t state_of(const struct nf_pkt *p, uint32_t untracked_bit)
{
	if (p->ct)
		return 1u << (p->ctinfo % CTI_REPLY + 1);
	return p->untracked ? untracked_bit : 1;
}

static bool match_state(const void *info, struct nf_pkt *p)
{
	const struct xt_state_info *x = info;

	return x->statemask & state_of(p, XT_STATE_UNTRACKED);
}

static int check_conntrack(const void *info)
{
	const struct xt_conntrack_mtinfo3 *x = info;

	return x->match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_PROTO | XT_CONNTRACK_ORIGSRC |
				  XT_CONNTRACK_ORIGDST | XT_CONNTRACK_REPLSRC | XT_CONNTRACK_REPLDST |
				  XT_CONNTRACK_STATUS | XT_CONNTRACK_DIRECTION | XT_CONNTRACK_STATE_ALIAS |
				  XT_CONNTRACK_EXPIRES)
		       ? -EOPNOTSUPP
		       : 0;
}

static bool masked(const struct net_addr *a, const union nf_inet_addr *want, const union nf_inet_addr *mask)
{
	for (int i = 0; i < (a->family == AF_INET ? 1 : 4); i++) {
		if ((a->word[i] ^ want->all[i]) & mask->all[i])
			return false;
	}
	return true;
}

static bool ct_state_matches(const struct xt_conntrack_mtinfo3 *x, const struct nf_pkt *p)
{
	uint32_t bits = state_of(p, XT_CONNTRACK_STATE_UNTRACKED);

	if (p->ct && (p->ct->status & CTS_SRC_NAT))
		bits |= XT_CONNTRACK_STATE_SNAT;
	if (p->ct && (p->ct->status & CTS_DST_NAT))
		bits |= XT_CONNTRACK_STATE_DNAT;
	return !(x->state_mask & bits) == !!(x->invert_flags & XT_CONNTRACK_STATE);
}

static bool match_conntrack(const void *info, struct nf_pkt *p)
{
	const struct xt_conntrack_mtinfo3 *x = info;
	const struct net_ct_tuple *o, *r;
	uint16_t f = x->match_flags, inv = x->invert_flags;
	uint32_t left;

	if ((f & XT_CONNTRACK_STATE) && !ct_state_matches(x, p))
		return false;
	if (!p->ct)
		return f & XT_CONNTRACK_STATE;
	o = &p->ct->dir[CT_ORIG].tuple;
	r = &p->ct->dir[CT_REPLY].tuple;
	left = (uint32_t)MAX((p->ct->expires - p->nf->core->now) / NET_SEC(1), (net_dur)0);
#define FAILS(flag, ok) ((f & (flag)) && (ok) != !(inv & (flag)))
	return !(FAILS(XT_CONNTRACK_DIRECTION, nf_ctdir(p->ctinfo) == CT_ORIG) ||
		 FAILS(XT_CONNTRACK_PROTO, o->proto == x->l4proto) ||
		 FAILS(XT_CONNTRACK_ORIGSRC, masked(&o->src, &x->origsrc_addr, &x->origsrc_mask)) ||
		 FAILS(XT_CONNTRACK_ORIGDST, masked(&o->dst, &x->origdst_addr, &x->origdst_mask)) ||
		 FAILS(XT_CONNTRACK_REPLSRC, masked(&r->src, &x->replsrc_addr, &x->replsrc_mask)) ||
		 FAILS(XT_CONNTRACK_REPLDST, masked(&r->dst, &x->repldst_addr, &x->repldst_mask)) ||
		 FAILS(XT_CONNTRACK_STATUS, (x->status_mask & p->ct->status) != 0) ||
		 FAILS(XT_CONNTRACK_EXPIRES, left >= x->expires_min && left <= x->expires_max));
#undef FAILS
}

static bool match_connmark(const void *info, struct nf_pkt *p)
{
	const struct xt_connmark_mtinfo1 *x = info;

	return p->ct && ((p->ct->mark & x->mask) == x->mark) != x->invert;
}

static bool match_mark(const void *info, struct nf_pkt *p)
{
	const struct xt_mark_mtinfo1 *x = info;

	return ((p->pkt->mark & x->mask) == x->mark) != x->invert;
}

/* A token bucket; "avg" is the time of one packet in units of 100 us. The state lives in the
 * parameters, as in Linux. */
static bool match_limit(const void *info, struct nf_pkt *p)
{
	struct xt_rateinfo *x = (struct xt_rateinfo *)(uintptr_t)info;
	uint32_t now = (uint32_t)(p->nf->core->now / NET_US(100));
	uint64_t cap = (uint64_t)x->avg * x->burst;

	if (!x->cost) {
		x->cost = x->avg ? x->avg : 1;
		x->credit = (uint32_t)MIN(cap, (uint64_t)UINT32_MAX);
		x->prev = now;
	}
	x->credit = (uint32_t)MIN((uint64_t)x->credit + (uint32_t)(now - (uint32_t)x->prev),
				  MIN(cap, (uint64_t)UINT32_MAX));
	x->prev = now;
	if (x->credit < x->cost)
		return false;
	x->credit -= x->cost;
	return true;
}

/* --- transports ----------------------------------------------------------------------------------------- */

static bool ports_of(const struct nf_pkt *p, uint16_t *src, uint16_t *dst)
{
	uint8_t b[4];

	if (!p->has_th || !nf_pkt_load(p, p->th_off, b, sizeof(b)))
		return false;
	*src = wire_get16(b);
	*dst = wire_get16(b + 2);
	return true;
}

static bool within(const uint16_t range[2], uint16_t port, bool invert)
{
	return (port >= range[0] && port <= range[1]) != invert;
}

static bool match_tcp(const void *info, struct nf_pkt *p)
{
	const struct xt_tcp *x = info;
	uint16_t src, dst;
	uint8_t flags;

	if (p->proto != IPPROTO_TCP || x->option || !ports_of(p, &src, &dst) ||
	    !nf_pkt_load(p, p->th_off + 13u, &flags, 1))
		return false;
	return within(x->spts, src, x->invflags & XT_TCP_INV_SRCPT) &&
	       within(x->dpts, dst, x->invflags & XT_TCP_INV_DSTPT) &&
	       ((flags & x->flg_mask) == x->flg_cmp) != !!(x->invflags & XT_TCP_INV_FLAGS);
}

static int check_tcp(const void *info)
{
	return ((const struct xt_tcp *)info)->option ? -EOPNOTSUPP : 0;
}

static bool match_udp(const void *info, struct nf_pkt *p)
{
	const struct xt_udp *x = info;
	uint16_t src, dst;

	return (p->proto == IPPROTO_UDP || p->proto == IPPROTO_UDPLITE) && ports_of(p, &src, &dst) &&
	       within(x->spts, src, x->invflags & XT_UDP_INV_SRCPT) &&
	       within(x->dpts, dst, x->invflags & XT_UDP_INV_DSTPT);
}

/* Also of ICMPv6: the layout is the same. Type 255 is any. */
static bool match_icmp(const void *info, struct nf_pkt *p)
{
	const struct ipt_icmp *x = info;
	uint8_t b[2];

	if ((p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6) || !p->has_th ||
	    !nf_pkt_load(p, p->th_off, b, 2))
		return false;
	return (((p->family == AF_INET && x->type == 0xff) || b[0] == x->type) && b[1] >= x->code[0] &&
		b[1] <= x->code[1]) != !!(x->invflags & IPT_ICMP_INV);
}

static bool match_multiport(const void *info, struct nf_pkt *p)
{
	const struct xt_multiport_v1 *x = info;
	uint16_t src, dst;
	bool hit = false;

	if (!ports_of(p, &src, &dst))
		return false;
	for (unsigned i = 0; i < x->count && i < XT_MULTI_PORTS; i++) {
		uint16_t lo = x->ports[i], hi = lo;
		bool s, d;

		if (x->pflags[i] && i + 1 < XT_MULTI_PORTS)
			hi = x->ports[++i];
		s = src >= lo && src <= hi;
		d = dst >= lo && dst <= hi;
		hit |= x->flags == XT_MULTIPORT_SOURCE	    ? s
		       : x->flags == XT_MULTIPORT_DESTINATION ? d
							      : s || d;
	}
	return hit != x->invert;
}

/* --- addresses, owners ------------------------------------------------------------------------------------ */

static uint16_t type_bit(const struct nf_pkt *p, const struct net_addr *a, const struct link *l)
{
	struct ip_path path;

	if (addr_is_multicast(a))
		return XT_ADDRTYPE_MULTICAST;
	if (a->family == AF_INET && addr_is_limited_broadcast(a))
		return XT_ADDRTYPE_BROADCAST;
	switch (ip_local_type(p->nf->ip, a, l)) {
	case IP_LOCAL_US:
		return XT_ADDRTYPE_LOCAL;
	case IP_LOCAL_BROADCAST:
		return XT_ADDRTYPE_BROADCAST;
	case IP_LOCAL_NONE:
		break;
	}
	if (addr_is_any(a))
		return XT_ADDRTYPE_UNSPEC;
	return ip_path_init(p->nf->ip, &path, a, NULL, 0) == 0 ? XT_ADDRTYPE_UNICAST : XT_ADDRTYPE_UNREACHABLE;
}

static bool match_addrtype(const void *info, struct nf_pkt *p)
{
	const struct xt_addrtype_info_v1 *x = info;
	const struct link *l = x->flags & XT_ADDRTYPE_LIMIT_IFACE_IN    ? p->in
			       : x->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT ? p->out
									: NULL;
	struct net_addr src = nf_pkt_src(p), dst = nf_pkt_dst(p);

	if (x->source && !!(x->source & type_bit(p, &src, l)) == !!(x->flags & XT_ADDRTYPE_INVERT_SOURCE))
		return false;
	return !x->dest || !!(x->dest & type_bit(p, &dst, l)) != !!(x->flags & XT_ADDRTYPE_INVERT_DEST);
}

static int check_owner(const void *info)
{
	const struct xt_owner_match_info *x = info;

	return x->match & ~(XT_OWNER_UID | XT_OWNER_SOCKET) ? -EOPNOTSUPP : 0;
}

static bool match_owner(const void *info, struct nf_pkt *p)
{
	const struct xt_owner_match_info *x = info;
	bool has = p->hook == IP_HOOK_OUTPUT || p->hook == IP_HOOK_POSTROUTING ? p->pkt->has_uid : false;

	if ((x->match & XT_OWNER_SOCKET) && has == !!(x->invert & XT_OWNER_SOCKET))
		return false;
	if (!(x->match & XT_OWNER_UID))
		return true;
	return has && (p->pkt->uid >= x->uid_min && p->pkt->uid <= x->uid_max) != !!(x->invert & XT_OWNER_UID);
}

#define ANY NFPROTO_UNSPEC
const struct xt_ext xt_matches[] = {
	{ .name = "comment", .size = sizeof(struct xt_comment_info), .match = yes },
	{ .name = "state", .size = sizeof(struct xt_state_info), .needs_ct = true, .match = match_state },
	{ .name = "conntrack", .revision = 2, .size = sizeof(struct xt_conntrack_mtinfo2), .needs_ct = true,
	  .check = check_conntrack, .match = match_conntrack },
	{ .name = "conntrack", .revision = 3, .size = sizeof(struct xt_conntrack_mtinfo3), .needs_ct = true,
	  .check = check_conntrack, .match = match_conntrack },
	{ .name = "connmark", .revision = 1, .size = sizeof(struct xt_connmark_mtinfo1), .needs_ct = true,
	  .match = match_connmark },
	{ .name = "mark", .revision = 1, .size = sizeof(struct xt_mark_mtinfo1), .match = match_mark },
	{ .name = "limit", .size = sizeof(struct xt_rateinfo), .match = match_limit },
	{ .name = "tcp", .size = sizeof(struct xt_tcp), .check = check_tcp, .match = match_tcp },
	{ .name = "udp", .size = sizeof(struct xt_udp), .match = match_udp },
	{ .name = "udplite", .size = sizeof(struct xt_udp), .match = match_udp },
	{ .name = "icmp", .family = NFPROTO_IPV4, .size = sizeof(struct ipt_icmp), .match = match_icmp },
	{ .name = "icmp6", .family = NFPROTO_IPV6, .size = sizeof(struct ipt_icmp), .match = match_icmp },
	{ .name = "multiport", .revision = 1, .size = sizeof(struct xt_multiport_v1),
	  .match = match_multiport },
	{ .name = "addrtype", .revision = 1, .size = sizeof(struct xt_addrtype_info_v1),
	  .match = match_addrtype },
	{ .name = "owner", .revision = 1, .size = sizeof(struct xt_owner_match_info), .check = check_owner,
	  .match = match_owner },
	{ 0 },
};
