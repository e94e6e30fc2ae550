/* SPDX-License-Identifier: Apache-2.0 */
/* Network address translation on top of connection tracking: the first packet picks a binding, every packet
 * of either direction is rewritten by it, and so is what ICMP errors quote. */
#include <netinet/in.h>

#include "nf/nat.h"
#include "nf/nf.h"
#include "wire/wire.h"

/* --- picking a binding -------------------------------------------------------------------------------- */

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_DCCP || proto == IPPROTO_ICMP ||
	       proto == IPPROTO_ICMPV6;
}

static uint32_t v4_get(const struct net_addr *a)
{
	return (uint32_t)a->v4[0] << 24 | (uint32_t)a->v4[1] << 16 | (uint32_t)a->v4[2] << 8 | a->v4[3];
}

static void v4_set(struct net_addr *a, uint32_t v)
{
	a->v4[0] = (uint8_t)(v >> 24);
	a->v4[1] = (uint8_t)(v >> 16);
	a->v4[2] = (uint8_t)(v >> 8);
	a->v4[3] = (uint8_t)v;
}

/* An address of the range, the same for the same source. */
static struct net_addr pick_addr(const struct nf_pkt *p, const struct nf_range *r, const struct net_addr *old,
				 const struct net_ct_tuple *t)
{
	struct net_addr a = r->min;
	uint32_t seed = t->src.word[0] ^ t->src.word[1] ^ t->src.word[2] ^ t->src.word[3];

	if (!(r->flags & NF_RANGE_PERSISTENT))
		seed ^= t->dst.word[0] ^ t->dst.word[3];
	if (r->flags & NF_RANGE_PREFIX) {
		/* The prefix of @min, the rest of the old address. */
		for (unsigned i = 0; i < 16; i++) {
			uint8_t host = r->min.bytes[i] ^ r->max.bytes[i];

			a.bytes[i] = (uint8_t)((r->min.bytes[i] & ~host) | (old->bytes[i] & host));
		}
		return a;
	}
	if (p->family == AF_INET) {
		uint32_t lo = v4_get(&r->min), n = v4_get(&r->max) - lo;

		if (n != UINT32_MAX && v4_get(&r->max) >= lo)
			v4_set(&a, lo + seed * 2654435761u % (n + 1));
	} else if (r->min.quad[0] == r->max.quad[0]) {
		uint8_t lo = r->min.v6[15], hi = r->max.v6[15];

		if (hi > lo)
			a.v6[15] = (uint8_t)(lo + seed * 2654435761u % (hi - lo + 1u));
	}
	return a;
}

static bool in_range(const struct net_addr *a, const struct nf_range *r)
{
	return memcmp(a->bytes, r->min.bytes, 16) >= 0 && memcmp(a->bytes, r->max.bytes, 16) <= 0;
}

/* @t is what the packet would be after translation; its answer must be nobody else's. */
static bool is_free(const struct nf_pkt *p, const struct net_ct_tuple *t)
{
	struct net_ct_tuple reply = nf_ct_invert(t);

	return !nf_ct_taken(&p->nf->cts, &reply, p->ct);
}

static uint16_t *port_of(struct net_ct_tuple *t, enum nf_manip manip)
{
	bool icmp = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;

	return manip == NF_MANIP_SRC || icmp ? &t->sport : &t->dport;
}

static bool pick_port(const struct nf_pkt *p, struct net_ct_tuple *t, enum nf_manip manip,
		      const struct nf_range *r)
{
	uint16_t *port = port_of(t, manip);
	uint32_t min = r->port_min, max = r->port_max, n, off;

	if (!has_ports(t->proto))
		return is_free(p, t);
	if (!(r->flags & NF_RANGE_PORTS)) {
		/* Keeps the port if it can be; else one of the same kind (RFC 4787 REQ-3). */
		if (!(r->flags & (NF_RANGE_RANDOM | NF_RANGE_RANDOM_FULLY)) && is_free(p, t))
			return true;
		if (manip == NF_MANIP_DST)
			return true;
		min = *port < 512 ? 1 : *port < 1024 ? 600 : 1024;
		max = *port < 512 ? 511 : *port < 1024 ? 1023 : 65535;
	} else if (!(r->flags & (NF_RANGE_RANDOM | NF_RANGE_RANDOM_FULLY)) && *port >= min && *port <= max &&
		   is_free(p, t)) {
		return true;
	}
	if (max < min)
		return false;
	n = max - min + 1;
	off = r->flags & (NF_RANGE_RANDOM | NF_RANGE_RANDOM_FULLY) ? rng_below(&p->nf->core->rng, n)
	      : manip == NF_MANIP_DST				   ? 0
								   : *port % n;
	for (uint32_t i = 0; i < n && i < 4096; i++) {
		*port = (uint16_t)(min + (off + i) % n);
		if (is_free(p, t))
			return true;
	}
	return manip == NF_MANIP_DST;
}

