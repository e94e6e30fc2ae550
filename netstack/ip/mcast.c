/* SPDX-License-Identifier: Apache-2.0 */
/* Memberships of links with their source filters, and when to report them (RFC 3376 5, RFC 3810 6).
 * igmp.c and mld.c write the messages.
 */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

struct mcast_group *mcast_find(struct link *link, const struct net_addr *group)
{
	struct mcast_group *g;

	list_for_each_entry(g, &link->groups, link_list) if (addr_eq(&g->group, group)) return g;
	return NULL;
}

bool mcast_filter_passes(const struct mcast_filter *f, const struct net_addr *source)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (addr_eq(&f->sources[i], source))
			return !f->exclude;
	return f->exclude;
}

/* Groups that are never reported: all-hosts and all-nodes, interface-local (RFC 3376 5, 3810 6). */
static bool is_silent(const struct mcast_group *g)
{
	struct net_addr nodes = addr_all_nodes6(), hosts = addr4(0xe0000001);

	if (g->link->kind != NET_LINK_ETHER || g->link->noarp)
		return true;
	if (g->group.family == AF_INET)
		return addr_eq(&g->group, &hosts) ||
		       (!g->ip->core->tun.igmp_link_local_mcast_reports && g->group.v4[0] == 224 &&
			!g->group.v4[1] && !g->group.v4[2]);
	return addr_eq(&g->group, &nodes) || addr_mcast_scope6(&g->group) <= 1;
}

static unsigned robustness(const struct mcast_group *g)
{
	const struct link_ip *li = g->link->ip;
	const struct net_tunables *tun = &g->ip->core->tun;
	bool v4 = g->group.family == AF_INET;
	unsigned heard = !li ? 0 : v4 ? li->igmp_qrv : li->mld_qrv;

	return heard ? heard : (unsigned)(v4 ? tun->igmp_qrv : tun->mld_qrv);
}

/* Between unsolicited reports (RFC 3376 8.11, RFC 2236 8.10). */
static net_dur interval(const struct mcast_group *g)
{
	struct link *link = g->link;
	const int32_t *v4 = link->conf.v4, *v6 = link->conf.v6;
	int32_t ms;

	if (g->group.family == AF_INET)
		ms = igmp_version(g->ip, link) == 3 ? v4[NET_CONF4_igmpv3_unsolicited_report_interval]
						    : v4[NET_CONF4_igmpv2_unsolicited_report_interval];
	else
		ms = mld_version(g->ip, link) == 2 ? v6[NET_CONF6_mldv2_unsolicited_report_interval]
						   : v6[NET_CONF6_mldv1_unsolicited_report_interval];
	return NET_MS(MAX(ms, 1));
}

static void tell(struct mcast_group *g, uint8_t type, const struct net_addr *sources, uint32_t n)
{
	if (g->group.family == AF_INET)
		igmp_send(g, type, sources, n);
	else
		mld_send(g, type, sources, n);
}

static void arm(struct mcast_group *g, net_dur max)
{
	struct net_core *core = g->ip->core;
	net_time at = core->now + (net_dur)(rng_u64(&core->rng) % (uint64_t)max);

	/* RFC 2236 3: an earlier answer that is already planned stays. */
	if (timer_armed(&g->timer) && g->timer.at <= at)
		return;
	timer_cancel(&core->timers, &g->timer);
	timer_arm(&core->timers, &g->timer, at);
}

/* What a query asked for (RFC 3376 5.2). */
static void send_answer(struct mcast_group *g)
{
	struct net_addr list[MCAST_QUERY_SOURCES];
	uint32_t n = 0;

	g->answer = false;
	if (!g->nasked) {
		tell(g, g->now.exclude ? MCAST_IS_EXCLUDE : MCAST_IS_INCLUDE, g->now.sources, g->now.n);
		return;
	}
	for (uint32_t i = 0; i < g->nasked; i++)
		if (mcast_filter_passes(&g->now, &g->asked[i]))
			list[n++] = g->asked[i];
	if (n)
		tell(g, MCAST_IS_INCLUDE, list, n);
	free(g->asked);
	g->asked = NULL;
	g->nasked = 0;
}

/* The change of state that is still to be told (RFC 3376 5.1). Returns whether more is to come. */
static bool send_change(struct mcast_group *g)
{
	struct net_addr allow[MCAST_QUERY_SOURCES], block[MCAST_QUERY_SOURCES];
	uint32_t na = 0, nb = 0;
	bool more = false;

	if (g->reports_left) {
		tell(g, g->now.exclude ? MCAST_TO_EXCLUDE : MCAST_TO_INCLUDE, g->now.sources, g->now.n);
		more = --g->reports_left;
	}
	for (uint32_t i = 0; i < g->npending; i++) {
		struct mcast_pending *p = &g->pending[i];

		if (p->allow && na < MCAST_QUERY_SOURCES) {
			allow[na++] = p->source;
			more |= --p->allow != 0;
		} else if (p->block && nb < MCAST_QUERY_SOURCES) {
			block[nb++] = p->source;
			more |= --p->block != 0;
		}
	}
	if (na)
		tell(g, MCAST_ALLOW, allow, na);
	if (nb)
		tell(g, MCAST_BLOCK, block, nb);
	return more;
}

