/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast memberships of links, and when to report them (RFC 3376 5, RFC 3810 6: robustness 2).
 * igmp.c and mld.c write the messages.
 */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

#define UNSOLICITED_MAX NET_SEC(1) /* RFC 3376 8.11, RFC 3810 9.11 */
#define ROBUSTNESS 2

struct mcast_group *mcast_find(struct link *link, const struct net_addr *group)
{
	struct mcast_group *g;

	list_for_each_entry(g, &link->groups, link_list) if (addr_eq(&g->group, group)) return g;
	return NULL;
}

/* Groups that are never reported: all-hosts and all-nodes, interface-local (RFC 3376 5, 3810 6). */
static bool is_silent(const struct mcast_group *g)
{
	struct net_addr nodes = addr_all_nodes6(), hosts = addr4(0xe0000001);

	if (g->link->kind != NET_LINK_ETHER)
		return true;
	if (g->group.family == AF_INET)
		return addr_eq(&g->group, &hosts);
	return addr_eq(&g->group, &nodes) || addr_mcast_scope6(&g->group) <= 1;
}

static void report(struct mcast_group *g, bool leave)
{
	if (g->group.family == AF_INET)
		igmp_report(g, leave);
	else
		mld_report(g, leave);
}

static void group_fire(struct timer *timer)
{
	struct mcast_group *g = container_of(timer, struct mcast_group, timer);
	struct net_core *core = g->ip->core;

	report(g, false);
	g->last_reporter = true;
	if (g->reports_left && --g->reports_left)
		timer_arm(&core->timers, &g->timer,
			  core->now + (net_dur)rng_below(&core->rng, (uint32_t)UNSOLICITED_MAX));
}

int mcast_join(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);

	if (g) {
		g->users++;
		return 0;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->ip = ip;
	g->link = link;
	g->group = *group;
	g->group.scope = 0;
	g->users = 1;
	timer_init(&g->timer, group_fire);
	list_push_back(&link->groups, &g->link_list);
	if (!is_silent(g) && link->up) {
		g->reports_left = ROBUSTNESS;
		group_fire(&g->timer);
	}
	return 0;
}

static void group_free(struct mcast_group *g)
{
	timer_cancel(&g->ip->core->timers, &g->timer);
	list_remove(&g->link_list);
	free(g);
}

void mcast_leave(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);

	(void)ip;
	if (!g || --g->users)
		return;
	if (g->last_reporter && link->up && !is_silent(g))
		report(g, true);
	group_free(g);
}

void mcast_link_gone(struct ip *ip, struct link *link)
{
	struct mcast_group *g;

	(void)ip;
	while ((g = list_first_entry(&link->groups, struct mcast_group, link_list)))
		group_free(g);
}

void mcast_query(struct ip *ip, struct link *link, const struct mcast_query *q, uint16_t family)
{
	struct net_core *core = ip->core;
	struct mcast_group *g;

	list_for_each_entry(g, &link->groups, link_list)
	{
		if (g->group.family != family || is_silent(g))
			continue;
		if (q->group.family && !addr_eq(&q->group, &g->group))
			continue;

		uint64_t max = (uint64_t)MAX(q->max_resp, NET_MS(1));
		net_dur delay = (net_dur)(rng_u64(&core->rng) % max);

		/* RFC 2236 3: keep an earlier answer that is already planned. */
		if (!timer_armed(&g->timer) || g->timer.at > core->now + delay) {
			timer_cancel(&core->timers, &g->timer);
			timer_arm(&core->timers, &g->timer, core->now + delay);
		}
	}
}

/* Somebody else reported: an older-version listener stays quiet (RFC 2236 3). */
void mcast_heard(struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);

	if (g && g->last_reporter && !g->reports_left) {
		timer_cancel(&g->ip->core->timers, &g->timer);
		g->last_reporter = false;
	}
}