int nf_nat_bind(struct nf_pkt *p, enum nf_manip manip, const struct nf_range *r)
{
	struct nf_ct *ct = p->ct;
	uint32_t done = manip == NF_MANIP_SRC ? CTS_SRC_NAT_DONE : CTS_DST_NAT_DONE;
	struct net_ct_tuple now, t, reply;
	struct net_addr *addr;

	if (!ct || (ct->status & (done | CTS_CONFIRMED)))
		return 0;
	now = nf_ct_invert(&ct->dir[CT_REPLY].tuple);
	t = now;
	addr = manip == NF_MANIP_SRC ? &t.src : &t.dst;
	if ((r->flags & NF_RANGE_ADDRS) && ((r->flags & NF_RANGE_PREFIX) || !in_range(addr, r)))
		*addr = pick_addr(p, r, addr, &now);
	if (!pick_port(p, &t, manip, r))
		return -1;
	if (!nf_tuple_equal(&t, &now)) {
		reply = nf_ct_invert(&t);
		nf_ct_set_reply(ct, &reply);
		ct->status |= manip == NF_MANIP_SRC ? CTS_SRC_NAT : CTS_DST_NAT;
	}
	ct->status |= done;
	return 0;
}

static bool first_addr_of(const struct nf_pkt *p, struct link *link, struct net_addr *ret)
{
	struct ifaddr *ia;

	list_for_each_entry(ia, &link->addrs, link_list)
	{
		if (ia->addr.family != p->family || !ifaddr_usable(ia) ||
		    (p->family == AF_INET6 && addr_is_link_local6(&ia->addr)))
			continue;
		*ret = ia->addr;
		ret->scope = 0;
		return true;
	}
	return false;
}

bool nf_nat_masquerade(struct nf_pkt *p, struct nf_range *r)
{
	struct net_addr dst = nf_pkt_dst(p);
	struct ip_path path;

	if (!p->out)
		return false;
	r->flags |= NF_RANGE_ADDRS;
	/* As routing would choose it, towards this destination. */
	if (ip_path_init(p->nf->ip, &path, &dst, NULL, p->out->id) == 0) {
		r->min = r->max = path.src;
		r->min.scope = r->max.scope = 0;
		return true;
	}
	if (!first_addr_of(p, p->out, &r->min))
		return false;
	r->max = r->min;
	return true;
}

bool nf_nat_redirect(struct nf_pkt *p, struct nf_range *r)
{
	r->flags |= NF_RANGE_ADDRS;
	r->min = (struct net_addr){ .family = p->family };
	if (p->hook == IP_HOOK_OUTPUT) {
		if (p->family == AF_INET) {
			r->min.v4[0] = 127;
			r->min.v4[3] = 1;
		} else {
			r->min.v6[15] = 1;
		}
	} else if (!p->in || !first_addr_of(p, p->in, &r->min)) {
		return false;
	}
	r->max = r->min;
	return true;
}

/* --- rewriting ---------------------------------------------------------------------------------------- */

static size_t addr_off(const struct nf_pkt *p, size_t nh, enum nf_manip manip)
{
	if (p->family == AF_INET)
		return nh + (manip == NF_MANIP_SRC ? 12 : 16);
	return nh + (manip == NF_MANIP_SRC ? 8 : 24);
}

static size_t port_off(uint8_t proto, size_t th, enum nf_manip manip)
{
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return th + 4;
	return manip == NF_MANIP_SRC ? th : th + 2;
}