static void group_free(struct mcast_group *g)
{
	uint8_t mac[6];

	timer_cancel(&g->ip->core->timers, &g->timer);
	if (g->link->kind == NET_LINK_ETHER) {
		eth_mcast_mac(mac, &g->group);
		(void)link_maddr_del(g->link, mac);
	}
	list_remove(&g->link_list);
	free(g->now.sources);
	free(g->pending);
	free(g->asked);
	free(g);
}

static void group_fire(struct timer *timer)
{
	struct mcast_group *g = container_of(timer, struct mcast_group, timer);
	bool more;

	if (g->answer)
		send_answer(g);
	more = send_change(g);
	g->last_reporter = true;
	if (more)
		arm(g, interval(g));
	else
		g->npending = 0;
}

/* --- the filter of all together ---------------------------------------------------------------- */

static bool contains(const struct mcast_filter *f, const struct net_addr *a)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (addr_eq(&f->sources[i], a))
			return true;
	return false;
}

/* Whether every claim of mode EXCLUDE excludes @a, and no INCLUDE wants it. */
static bool all_exclude(const struct mcast_group *g, const struct net_addr *a)
{
	struct mcast_claim *c;

	list_for_each_entry(c, &g->claims, list)
	{
		if (c->filter.exclude != contains(&c->filter, a))
			return false;
	}
	return true;
}

/* RFC 3376 3.2. False: no memory. */
static bool merge(const struct mcast_group *g, struct mcast_filter *ret)
{
	struct mcast_claim *c;
	uint32_t room = 0;

	*ret = (struct mcast_filter){0};
	list_for_each_entry(c, &g->claims, list)
	{
		ret->exclude |= c->filter.exclude;
		room += c->filter.n;
	}
	if (!room)
		return true;
	ret->sources = calloc(room, sizeof(*ret->sources));
	if (!ret->sources)
		return false;
	list_for_each_entry(c, &g->claims, list)
	{
		if (c->filter.exclude != ret->exclude)
			continue;
		for (uint32_t i = 0; i < c->filter.n; i++) {
			const struct net_addr *a = &c->filter.sources[i];

			if (!contains(ret, a) && (!ret->exclude || all_exclude(g, a)))
				ret->sources[ret->n++] = *a;
		}
	}
	return true;
}

/* Notes that a source came or went, for the reports to come. */
static void note(struct mcast_group *g, const struct net_addr *a, bool allow)
{
	uint8_t times = (uint8_t)robustness(g);
	struct mcast_pending *p = NULL, *grown;

	for (uint32_t i = 0; i < g->npending; i++)
		if (addr_eq(&g->pending[i].source, a))
			p = &g->pending[i];
	if (!p) {
		grown = realloc(g->pending, (g->npending + 1) * sizeof(*p));
		if (!grown)
			return;
		g->pending = grown;
		p = &g->pending[g->npending++];
		p->source = *a;
	}
	p->allow = allow ? times : 0;
	p->block = allow ? 0 : times;
}

static void note_difference(struct mcast_group *g, const struct mcast_filter *old,
			    const struct mcast_filter *now)
{
	for (uint32_t i = 0; i < now->n; i++)
		if (!contains(old, &now->sources[i]))
			note(g, &now->sources[i], !now->exclude);
	for (uint32_t i = 0; i < old->n; i++)
		if (!contains(now, &old->sources[i]))
			note(g, &old->sources[i], now->exclude);
}

/* The claims changed: reports what that changes for the link. */
static int update(struct mcast_group *g, bool fresh)
{
	struct mcast_filter old = g->now, now;
	bool speaks = g->link->up && !is_silent(g);

	if (!merge(g, &now))
		return -ENOMEM;
	g->now = now;
	if (speaks && (old.exclude != now.exclude || (fresh && now.exclude))) {
		g->reports_left = (uint8_t)robustness(g);
		g->npending = 0;
	} else if (speaks) {
		note_difference(g, &old, &now);
	}
	free(old.sources);
	if (speaks && (g->reports_left || g->npending))
		group_fire(&g->timer);
	return 0;
}

static struct mcast_group *group_new(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = calloc(1, sizeof(*g));
	uint8_t mac[6];

	if (!g)
		return NULL;
	g->ip = ip;
	g->link = link;
	g->group = *group;
	g->group.scope = 0;
	list_init(&g->claims);
	timer_init(&g->timer, group_fire);
	if (link->kind == NET_LINK_ETHER) {
		eth_mcast_mac(mac, group);
		if (link_maddr_add(link, mac) < 0) {
			free(g);
			return NULL;
		}
	}
	list_push_back(&link->groups, &g->link_list);
	return g;
}

int mcast_claim(struct ip *ip, struct link *link, const struct net_addr *group,
		struct mcast_claim *claim)
{
	struct mcast_group *g = mcast_find(link, group);
	bool fresh = !g || !g->users;
	int r;

