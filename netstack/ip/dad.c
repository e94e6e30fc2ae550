/* SPDX-License-Identifier: Apache-2.0 */
/* Duplicate address detection (RFC 4862 5.4): probes, with a nonce so that our own that come back are known
 * (RFC 7527); optimistic use meanwhile (RFC 4429). */
#include "ip/ip.h"

#define NONCE_LEN 6

static bool optimistic(const struct ifaddr *ia)
{
	const struct link *link = ia->link;

	return ia->info.optimistic || link->conf.v6[NET_CONF6_optimistic_dad] ||
	       ia->ip->core->confs.all.v6[NET_CONF6_optimistic_dad];
}

static bool enhanced(const struct ifaddr *ia)
{
	return ia->link->conf.v6[NET_CONF6_enhanced_dad] &&
	       ia->ip->core->confs.all.v6[NET_CONF6_enhanced_dad];
}

static net_dur retrans(const struct ifaddr *ia)
{
	if (ia->link->retrans)
		return ia->link->retrans;
	return NET_MS(ia->link->conf.neigh6[NET_NEIGH_CONF_retrans_time_ms]);
}

void dad_start(struct ifaddr *ia)
{
	ia->tentative = true;
	ia->optimistic = optimistic(ia);
	ia->dad_left = (uint8_t)MIN(ia->link->conf.v6[NET_CONF6_dad_transmits], 255);
	rng_bytes(&ia->ip->core->rng, ia->nonce, NONCE_LEN);
	if (ia->link->up)
		dad_fire(ia);
}

/* One probe, or the end of detection. */
void dad_fire(struct ifaddr *ia)
{
	struct ip *ip = ia->ip;
	struct net_addr any = {.family = AF_INET6};

	if (ia->dad_left) {
		ia->dad_left--;
		ndp_solicit_from(ip, ia->link, &any, &ia->addr, NULL, enhanced(ia) ? ia->nonce : NULL);
		timer_arm(&ip->core->timers, &ia->timer, ip->core->now + retrans(ia));
		return;
	}
	ia->tentative = ia->optimistic = false;
	ip_changed(ip);
	ifaddr_notify(ia, false);
	if (ia->link->conf.v6[NET_CONF6_ndisc_notify])
		ndp_announce(ip, ia);
	ifaddr_arm(ia);
	slaac_dad_done(ia);
}

void dad_conflict(struct ifaddr *ia)
{
	timer_cancel(&ia->ip->core->timers, &ia->timer);
	ia->tentative = ia->optimistic = false;
	ia->duplicate = true;
	ip_changed(ia->ip);
	ifaddr_notify(ia, false);
	slaac_dad_failed(ia); /* may free it */
}

void dad_heard(struct ifaddr *ia, const uint8_t *nonce)
{
	/* RFC 7527 4.2: our own probe, looped back by the link. Detection goes on a while longer. */
	if (nonce && enhanced(ia) && !memcmp(nonce, ia->nonce, NONCE_LEN)) {
		if (ia->dad_left < 3)
			ia->dad_left++;
		return;
	}
	dad_conflict(ia);
}