/* Gives the packet the source (or destination) of @t. */
static bool rewrite(struct nf_pkt *p, enum nf_manip manip, const struct net_ct_tuple *t)
{
	const struct net_addr *a = manip == NF_MANIP_SRC ? &t->src : &t->dst;
	struct net_ct_tuple copy = *t;
	uint8_t port[2];

	if (!nf_pkt_mangle(p, addr_off(p, 0, manip), a->bytes, p->family == AF_INET ? 4 : 16, true))
		return false;
	if (!p->has_th || !has_ports(p->proto))
		return true;
	wire_put16(port, *port_of(&copy, manip));
	return nf_pkt_mangle(p, port_off(p->proto, p->th_off, manip), port, 2, false);
}

/* The packet quoted by an error went the other way: it gets back what the sender of the original packet
 * knows. The outer ICMP checksum covers the quote. */
static bool rewrite_quote(struct nf_pkt *p, enum nf_manip manip, const struct net_ct_tuple *t)
{
	size_t nh = p->th_off + 8u, th;
	const struct net_addr *a = manip == NF_MANIP_SRC ? &t->src : &t->dst;
	struct net_ct_tuple inner, copy = *t;
	uint8_t port[2];

	if (!nf_tuple_read(p, nh, p->family, &inner, &th) || inner.proto != t->proto)
		return true;
	if (!nf_pkt_mangle(p, addr_off(p, nh, manip), a->bytes, p->family == AF_INET ? 4 : 16, false))
		return false;
	if (!has_ports(inner.proto))
		return true;
	wire_put16(port, *port_of(&copy, manip));
	return nf_pkt_mangle(p, port_off(inner.proto, th, manip), port, 2, false);
}

/* Where each side of a packet is rewritten. */
static enum nf_manip manip_of(enum ip_hook hook)
{
	return hook == IP_HOOK_PREROUTING || hook == IP_HOOK_OUTPUT ? NF_MANIP_DST : NF_MANIP_SRC;
}

static bool translate(struct nf_pkt *p)
{
	struct nf_ct *ct = p->ct;
	enum nf_manip manip = manip_of(p->hook);
	uint8_t dir = nf_ctdir(p->ctinfo);
	uint32_t bit = manip == NF_MANIP_SRC ? CTS_SRC_NAT : CTS_DST_NAT;
	struct net_ct_tuple target;
	bool related = p->ctinfo % CTI_REPLY == CTI_RELATED;

	if (dir == CT_REPLY)
		bit ^= CTS_NAT_MASK;
	if (!(ct->status & (related ? CTS_NAT_MASK : bit)))
		return true;
	target = nf_ct_invert(&ct->dir[!dir].tuple);
	if (!related)
		return rewrite(p, manip, &target);

	/* An error: its quote is a packet of the opposite direction, its outer addresses are this one's. */
	struct net_ct_tuple quoted = ct->dir[!dir].tuple;
	enum nf_manip inner = manip == NF_MANIP_SRC ? NF_MANIP_DST : NF_MANIP_SRC;
	struct net_addr outer = manip == NF_MANIP_SRC ? target.src : target.dst;

	if (!rewrite_quote(p, inner, &quoted))
		return false;
	if (!(ct->status & bit))
		return true;
	return nf_pkt_mangle(p, addr_off(p, 0, manip), outer.bytes, p->family == AF_INET ? 4 : 16,
			     p->proto == IPPROTO_ICMPV6);
}

static const struct nf_range nothing;

enum nf_verdict nf_nat(struct nf_pkt *p, struct nft_chain *const *chains, unsigned n)
{
	struct nf_ct *ct = p->ct;
	enum nf_manip manip = manip_of(p->hook);
	uint32_t done = manip == NF_MANIP_SRC ? CTS_SRC_NAT_DONE : CTS_DST_NAT_DONE;

	if (!ct)
		return NF_V_ACCEPT;
	if (p->ctinfo == CTI_NEW && !(ct->status & (CTS_CONFIRMED | done))) {
		for (unsigned i = 0; i < n && !(ct->status & done); i++) {
			enum nf_verdict v = nft_chain_run(chains[i], p);

			if (v != NF_V_ACCEPT)
				return v;
		}
		/* A connection that nothing asks for is bound to itself: its answers stay its own. */
		if (!(ct->status & done) && nf_nat_bind(p, manip, &nothing) < 0)
			return NF_V_DROP;
	}
	return translate(p) ? NF_V_ACCEPT : NF_V_DROP;
}
