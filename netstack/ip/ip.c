/* SPDX-License-Identifier: Apache-2.0 */
/* Construction of the IP layer, the table towards the links, and delivery to protocols. */
#include "ip/ip.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void upper_input(void *ctx, struct link *link, struct pkt *pkt, uint16_t ethertype)
{
	if (ethertype == ETH_TYPE_IP4)
		ip4_input(ctx, link, pkt);
	else
		ip6_input(ctx, link, pkt);
}

static bool upper_owns4(void *ctx, struct link *link, const struct net_addr *addr)
{
	(void)link;
	/* Never for 127/8, whatever link asks. */
	return !addr_is_loopback(addr) && ip_is_local(ctx, addr, NULL);
}

/* net.ipv4.conf.*.arp_ignore: whether an address of ours is answered for on this link. */
static bool arp_ignores(struct ip *ip, struct link *link, const struct net_addr *spa,
			const struct net_addr *tpa)
{
	const struct ifaddr *ia = ifaddr_on_link(link, tpa);

	(void)ip;
	switch (conf4_max(link, NET_CONF4_arp_ignore)) {
	case 0:
		return false;
	case 1: /* only addresses of the link */
		return !ia;
	case 2: /* and only for its subnet */
		return !ia || !addr_in_prefix(spa, &ia->addr, ia->prefix_len);
	case 8:
		return true;
	default:
		return false;
	}
}

/* Proxy ARP (RFC 1027): for what we would forward to another link, or what is configured. */
static bool arp_proxies(struct ip *ip, struct link *link, const struct net_addr *tpa)
{
	struct ip_flow flow = {.dst = *tpa, .iif = link->id};
	struct fib_result res;

	if (!link->conf.v4[NET_CONF4_forwarding] || addr_is_multicast(tpa) || addr_is_any(tpa))
		return false;
	if (fib_lookup(ip, &flow, &res) < 0 || res.rt->r.type != NET_ROUTE_UNICAST || res.link == link)
		return false;
	return conf4_or(link, NET_CONF4_proxy_arp) || proxy_find(ip->links, link, tpa);
}

static enum arp_answer upper_answer4(void *ctx, struct link *link, const struct net_addr *spa,
				     const struct net_addr *tpa)
{
	struct ip *ip = ctx;
	struct ip_flow back = {.dst = *spa};
	struct fib_result res;

	if (!upper_owns4(ip, link, tpa))
		return arp_proxies(ip, link, tpa) ? ARP_PROXY : ARP_IGNORE;
	if (arp_ignores(ip, link, spa, tpa))
		return ARP_SILENT;
	/* arp_filter: only over the link that we would answer by. */
	if (conf4_or(link, NET_CONF4_arp_filter) && !addr_is_any(spa) &&
	    (fib_lookup(ip, &back, &res) < 0 || res.link != link))
		return ARP_SILENT;
	return ARP_OURS;
}

/* net.ipv4.conf.*.arp_announce: 0 the packet's own source, 1 if it is in the target's subnet, 2 the best
 * for the target. */
static bool upper_src4(void *ctx, struct link *link, const struct net_addr *target,
		       const struct net_addr *want, struct net_addr *ret)
{
	struct ip *ip = ctx;
	int32_t mode = conf4_max(link, NET_CONF4_arp_announce);
	struct ifaddr *ia = want && mode < 2 ? ifaddr_find(ip, want) : NULL;

	if (ia && mode == 1 && !addr_in_prefix(target, &ia->addr, ia->prefix_len))
		ia = NULL;
	if (!ia)
		ia = src_select(ip, target, target, link, 0);
	if (!ia)
		return false;
	*ret = ia->addr;
	return true;
}

static void upper_unreachable(void *ctx, struct link *link, struct pkt *pkt)
{
	icmp_neigh_failed(ctx, link, pkt);
}

static void upper_link_gone(void *ctx, struct link *link, bool detached)
{
	struct ip *ip = ctx;

	if (link->ip)
		timer_cancel(&ip->core->timers, &link->ip->rs_timer);
	if (detached) {
		struct ifaddr *ia;

		while ((ia = list_first_entry(&link->addrs, struct ifaddr, link_list)))
			ifaddr_free(ia);
		routes_flush(ip, link);
		mcast_link_gone(ip, link);
		free(link->ip);
		link->ip = NULL;
	}
	ip_changed(ip);
}

/* Detection begins again, groups are reported again. */
static void link_came_up(struct ip *ip, struct link *link)
{
	struct ifaddr *ia;

	mcast_link_up(ip, link);
	list_for_each_entry(ia, &link->addrs, link_list)
	{
		if (ia->tentative)
			dad_start(ia);
		if (ia->addr.family == AF_INET && link->kind == NET_LINK_ETHER && !link->noarp &&
		    conf4_or(link, NET_CONF4_arp_notify))
			arp_announce(link, &ia->addr);
	}
	if (link->autoconf)
		(void)slaac_start(ip, link);
}

static void upper_link_changed(void *ctx, struct link *link)
{
	struct ip *ip = ctx;
	struct link_ip *li = link->up ? link_ip(ip, link) : link->ip;

	ip_changed(ip);
	rules_resolve(ip);
	if (li && link->up && !li->was_up)
		link_came_up(ip, link);
	if (li)
		li->was_up = link->up;
}

