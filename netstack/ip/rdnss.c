/* SPDX-License-Identifier: Apache-2.0 */
/* What routers say of name servers (RFC 8106) is not ours to use: it is told to whoever watches changes. */
#include <string.h>

#include "ip/ip.h"

static void fill(struct net_change *c, struct link *link, const struct net_addr *router,
		 const struct ndp_ra *ra)
{
	c->rdnss.link = link->id;
	c->rdnss.router = *router;
	c->rdnss.managed = ra->managed;
	c->rdnss.other = ra->other;
}

void ra_dns(struct ip *ip, struct link *link, const struct net_addr *router, const struct ndp_ra *ra,
	    const struct ndp_opts *opts)
{
	struct net_change *c;

	if (opts->nserver) {
		c = change_new(&ip->core->changes, NET_CHANGE_RDNSS, !opts->server_lifetime_s);
		if (c) {
			fill(c, link, router, ra);
			c->rdnss.lifetime_s = opts->server_lifetime_s;
			c->rdnss.nservers = MIN(opts->nserver, (unsigned)NET_RDNSS_MAX);
			memcpy(c->rdnss.servers, opts->server,
			       c->rdnss.nservers * sizeof(opts->server[0]));
		}
	}
	if (opts->has_search) {
		c = change_new(&ip->core->changes, NET_CHANGE_RDNSS, !opts->search_lifetime_s);
		if (c) {
			fill(c, link, router, ra);
			c->rdnss.lifetime_s = opts->search_lifetime_s;
			memcpy(c->rdnss.search, opts->search, sizeof(c->rdnss.search) - 1);
		}
	}
}
