/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary addresses (RFC 8981): beside each autoconfigured address (or one that asks for it) a random one
 * that lives shortly and has a successor before its preferred time ends. net.ipv6.conf.*.use_tempaddr: 1
 * makes them, 2 prefers them as sources. */
#include "ip/ip.h"

#define REGEN_ADVANCE_MIN NET_SEC(2) /* RFC 8981 3.8, with room for DAD */

static int32_t conf(const struct ifaddr *ia, enum net_conf6 which)
{
	return ia->link->conf.v6[which];
}

/* RFC 8981 3.8: 2 + TEMP_IDGEN_RETRIES * DupAddrDetectTransmits * RetransTimer. */
static net_dur regen_advance(const struct ifaddr *ia)
{
	net_dur retrans = ia->link->retrans
				  ? ia->link->retrans
				  : NET_MS(ia->link->conf.neigh6[NET_NEIGH_CONF_retrans_time_ms]);

	return REGEN_ADVANCE_MIN +
	       conf(ia, NET_CONF6_regen_max_retry) * conf(ia, NET_CONF6_dad_transmits) * retrans;
}

net_time temp_addr_next(const struct ifaddr *ia)
{
	if (!ia->preferred_until)
		return NET_TIME_NEVER;
	return MAX(ia->preferred_until - regen_advance(ia), ia->info.created);
}

static net_dur desync(struct ip *ip, struct link *link, net_dur preferred)
{
	struct link_ip *li = link_ip(ip, link);
	int32_t max = link->conf.v6[NET_CONF6_max_desync_factor];

	if (!li || max <= 0)
		return 0;
	if (!li->desync)
		li->desync = NET_MS(1) * rng_below(&ip->core->rng, (uint32_t)MIN(max, 4000000) * 1000u);
	return MIN(li->desync, preferred / 2);
}

static unsigned count_addrs(const struct link *link)
{
	struct ifaddr *ia;
	unsigned n = 0;

	list_for_each_entry(ia, &link->addrs, link_list) n += ia->addr.family == AF_INET6;
	return n;
}

static net_time earlier(net_time a, net_time b)
{
	/* 0 = never. */
	if (!a || !b)
		return a ? a : b;
	return MIN(a, b);
}

static void make(struct ifaddr *ia, uint8_t retry)
{
	struct ip *ip = ia->ip;
	struct link *link = ia->link;
	net_time now = ip->core->now;
	net_dur preferred = NET_SEC(conf(ia, NET_CONF6_temp_prefered_lft));
	struct net_ifaddr from = {.link = link->id, .prefix_len = ia->prefix_len, .dad = 1,
				  .dynamic = 1, .temporary = 1, .no_prefix_route = 1};
	struct ifaddr *temp;
	int32_t max = conf(ia, NET_CONF6_max_addresses);

	if (max && count_addrs(link) >= (unsigned)max)
		return;
	from.addr = addr_prefix(&ia->addr, 64);
	iid_random(ip, from.addr.v6);
	from.valid_until = earlier(ia->valid_until, now + NET_SEC(conf(ia, NET_CONF6_temp_valid_lft)));
	from.preferred_until = earlier(ia->preferred_until,
				       now + preferred - desync(ip, link, preferred));
	/* RFC 8981 3.4 (4): not if it would have to be renewed at once. */
	if (from.preferred_until <= now + regen_advance(ia))
		return;
	if (ifaddr_add(ip, link, &from) < 0)
		return;
	temp = ifaddr_on_link(link, &from.addr);
	if (temp) {
		temp->temp_of = ia;
		temp->retry = retry;
	}
}

static struct ifaddr *current(struct ifaddr *ia)
{
	struct ifaddr *temp;

	list_for_each_entry(temp, &ia->link->addrs, link_list)
	{
		if (temp->temp_of == ia && !temp->temp_renewed && !temp->duplicate)
			return temp;
	}
	return NULL;
}

void temp_addr_make(struct ifaddr *ia)
{
	if (ia->info.temporary || ia->addr.family != AF_INET6 || ia->prefix_len != 64 || ia->tentative ||
	    ia->duplicate || addr_is_link_local6(&ia->addr))
		return;
	if (!ia->info.manage_temp && !(ia->dynamic && conf(ia, NET_CONF6_use_tempaddr) > 0))
		return;
	if (!current(ia))
		make(ia, 0);
}

void temp_addr_renew(struct ifaddr *temp)
{
	struct ifaddr *ia = temp->temp_of;

	temp->temp_renewed = true;
	if (ia && (ia->info.manage_temp || conf(ia, NET_CONF6_use_tempaddr) > 0))
		make(ia, 0);
}
