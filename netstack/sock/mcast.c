/* SPDX-License-Identifier: Apache-2.0 */
/* IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP and their kin, for one socket. */
#include "sock/mcast.h"

#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

struct mcast_member *mcast_sock_find(const struct sock *sk, const struct net_addr *group,
				     net_link_id link)
{
	struct mcast_member *m;

	list_for_each_entry(m, &sk->mcast, list)
	{
		if (addr_eq(&m->group, group) && (!link || m->link == link))
			return m;
	}
	return NULL;
}

static struct link *choose_link(struct sock *sk, const struct net_addr *group, net_link_id link)
{
	struct ip_path path;

	if (link)
		return link_find(sk->ip->links, link);
	if (ip_path_init(sk->ip, &path, group, NULL, sk->node.bound) < 0)
		return NULL;
	return path.link;
}

/* net.ipv4.igmp_max_memberships; IPv6 has no such limit, but our memory has. */
static uint32_t group_limit(const struct sock *sk, const struct net_addr *group)
{
	if (group->family == AF_INET)
		return (uint32_t)sk->core->tun.igmp_max_memberships;
	return 64 * sk->core->lim.mcast_groups;
}

int mcast_sock_join(struct sock *sk, const struct net_addr *group, net_link_id id)
{
	return mcast_sock_join_source(sk, group, NULL, id);
}

void mcast_member_changed(struct sock *sk, struct mcast_member *m)
{
	struct link *link = link_find(sk->ip->links, m->link);

	m->claim.filter = (struct mcast_filter){!m->include, m->nsources, m->sources};
	if (link)
		(void)mcast_reclaim(sk->ip, link, &m->group);
}

int mcast_sock_join_source(struct sock *sk, const struct net_addr *group,
			   const struct net_addr *source, net_link_id id)
{
	struct mcast_member *m;
	struct link *link;
	int r;

	if (!addr_is_multicast(group))
		return -EINVAL;
	link = choose_link(sk, group, id);
	if (!link)
		return -ENODEV;
	if (mcast_sock_find(sk, group, link->id))
		return -EADDRINUSE;
	if (sk->mcast_count >= group_limit(sk, group))
		return -ENOBUFS;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->claim.filter.exclude = !source;
	if (source) {
		m->include = true;
		m->sources = malloc(sizeof(*m->sources));
		if (!m->sources) {
			free(m);
			return -ENOMEM;
		}
		*m->sources = *source;
		m->nsources = 1;
		m->claim.filter.sources = m->sources;
		m->claim.filter.n = 1;
	}
	r = mcast_claim(sk->ip, link, group, &m->claim);
	if (r < 0) {
		free(m->sources);
		free(m);
		return r;
	}
	m->link = link->id;
	m->group = *group;
	m->group.scope = 0;
	list_push_back(&sk->mcast, &m->list);
	sk->mcast_count++;
	return 0;
}

static void member_free(struct sock *sk, struct mcast_member *m)
{
	struct link *link = link_find(sk->ip->links, m->link);

	if (link)
		mcast_unclaim(sk->ip, link, &m->group, &m->claim);
	list_remove(&m->list);
	sk->mcast_count--;
	free(m->sources);
	free(m);
}

int mcast_sock_leave(struct sock *sk, const struct net_addr *group, net_link_id link)
{
	struct mcast_member *m = mcast_sock_find(sk, group, link);

	if (!m)
		return -EADDRNOTAVAIL;
	member_free(sk, m);
	return 0;
}

void mcast_leave_all(struct sock *sk)
{
	struct mcast_member *m;

	while ((m = list_first_entry(&sk->mcast, struct mcast_member, list)))
		member_free(sk, m);
}

bool mcast_sock_wants(const struct sock *sk, const struct net_addr *group,
		      const struct net_addr *src, net_link_id link)
{
	const struct mcast_member *m = mcast_sock_find(sk, group, link);

	if (!m) /* a group that somebody joined is for everyone who did not say otherwise */
		return group->family == AF_INET ? sk->opt.mcast_all : sk->opt.mcast_all6;
	for (uint32_t i = 0; i < m->nsources; i++)
		if (addr_eq(&m->sources[i], src))
			return m->include;
	return !m->include;
}
