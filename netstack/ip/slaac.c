/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless autoconfiguration (RFC 4862) and what router advertisements set (RFC 4861 6.3.4);
 * duplicate address detection. Links take part if configured with autoconf.
 */
#include <errno.h>

#include "ip/ip.h"

/* RFC 4291 appendix A: the modified EUI-64 of the link's address. */
static void interface_id(const struct link *link, uint8_t v6[16])
{
	const uint8_t *m = link->mac;
	uint8_t id[8] = {(uint8_t)(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};

	memcpy(v6 + 8, id, 8);
}

int slaac_start(struct ip *ip, struct link *link)
{
	struct net_ifaddr ia = {.link = link->id, .prefix_len = 64, .dad = 1};
	int r;

	if (link->kind != NET_LINK_ETHER || link->mtu < 1280)
		return 0;
	ia.addr.family = AF_INET6;
	ia.addr.v6[0] = 0xfe;
	ia.addr.v6[1] = 0x80;
	interface_id(link, ia.addr.v6);
	r = ifaddr_add(ip, link, &ia);
	if (r < 0 && r != -EEXIST)
		return r;
	if (r == -EEXIST && ip->core->tun.ip6_accept_ra)
		ndp_router_solicit(ip, link);
	return 0;
}

/* One probe, or the end of detection. */
void slaac_dad_start(struct ifaddr *ia)
{
	struct ip *ip = ia->ip;
	struct net_addr any = {.family = AF_INET6};

	if (ia->dad_left) {
		ia->dad_left--;
		ndp_solicit_from(ip, ia->link, &any, &ia->addr, NULL);
		timer_arm(&ip->core->timers, &ia->timer,
			  ip->core->now + NET_MS(ip->core->tun.neigh_retrans_ms));
		return;
	}
	ia->tentative = false;
	ip_changed(ip);
	if (ia->valid_until)
		timer_arm(&ip->core->timers, &ia->timer,
			  ia->preferred_until ? ia->preferred_until : ia->valid_until);
	if (addr_is_link_local6(&ia->addr) && ia->link->autoconf && ip->core->tun.ip6_accept_ra)
		ndp_router_solicit(ip, ia->link);
}

void slaac_dad_conflict(struct ifaddr *ia)
{
	timer_cancel(&ia->ip->core->timers, &ia->timer);
	ia->tentative = false;
	ia->duplicate = true;
	ip_changed(ia->ip);
}

static net_time until(struct ip *ip, uint32_t seconds)
{
	return seconds == UINT32_MAX ? 0 : ip->core->now + NET_SEC(seconds);
}

static void default_router(struct ip *ip, struct link *link, const struct net_addr *router,
			   uint16_t lifetime_s)
{
	struct net_route r = {
		.dst.family = AF_INET6,
		.gateway = *router,
		.origin = NET_ROUTE_ORIGIN_RA,
		.link = link->id,
		.metric = 1024,
		.valid_until = until(ip, lifetime_s),
	};

	(void)route_del(ip, &r);
	if (lifetime_s)
		(void)route_add(ip, &r);
}

static void on_link_prefix(struct ip *ip, struct link *link, const struct ndp_prefix *p)
{
	struct net_route r = {
		.dst = p->prefix,
		.prefix_len = p->len,
		.origin = NET_ROUTE_ORIGIN_RA,
		.link = link->id,
		.metric = 256,
		.valid_until = until(ip, p->valid_s),
	};
	struct route *rt;

	list_for_each_entry_safe(rt, &ip->all_routes,
				 all) if (rt->r.origin == NET_ROUTE_ORIGIN_RA && rt->link == link &&
					  rt->r.prefix_len == p->len && !rt->r.gateway.family &&
					  addr_in_prefix(&rt->r.dst, &p->prefix, p->len))
		route_free(rt);
	if (p->valid_s)
		(void)route_add(ip, &r);
}

/* RFC 4862 5.5.3. */
static void autonomous_prefix(struct ip *ip, struct link *link, const struct ndp_prefix *p)
{
	struct net_ifaddr from = {.link = link->id, .prefix_len = 64, .dad = 1, .dynamic = 1};
	struct ifaddr *ia;

	if (p->len != 64 || p->preferred_s > p->valid_s || addr_is_link_local6(&p->prefix) ||
	    addr_is_multicast(&p->prefix) || !ip->core->tun.ip6_autoconf)
		return;
	from.addr = addr_prefix(&p->prefix, 64);
	interface_id(link, from.addr.v6);
	from.valid_until = until(ip, p->valid_s);
	from.preferred_until = until(ip, p->preferred_s);
	ia = ifaddr_on_link(link, &from.addr);
	if (!ia) {
		if (p->valid_s)
			(void)ifaddr_add(ip, link, &from);
		return;
	}
	if (!ia->dynamic)
		return;

	/* 5.5.3 e: two hours are kept unless the advertisement is longer. */
	net_dur left = ia->valid_until ? ia->valid_until - ip->core->now : INT64_MAX;

	if (p->valid_s > 7200 || NET_SEC(p->valid_s) > left)
		ia->valid_until = from.valid_until;
	else if (left > NET_SEC(7200))
		ia->valid_until = ip->core->now + NET_SEC(7200);
	ia->preferred_until = from.preferred_until;
	ia->deprecated = p->preferred_s == 0;
	if (!ia->tentative && ia->valid_until)
		timer_arm(&ip->core->timers, &ia->timer, ip->core->now);
}

void slaac_ra(struct ip *ip, struct link *link, const struct net_addr *router,
	      const struct ndp_ra *ra, const struct ndp_opts *opts)
{
	default_router(ip, link, router, ra->lifetime_s);
	if (ra->hop_limit)
		link->ra_hop_limit = ra->hop_limit;
	if (ra->reachable_ms && ra->reachable_ms <= 3600000)
		link->reachable = NET_MS(ra->reachable_ms);
	if (ra->retrans_ms && ra->retrans_ms <= 3600000)
		link->retrans = NET_MS(ra->retrans_ms);
	if (opts->has_mtu && opts->mtu >= 1280 && opts->mtu <= link->mtu) {
		link->ip6_mtu = opts->mtu;
		ip_changed(ip);
	}
	for (unsigned i = 0; i < opts->nprefix; i++) {
		if (opts->prefix[i].on_link && !addr_is_link_local6(&opts->prefix[i].prefix))
			on_link_prefix(ip, link, &opts->prefix[i]);
		if (opts->prefix[i].autonomous)
			autonomous_prefix(ip, link, &opts->prefix[i]);
	}
}
