/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of router advertisements: default routers with their preference, and more specific routes
 * (RFC 4191). */
#include "ip/ip.h"

static net_time until(struct ip *ip, uint32_t seconds)
{
	return seconds == UINT32_MAX ? 0 : ip->core->now + NET_SEC(seconds);
}

static void set(struct ip *ip, struct net_route *r, uint32_t lifetime_s)
{
	(void)route_del(ip, r);
	r->valid_until = until(ip, lifetime_s);
	if (lifetime_s)
		(void)route_add(ip, r);
}

void ra_default_router(struct ip *ip, struct link *link, const struct net_addr *router,
		       const struct ndp_ra *ra)
{
	const int32_t *conf = link->conf.v6;
	struct net_route r = {
		.dst.family = AF_INET6,
		.gateway = *router,
		.origin = NET_ROUTE_ORIGIN_RA,
		.link = link->id,
		.metric = (uint32_t)conf[NET_CONF6_ra_defrtr_metric],
		.pref = conf[NET_CONF6_accept_ra_rtr_pref] ? ra->pref : 0,
	};

	if (conf[NET_CONF6_accept_ra_defrtr])
		set(ip, &r, ra->lifetime_s);
}

void ra_routes(struct ip *ip, struct link *link, const struct net_addr *router,
	       const struct ndp_opts *opts)
{
	const int32_t *conf = link->conf.v6;

	for (unsigned i = 0; i < opts->nroute && conf[NET_CONF6_accept_ra_rtr_pref]; i++) {
		const struct ndp_route *o = &opts->route[i];
		struct net_route r = {
			.dst = o->prefix,
			.prefix_len = o->len,
			.gateway = *router,
			.origin = NET_ROUTE_ORIGIN_RA,
			.link = link->id,
			.metric = (uint32_t)conf[NET_CONF6_ra_defrtr_metric],
			.pref = o->pref,
		};

		if (o->len < conf[NET_CONF6_accept_ra_rt_info_min_plen] ||
		    o->len > conf[NET_CONF6_accept_ra_rt_info_max_plen])
			continue;
		/* RFC 4191 2.3: ::/0 overrides what the header says of the router itself. */
		set(ip, &r, o->lifetime_s);
	}
}
