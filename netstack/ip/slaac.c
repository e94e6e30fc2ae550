/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless autoconfiguration (RFC 4862) and what router advertisements set (RFC 4861 6.3.4);
 * soliciting routers (RFC 7559). Links take part if configured with autoconf.
 */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

static void rs_fire(struct timer *timer)
{
	struct link_ip *li = container_of(timer, struct link_ip, rs_timer);
	struct ip *ip = li->ip;
	const int32_t *conf = li->link->conf.v6;
	int32_t max = conf[NET_CONF6_router_solicitations];

	if (li->ra_rx || !li->link->up || (max >= 0 && li->rs_sent >= max))
		return;
	ndp_router_solicit(ip, li->link);
	li->rs_sent++;
	/* RFC 7559: intervals double, spread by a tenth. */
	li->rs_interval = li->rs_interval ? 2 * li->rs_interval
					  : NET_SEC(conf[NET_CONF6_router_solicitation_interval]);
	li->rs_interval = MIN(li->rs_interval,
			      NET_SEC(conf[NET_CONF6_router_solicitation_max_interval]));
	timer_arm(&ip->core->timers, &li->rs_timer,
		  ip->core->now + li->rs_interval * (90 + (net_dur)rng_below(&ip->core->rng, 21)) / 100);
}

static void solicit_routers(struct ip *ip, struct link *link)
{
	struct link_ip *li = link_ip(ip, link);

	if (!li || link->conf.v6[NET_CONF6_accept_ra] <= 0 || !link->conf.v6[NET_CONF6_router_solicitations])
		return;
	li->ra_rx = 0;
	li->rs_sent = 0;
	li->rs_interval = 0;
	timer_cancel(&ip->core->timers, &li->rs_timer);
	rs_fire(&li->rs_timer);
}

struct link_ip *link_ip(struct ip *ip, struct link *link)
{
	struct link_ip *li = link->ip;

	if (li)
		return li;
	li = calloc(1, sizeof(*li));
	if (!li)
		return NULL;
	li->ip = ip;
	li->link = link;
	timer_init(&li->rs_timer, rs_fire);
	link->ip = li;
	return li;
}

int slaac_start(struct ip *ip, struct link *link)
{
	struct net_ifaddr ia = {.link = link->id, .prefix_len = 64, .dad = 1};
	bool stable;
	int r;

	if (link->kind != NET_LINK_ETHER || link->mtu < 1280 || link->conf.v6[NET_CONF6_disable_ipv6])
		return 0;
	ia.addr.family = AF_INET6;
	ia.addr.v6[0] = 0xfe;
	ia.addr.v6[1] = 0x80;
	if (!iid_make(link, &ia.addr, 0, ia.addr.v6, &stable))
		return 0;
	ia.stable = stable;
	r = ifaddr_add(ip, link, &ia);
	if (r < 0 && r != -EEXIST)
		return r;
	if (r == -EEXIST)
		solicit_routers(ip, link);
	return 0;
}

void slaac_stop(struct ip *ip, struct link *link)
{
	struct ifaddr *ia;

	if (link->ip)
		timer_cancel(&ip->core->timers, &link->ip->rs_timer);
	list_for_each_entry_safe(ia, &link->addrs, link_list)
	{
		if (ia->addr.family == AF_INET6)
			ifaddr_free(ia);
	}
}

void slaac_dad_done(struct ifaddr *ia)
{
	if (addr_is_link_local6(&ia->addr) && ia->link->autoconf)
		solicit_routers(ia->ip, ia->link);
	temp_addr_make(ia);
}

/* RFC 7217 6, RFC 8981 3.4 (8): another identifier, a few times. */
void slaac_dad_failed(struct ifaddr *ia)
{
	struct ip *ip = ia->ip;
	struct link *link = ia->link;
	struct net_ifaddr from;
	uint8_t retry = (uint8_t)(ia->retry + 1);
	bool stable;

	if (retry > link->conf.v6[NET_CONF6_regen_max_retry])
		return;
	if (ia->info.temporary) {
		struct ifaddr *of = ia->temp_of;

		ifaddr_free(ia);
		if (of)
			temp_addr_make(of);
		return;
	}
	if (!ia->info.stable)
		return;
	ifaddr_info(ia, &from);
	from.duplicate = from.tentative = 0;
	from.dad = 1;
	ifaddr_free(ia);
	if (!iid_make(link, &from.addr, retry, from.addr.v6, &stable) || ifaddr_add(ip, link, &from) < 0)
		return;
	ia = ifaddr_on_link(link, &from.addr);
	if (ia)
		ia->retry = retry;
}

static net_time until(struct ip *ip, uint32_t seconds)
{
	return seconds == UINT32_MAX ? 0 : ip->core->now + NET_SEC(seconds);
}

static void on_link_prefix(struct ip *ip, struct link *link, const struct ndp_prefix *p)
{
	struct net_route r = {
		.dst = p->prefix,
		.prefix_len = p->len,
		.origin = NET_ROUTE_ORIGIN_RA,
		.protocol = 2, /* RTPROT_KERNEL, as Linux marks them */
		.link = link->id,
		.metric = 256,
		.valid_until = until(ip, p->valid_s),
	};
	struct route *rt;

	list_for_each_entry_safe(rt, &ip->all_routes, all)
	{
		if (rt->r.origin == NET_ROUTE_ORIGIN_RA && rt->link == link &&
		    rt->r.prefix_len == p->len && !rt->r.gateway.family &&
		    addr_in_prefix(&rt->r.dst, &p->prefix, p->len))
			route_free(rt);
	}
	if (p->valid_s)
		(void)route_add(ip, &r);
}

