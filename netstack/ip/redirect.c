/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects: obeying those of our first hop (RFC 1122 3.2.2.2, RFC 4861 8.1, 8.3), sending them where we
 * forward a packet back over the link that it came from (RFC 1812 5.2.7.2, RFC 4861 8.2). */
#include <netinet/in.h>

#include "ip/ip.h"

/* Linux: redirects are obeyed by hosts if either says so, by routers only if both do. */
static bool accepts4(const struct link *link)
{
	const struct confs *cs = &link->links->core->confs;
	int32_t own = link->conf.v4[NET_CONF4_accept_redirects];

	if (link->conf.v4[NET_CONF4_forwarding])
		return cs->all.v4[NET_CONF4_accept_redirects] && own;
	return cs->all.v4[NET_CONF4_accept_redirects] || own;
}

static bool on_link(struct link *link, const struct net_addr *a)
{
	struct ifaddr *ia;

	list_for_each_entry(ia, &link->addrs, link_list) if (addr_in_prefix(a, &ia->addr, ia->prefix_len))
		return true;
	return false;
}

/* The next hop that we use for @dst now. */
static bool next_hop(struct ip *ip, const struct net_addr *dst, struct net_addr *ret, struct link **link)
{
	struct ip_path path;

	if (ip_path_init(ip, &path, dst, NULL, 0) < 0 || path.type != IP_DST_UNICAST)
		return false;
	*ret = path.next_hop;
	*link = path.link;
	return true;
}

enum drop redirect_input4(struct ip *ip, struct link *link, const struct net_addr *from,
			  const struct net_addr *dst, const struct net_addr *target)
{
	struct net_addr hop;
	struct link *out;

	if (!accepts4(link) || addr_is_multicast(target) || addr_is_any(target) ||
	    ip_local_type(ip, target, NULL) != IP_LOCAL_NONE)
		return DROP_ICMP_REDIRECT;
	/* From the router that we send by, over the link that we send on, to one on that link. */
	if (!next_hop(ip, dst, &hop, &out) || out != link || !addr_eq(&hop, from) || !on_link(link, target))
		return DROP_ICMP_REDIRECT;
	/* secure_redirects: only to routers that we know. */
	if (conf4_or(link, NET_CONF4_secure_redirects) && !conf4_or(link, NET_CONF4_shared_media)) {
		struct route *rt;
		bool known = false;

		list_for_each_entry(rt, &ip->all_routes, all) known |= addr_eq(&rt->r.gateway, target);
		if (!known)
			return DROP_ICMP_REDIRECT;
	}
	redirect_learn(ip, dst, target, link);
	return DROP_NONE;
}

enum drop redirect_input6(struct ip *ip, struct link *link, struct pkt *pkt, struct rd *in)
{
	struct net_addr target, dst, hop;
	struct ndp_opts opts;
	struct link *out;
	bool direct;

	if (!addr_is_link_local6(&pkt->ip.src) || ndp_parse_target(&target, in) != DROP_NONE ||
	    ndp_parse_target(&dst, in) != DROP_NONE || ndp_parse_opts(&opts, in) != DROP_NONE ||
	    addr_is_multicast(&dst))
		return DROP_NDP_MALFORMED;
	direct = addr_eq(&target, &dst);
	if (!direct && !addr_is_link_local6(&target))
		return DROP_NDP_MALFORMED;
	if (!link->conf.v6[NET_CONF6_accept_redirects] || link->conf.v6[NET_CONF6_forwarding])
		return DROP_ICMP_REDIRECT;
	if (addr_needs_scope(&dst))
		dst.scope = (uint32_t)link->id;
	if (!next_hop(ip, &dst, &hop, &out) || out != link || !addr_eq(&hop, &pkt->ip.src))
		return DROP_ICMP_REDIRECT;
	if (opts.has_tlla)
		neigh_update(ip->links, link, &target, opts.tlla,
			     NEIGH_OVERRIDE | NEIGH_CREATE |
				     (direct ? 0 : NEIGH_HAS_ROUTER | NEIGH_IS_ROUTER));
	redirect_learn(ip, &dst, &target, link);
	return DROP_NONE;
}

void redirect_maybe(struct ip *ip, struct link *in, struct pkt *pkt, const struct ip_path *path)
{
	const struct net_addr *src = &pkt->ip.src;

	if (path->link != in || in->kind != NET_LINK_ETHER || pkt->ip.link_multi)
		return;
	if (src->family == AF_INET) {
		/* The sender could have reached the next hop by itself. */
		if (conf4_or(in, NET_CONF4_send_redirects) &&
		    (conf4_or(in, NET_CONF4_shared_media) || on_link(in, src)) && on_link(in, &path->next_hop))
			icmp4_error(ip, pkt, ICMP4_REDIRECT, 1,
				    (uint32_t)path->next_hop.v4[0] << 24 |
					    (uint32_t)path->next_hop.v4[1] << 16 |
					    (uint32_t)path->next_hop.v4[2] << 8 | path->next_hop.v4[3]);
		return;
	}
	if (!addr_eq(&path->next_hop, &pkt->ip.dst) && !addr_is_link_local6(&path->next_hop))
		return;
	if (on_link(in, src) && icmp_limit_ok(ip, src, ICMP6_REDIRECT))
		ndp_redirect(ip, in, pkt, &path->next_hop, &pkt->ip.dst);
}
