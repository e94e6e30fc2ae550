/* SPDX-License-Identifier: Apache-2.0 */
/* Construction of the IP layer, the table towards the links, and delivery to protocols. */
#include "ip/ip.h"

#include <errno.h>
#include <netinet/in.h>
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

static bool upper_src4(void *ctx, struct link *link, const struct net_addr *target,
		       struct net_addr *ret)
{
	struct ifaddr *ia = src_select(ctx, target, target, link);

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

	if (detached) {
		struct ifaddr *ia;

		while ((ia = list_first_entry(&link->addrs, struct ifaddr, link_list)))
			ifaddr_free(ia);
		routes_flush(ip, link);
		mcast_link_gone(ip, link);
	}
	ip_changed(ip);
}

static void upper_link_changed(void *ctx, struct link *link)
{
	struct ip *ip = ctx;

	ip_changed(ip);
	if (link->up && link->autoconf)
		(void)slaac_start(ip, link);
}

int ip_init(struct ip *ip, struct net_core *core, struct links *links)
{
	memset(ip, 0, sizeof(*ip));
	ip->core = core;
	ip->links = links;
	ip->gen = 1;
	ip->pmtu_gen = 1;
	list_init(&ip->all_routes);
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
		.src4 = upper_src4,
		.solicit6 = ndp_solicit,
		.unreachable = upper_unreachable,
		.link_gone = upper_link_gone,
		.link_changed = upper_link_changed,
	};
	if (hash_init(&ip->locals, 4) < 0 || hash_init(&ip->routes[0].hash, 4) < 0 ||
	    hash_init(&ip->routes[1].hash, 4) < 0 || hash_init(&ip->pmtus, 4) < 0 ||
	    hash_init(&ip->reasm.table, 4) < 0)
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
	struct route *rt;

	if (!ip->core)
		return;
	while ((rt = list_first_entry(&ip->all_routes, struct route, all)))
		route_free(rt);
	reasm_flush(ip);
	pmtu_flush(ip);
	hash_fini(&ip->locals);
	hash_fini(&ip->routes[0].hash);
	hash_fini(&ip->routes[1].hash);
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