	if (!g)
		g = group_new(ip, link, group);
	if (!g)
		return -ENOMEM;
	g->users++;
	list_push_back(&g->claims, &claim->list);
	r = update(g, fresh);
	if (r < 0)
		mcast_unclaim(ip, link, group, claim);
	return r;
}

int mcast_reclaim(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);

	(void)ip;
	return g ? update(g, false) : 0;
}

void mcast_unclaim(struct ip *ip, struct link *link, const struct net_addr *group,
		   struct mcast_claim *claim)
{
	struct mcast_group *g = mcast_find(link, group);

	(void)ip;
	list_remove(&claim->list);
	if (!g)
		return;
	if (--g->users) {
		(void)update(g, false);
		return;
	}
	if (g->last_reporter && link->up && !is_silent(g)) {
		if (g->now.exclude)
			tell(g, MCAST_TO_INCLUDE, NULL, 0);
		else
			tell(g, MCAST_BLOCK, g->now.sources, g->now.n);
	}
	group_free(g);
}

int mcast_join(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_claim *claim = calloc(1, sizeof(*claim));
	int r;

	if (!claim)
		return -ENOMEM;
	claim->filter.exclude = true;
	claim->anonymous = true;
	r = mcast_claim(ip, link, group, claim);
	if (r < 0)
		free(claim);
	return r;
}

void mcast_leave(struct ip *ip, struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);
	struct mcast_claim *c;

	if (!g)
		return;
	list_for_each_entry(c, &g->claims, list)
	{
		if (c->anonymous) {
			mcast_unclaim(ip, link, group, c);
			free(c);
			return;
		}
	}
}

void mcast_link_gone(struct ip *ip, struct link *link)
{
	struct mcast_group *g;
	struct mcast_claim *c;

	(void)ip;
	while ((g = list_first_entry(&link->groups, struct mcast_group, link_list))) {
		while ((c = list_pop_entry(&g->claims, struct mcast_claim, list)))
			if (c->anonymous)
				free(c);
		group_free(g);
	}
}

void mcast_link_up(struct ip *ip, struct link *link)
{
	struct mcast_group *g;

	(void)ip;
	list_for_each_entry_safe(g, &link->groups, link_list)
	{
		if (is_silent(g) || !g->users)
			continue;
		if (g->now.exclude)
			g->reports_left = (uint8_t)robustness(g);
		for (uint32_t i = 0; i < g->now.n && !g->now.exclude; i++)
			note(g, &g->now.sources[i], true);
		group_fire(&g->timer);
	}
}

/* --- queries --------------------------------------------------------------------------------------- */

static void ask(struct mcast_group *g, const struct mcast_query *q)
{
	bool all = g->answer && !g->nasked;

	g->answer = true;
	/* RFC 3376 5.2: a question for all of the group covers one for some sources. */
	if (!q->nsources || all) {
		free(g->asked);
		g->asked = NULL;
		g->nasked = 0;
		return;
	}
	if (!g->asked)
		g->asked = calloc(MCAST_QUERY_SOURCES, sizeof(*g->asked));
	if (!g->asked)
		return;
	for (unsigned i = 0; i < q->nsources && g->nasked < MCAST_QUERY_SOURCES; i++)
		g->asked[g->nasked++] = q->sources[i];
}

/* RFC 3376 7.2.1, RFC 3810 8.2.1: an older querier sets the version for a while. */
static void note_version(struct ip *ip, struct link *link, const struct mcast_query *q, uint16_t family)
{
	struct link_ip *li = link_ip(ip, link);
	net_time until = ip->core->now + NET_SEC(260) + q->max_resp; /* robustness 2 * 125 s + 10 s */

	if (!li)
		return;
	if (family == AF_INET6) {
		if (q->version == 1)
			li->mld_v1_until = until;
		else
			li->mld_qrv = q->qrv;
	} else if (q->version == 1) {
		li->igmp_v1_until = until;
	} else if (q->version == 2) {
		li->igmp_v2_until = until;
	} else {
		li->igmp_qrv = q->qrv;
	}
}

void mcast_query(struct ip *ip, struct link *link, const struct mcast_query *q, uint16_t family)
{
	struct mcast_group *g;

	note_version(ip, link, q, family);
	list_for_each_entry(g, &link->groups, link_list)
	{
		if (g->group.family != family || is_silent(g))
			continue;
		if (q->group.family && !addr_eq(&q->group, &g->group))
			continue;
		ask(g, q);
		arm(g, MAX(q->max_resp, NET_MS(1)));
	}
}

/* Somebody else reported: an older-version listener stays quiet (RFC 2236 3). */
void mcast_heard(struct link *link, const struct net_addr *group)
{
	struct mcast_group *g = mcast_find(link, group);
	bool old;

	if (!g || !g->users)
		return;
	old = group->family == AF_INET ? igmp_version(g->ip, link) < 3 : mld_version(g->ip, link) < 2;
	if (old && g->last_reporter) {
		timer_cancel(&g->ip->core->timers, &g->timer);
		g->reports_left = 0;
		g->answer = false;
		g->last_reporter = false;
	}
}