/* Temporary addresses do not outlive the prefix, and follow it (RFC 8981 3.4 (3)). */
static void temporaries_follow(struct ifaddr *ia)
{
	struct ifaddr *t;

	list_for_each_entry(t, &ia->link->addrs, link_list)
	{
		const int32_t *conf = t->link->conf.v6;

		if (t->temp_of != ia)
			continue;
		t->valid_until = t->info.created + NET_SEC(conf[NET_CONF6_temp_valid_lft]);
		if (ia->valid_until)
			t->valid_until = MIN(t->valid_until, ia->valid_until);
		if (ia->preferred_until)
			t->preferred_until = MIN(t->preferred_until, ia->preferred_until);
		if (!t->tentative)
			ifaddr_arm(t);
	}
}

/* RFC 4862 5.5.3 e, of an address that is there. */
static void refresh(struct ifaddr *ia, const struct ndp_prefix *p, const struct net_ifaddr *from)
{
	net_time now = ia->ip->core->now;
	/* Two hours are kept unless the advertisement is longer. */
	net_dur left = ia->valid_until ? ia->valid_until - now : INT64_MAX;

	if (p->valid_s > 7200 || NET_SEC(p->valid_s) > left)
		ia->valid_until = from->valid_until;
	else if (left > NET_SEC(7200))
		ia->valid_until = now + NET_SEC(7200);
	ia->preferred_until = from->preferred_until;
	ia->deprecated = p->preferred_s == 0;
	ia->info.updated = now;
	ip_changed(ia->ip);
	if (!ia->tentative)
		ifaddr_arm(ia);
	temporaries_follow(ia);
	temp_addr_make(ia);
	ifaddr_notify(ia, false);
}

/* The address that we made of the prefix before. */
static struct ifaddr *made_of(struct link *link, const struct net_addr *prefix)
{
	struct ifaddr *ia;

	list_for_each_entry(ia, &link->addrs, link_list)
	{
		if (ia->dynamic && !ia->info.temporary && ia->addr.family == AF_INET6 &&
		    addr_in_prefix(&ia->addr, prefix, 64))
			return ia;
	}
	return NULL;
}

/* RFC 4862 5.5.3. */
static void autonomous_prefix(struct ip *ip, struct link *link, const struct ndp_prefix *p)
{
	struct net_ifaddr from = {.link = link->id, .prefix_len = 64, .dad = 1, .dynamic = 1};
	struct ifaddr *ia;
	bool stable;

	if (p->len != 64 || p->preferred_s > p->valid_s || addr_is_link_local6(&p->prefix) ||
	    addr_is_multicast(&p->prefix) || !link->conf.v6[NET_CONF6_autoconf])
		return;
	from.no_prefix_route = 1; /* the on-link flag makes the route */
	from.addr = addr_prefix(&p->prefix, 64);
	from.valid_until = until(ip, p->valid_s);
	from.preferred_until = until(ip, p->preferred_s);
	ia = made_of(link, &p->prefix);
	if (ia) {
		refresh(ia, p, &from);
		return;
	}
	if (!p->valid_s || !iid_make(link, &from.addr, 0, from.addr.v6, &stable))
		return;
	from.stable = stable;
	from.deprecated = p->preferred_s == 0;
	(void)ifaddr_add(ip, link, &from);
}

static void note_prefix(struct link *link, const struct ndp_prefix *p)
{
	struct net_change *c = change_new(&link->links->core->changes, NET_CHANGE_PREFIX, false);

	if (c)
		c->prefix = (struct net_prefix_info){link->id,	    p->prefix,	p->len,	       p->on_link,
						     p->autonomous, p->valid_s, p->preferred_s};
}

static void parameters(struct ip *ip, struct link *link, const struct ndp_ra *ra,
		       const struct ndp_opts *opts)
{
	const int32_t *conf = link->conf.v6;

	if (ra->hop_limit >= conf[NET_CONF6_accept_ra_min_hop_limit] && ra->hop_limit)
		link->ra_hop_limit = ra->hop_limit;
	if (ra->reachable_ms && ra->reachable_ms <= 3600000)
		link->reachable = NET_MS(ra->reachable_ms);
	if (ra->retrans_ms && ra->retrans_ms <= 3600000)
		link->retrans = NET_MS(ra->retrans_ms);
	if (opts->has_mtu && opts->mtu >= 1280 && opts->mtu <= link->mtu &&
	    conf[NET_CONF6_accept_ra_mtu]) {
		link->ip6_mtu = opts->mtu;
		link->conf.v6[NET_CONF6_mtu] = (int32_t)opts->mtu;
		ip_changed(ip);
	}
}

void slaac_ra(struct ip *ip, struct link *link, const struct net_addr *router,
	      const struct ndp_ra *ra, const struct ndp_opts *opts)
{
	struct link_ip *li = link_ip(ip, link);

	if (li && ra->lifetime_s) {
		li->ra_rx++;
		timer_cancel(&ip->core->timers, &li->rs_timer);
	}
	ra_default_router(ip, link, router, ra);
	ra_routes(ip, link, router, opts);
	parameters(ip, link, ra, opts);
	for (unsigned i = 0; i < opts->nprefix && link->conf.v6[NET_CONF6_accept_ra_pinfo]; i++) {
		const struct ndp_prefix *p = &opts->prefix[i];

		note_prefix(link, p);
		if (p->on_link && !addr_is_link_local6(&p->prefix))
			on_link_prefix(ip, link, p);
		if (p->autonomous)
			autonomous_prefix(ip, link, p);
	}
	ra_dns(ip, link, router, ra, opts);
}