/* Neighbours learn of a new link-layer address (net.ipv4.conf.*.arp_notify, net.ipv6.conf.*.ndisc_notify). */
static void upper_link_readdressed(void *ctx, struct link *link)
{
	struct ip *ip = ctx;
	struct ifaddr *ia;

	ip_changed(ip);
	list_for_each_entry(ia, &link->addrs, link_list)
	{
		if (ia->addr.family == AF_INET && conf4_or(link, NET_CONF4_arp_notify))
			arp_announce(link, &ia->addr);
		else if (ia->addr.family == AF_INET6 && ifaddr_usable(ia) &&
			 link->conf.v6[NET_CONF6_ndisc_notify])
			ndp_announce(ip, ia);
	}
}

int ip_init(struct ip *ip, struct net_core *core, struct links *links)
{
	memset(ip, 0, sizeof(*ip));
	ip->core = core;
	ip->links = links;
	ip->gen = 1;
	ip->pmtu_gen = 1;
	list_init(&ip->all_routes);
	for (int i = 0; i < 2; i++) {
		list_init(&ip->tables[i]);
		list_init(&ip->rules[i]);
	}
	list_init(&ip->pmtu_lru);
	list_init(&ip->reasm.age);
	ip->icmp_limit.credit = (uint32_t)core->tun.icmp_msgs_burst;
	ip->icmp_limit.last = core->now;
	rng_bytes(&core->rng, &ip->id_key, sizeof(ip->id_key));
	rng_bytes(&core->rng, ip->ip_ids, sizeof(ip->ip_ids));
	links->up = (struct link_upper){
		.ctx = ip,
		.input = upper_input,
		.owns4 = upper_owns4,
		.answer4 = upper_answer4,
		.src4 = upper_src4,
		.solicit6 = ndp_solicit,
		.unreachable = upper_unreachable,
		.link_gone = upper_link_gone,
		.link_changed = upper_link_changed,
		.link_readdressed = upper_link_readdressed,
	};
	if (hash_init(&ip->locals, 4) < 0 || hash_init(&ip->pmtus, 4) < 0 ||
	    hash_init(&ip->reasm.table, 4) < 0 || rules_init(ip) < 0)
		return -ENOMEM;

	static const struct ip_proto icmp4 = {.input = icmp4_input};
	static const struct ip_proto icmp6 = {.input = icmp6_input};
	static const struct ip_proto igmp = {.input = igmp_input};

	ip->protos[IPPROTO_ICMP] = icmp4;
	ip->protos[IPPROTO_ICMPV6] = icmp6;
	ip->protos[IPPROTO_IGMP] = igmp;
	ip->protos[IPPROTO_ICMP].ctx = ip->protos[IPPROTO_ICMPV6].ctx = ip;
	ip->protos[IPPROTO_IGMP].ctx = ip;
	return 0;
}

void ip_fini(struct ip *ip)
{
	if (!ip->core)
		return;
	routes_free(ip);
	rules_free(ip);
	reasm_flush(ip);
	pmtu_flush(ip);
	hash_fini(&ip->locals);
	hash_fini(&ip->pmtus);
	hash_fini(&ip->reasm.table);
}

void ip_deliver(struct ip *ip, struct link *link, struct pkt *pkt, uint8_t proto)
{
	bool v4 = pkt->ip.src.family == AF_INET;
	const struct ip_proto *p = &ip->protos[proto];
	bool taken = false;

	(void)link;
	pkt->ip.proto = proto;
	if (ip->raw_input)
		taken = ip->raw_input(ip->raw_ctx, pkt);
	/* Each family has its own ICMP; the other's number is an unknown protocol. */
	if (p->input && proto != (v4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
	    (v4 || proto != IPPROTO_IGMP)) {
		if (v4)
			MIB_INC(ip->core, Ip_InDelivers);
		else
			MIB_INC(ip->core, Ip6_InDelivers);
		p->input(p->ctx, pkt);
		return;
	}
	if (taken) {
		core_drop(ip->core, pkt, DROP_NONE);
		return;
	}
	if (v4) {
		MIB_INC(ip->core, Ip_InUnknownProtos);
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_PROTO_UNREACH, 0);
	} else {
		MIB_INC(ip->core, Ip6_InUnknownProtos);
		/* RFC 8200 4: code 1, pointing at the next-header field. Without extension headers
		 * that is byte 6; with them, the last header's first byte. */
		icmp6_error(ip, pkt, ICMP6_PARAM, 1,
			    pkt->ip.hdr_len > IP6_HDR_LEN ? pkt->ip.sport : 6);
	}
	core_drop(ip->core, pkt, DROP_IP_NO_PROTO);
}

void ip_send_port_unreachable(struct ip *ip, struct pkt *pkt)
{
	if (pkt->ip.src.family == AF_INET)
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0);
	else
		icmp6_error(ip, pkt, ICMP6_UNREACH, 4, 0);
}

static uint64_t id_hash(struct ip *ip, const struct net_addr *src, const struct net_addr *dst)
{
	struct {
		uint64_t a[2], b[2];
	} key = {{src->quad[0], src->quad[1]}, {dst->quad[0], dst->quad[1]}};

	return siphash(&ip->id_key, &key, sizeof(key));
}

uint32_t ip_next_id(struct ip *ip, const struct net_addr *src, const struct net_addr *dst)
{
	uint64_t h = id_hash(ip, src, dst);

	return ip->ip_ids[h & 255]++ + (uint32_t)(h >> 32);
}

void ip_path_init_id(struct ip *ip, struct ip_path *path)
{
	uint64_t h = id_hash(ip, &path->src, &path->dst);

	path->id_slot = (uint8_t)h;
	path->id_base = (uint32_t)(h >> 32);
}

uint32_t ip_path_next_id(struct ip *ip, const struct ip_path *path)
{
	return ip->ip_ids[path->id_slot]++ + path->id_base;
}
