/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots by value. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "stack/stack_priv.h"
#include "tcp/tcp.h"

/* Puts one entry where there is room and counts it. */
#define EMIT(ret, n, max, ...)                                                                     \
	do {                                                                                       \
		if ((n) < (max))                                                                   \
			(ret)[n] = (__VA_ARGS__);                                                  \
		(n)++;                                                                             \
	} while (0)

size_t net_info_links(const struct net_stack *stack, struct net_link_info *ret, size_t max)
{
	struct link *link;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
	{
		if (n < max)
			link_info(link, &ret[n]);
		n++;
	}
	return n;
}

int net_info_link(const struct net_stack *stack, net_link_id id, struct net_link_info *ret)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -ENODEV;
	link_info(link, ret);
	return 0;
}

size_t net_info_addrs(const struct net_stack *stack, struct net_ifaddr *ret, size_t max)
{
	struct link *link;
	struct ifaddr *ia;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
		list_for_each_entry(ia, &link->addrs, link_list)
	{
		if (n < max)
			ifaddr_info(ia, &ret[n]);
		n++;
	}
	return n;
}

size_t net_info_routes(const struct net_stack *stack, struct net_route *ret, size_t max)
{
	struct route *rt;
	size_t n = 0;

	list_for_each_entry(rt, &stack->ip.all_routes, all) EMIT(ret, n, max, rt->r);
	return n;
}

size_t net_info_neighs(const struct net_stack *stack, struct net_neigh *ret, size_t max)
{
	struct neigh_proxy *p;
	struct neigh *ne;
	size_t n = 0;

	list_for_each_entry(ne, &stack->links.neigh_lru, lru)
	{
		if (n < max)
			neigh_info(ne, &ret[n]);
		n++;
	}
	list_for_each_entry(p, &stack->links.proxies, list) EMIT(
		ret, n, max, (struct net_neigh){.link = p->link->id, .addr = p->addr, .proxy = true});
	return n;
}

size_t net_info_mcast(const struct net_stack *stack, struct net_mcast_info *ret, size_t max)
{
	struct link *link;
	struct mcast_group *g;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
		list_for_each_entry(g, &link->groups, link_list)
			EMIT(ret, n, max,
			     (struct net_mcast_info){link->id, g->group, g->users, g->now.exclude,
						     g->now.n});
	return n;
}

static void count_source(const struct mcast_group *g, struct net_mcast_source_info *ret)
{
	struct mcast_claim *c;

	list_for_each_entry(c, &g->claims, list)
	{
		for (uint32_t i = 0; i < c->filter.n; i++) {
			if (!addr_eq(&c->filter.sources[i], &ret->source))
				continue;
			if (c->filter.exclude)
				ret->exc++;
			else
				ret->inc++;
		}
	}
}

size_t net_info_mcast_sources(const struct net_stack *stack, struct net_mcast_source_info *ret,
			      size_t max)
{
	struct mcast_group *g;
	struct link *link;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
	{
		list_for_each_entry(g, &link->groups, link_list)
		{
			for (uint32_t i = 0; i < g->now.n; i++) {
				struct net_mcast_source_info s = {.link = link->id,
								  .group = g->group,
								  .source = g->now.sources[i]};

				count_source(g, &s);
				EMIT(ret, n, max, s);
			}
		}
	}
	return n;
}

size_t net_info_maddrs(const struct net_stack *stack, struct net_maddr_info *ret, size_t max)
{
	struct link_maddr *m;
	struct link *link;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
	{
		list_for_each_entry(m, &link->maddrs, list)
		{
			struct net_maddr_info v = {.link = link->id, .users = m->users};

			memcpy(v.mac, m->mac, 6);
			EMIT(ret, n, max, v);
		}
	}
	return n;
}

size_t net_info_rules(const struct net_stack *stack, uint16_t family, struct net_rule *ret, size_t max)
{
	struct rule *rule;
	size_t n = 0;

	list_for_each_entry(rule, &stack->ip.rules[family == AF_INET6], list) EMIT(ret, n, max, rule->r);
	return n;
}

size_t net_info_fdb(const struct net_stack *stack, net_link_id bridge, struct net_fdb *ret, size_t max)
{
	struct link *link;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
	{
		if (link->bridge && (!bridge || link->id == bridge))
			n = bridge_fdb_dump(link, ret, max, n);
	}
	return n;
}

static struct net_route local_route(const struct ifaddr *ia, const struct net_addr *dst, uint8_t type)
{
	return (struct net_route){
		.dst = *dst,
		.prefix_len = (uint8_t)addr_bits(dst->family),
		.type = type,
		.origin = NET_ROUTE_ORIGIN_KERNEL,
		.protocol = 2, /* RTPROT_KERNEL */
		.scope = type == NET_ROUTE_BROADCAST ? 253 : dst->family == AF_INET ? 254 : 0,
		.prefsrc = dst->family == AF_INET ? ia->addr : (struct net_addr){0},
		.link = ia->link->id,
		.table = NET_TABLE_LOCAL,
	};
}

size_t net_info_local_routes(const struct net_stack *stack, struct net_route *ret, size_t max)
{
	struct link *link;
	struct ifaddr *ia;
	size_t n = 0;

	list_for_each_entry(link, &stack->links.all, all)
	{
		list_for_each_entry(ia, &link->addrs, link_list)
		{
			EMIT(ret, n, max, local_route(ia, &ia->addr, NET_ROUTE_LOCAL));
			if (link->kind == NET_LINK_LOOPBACK && ia->addr.family == AF_INET) {
				struct net_addr prefix = addr_prefix(&ia->addr, ia->prefix_len);
				struct net_route r = local_route(ia, &prefix, NET_ROUTE_LOCAL);

				r.prefix_len = ia->prefix_len;
				EMIT(ret, n, max, r);
			}
			if (ia->broadcast.family)
				EMIT(ret, n, max, local_route(ia, &ia->broadcast, NET_ROUTE_BROADCAST));
		}
	}
	return n;
}

static void sock_info(const struct sock *sk, struct net_sock_info *ret)
{
	*ret = (struct net_sock_info){
		.sock = sk->id,
		.cookie = sk->cookie,
		.family = sk->family,
		.type = sk->type,
		.protocol = sk->protocol,
		.local = sk->node.local,
		.remote = sk->node.remote,
		.uid = sk->node.uid,
		.inode = sk->inode,
		.refs = 2,
		.ssthresh = -1,
		.drops = sk->drops,
	};
	if (sk->ops->info)
		sk->ops->info(sk, ret);
}

size_t net_info_socks(const struct net_stack *stack, int protocol, struct net_sock_info *ret,
		      size_t max)
{
	struct sock *sk;
	size_t n = 0;

	list_for_each_entry(sk, &stack->socks.all, all)
	{
		bool raw = sk->type == SOCK_RAW;

		if (sk->freed || (protocol == IPPROTO_RAW ? !raw : raw || sk->protocol != protocol))
			continue;
		/* An unbound socket is in no list of Linux's either. */
		if (!sk->node.bucket && sk->type != SOCK_RAW)
			continue;
		if (n < max)
			sock_info(sk, &ret[n]);
		n++;
	}
	if (protocol == IPPROTO_TCP) {
		size_t room = n < max ? max - n : 0;

		n += tcp_info_minisocks(stack->socks.tcp, room ? ret + n : NULL, room);
	}
	return n;
}

void net_info_mib(const struct net_stack *stack, uint64_t ret[NET_MIB_COUNT])
{
	const struct net_tunables *tun = &stack->core.tun;

	memcpy(ret, stack->core.mib, sizeof(stack->core.mib));
	ret[MIB_Ip_Forwarding] = tun->ip_forward ? 1 : 2;
	ret[MIB_Ip_DefaultTTL] = (uint64_t)tun->ip_default_ttl;
	ret[MIB_Tcp_RtoMin] = (uint64_t)tun->tcp_rto_min_us / 1000;
	ret[MIB_Tcp_RtoMax] = (uint64_t)tun->tcp_rto_max_ms;
}

void net_info_drops(const struct net_stack *stack, uint64_t ret[DROP_COUNT])
{
	memcpy(ret, stack->core.drops.count, sizeof(stack->core.drops.count));
}

void net_drops_watch(struct net_stack *stack, bool on)
{
	drops_watch(&stack->core.drops, on);
}

bool net_drops_next(struct net_stack *stack, struct net_drop_info *ret)
{
	return drops_next(&stack->core.drops, ret);
}

void net_info_memory(const struct net_stack *stack, struct net_memory_info *ret)
{
	*ret = (struct net_memory_info){
		.pkt_bytes = stack->core.pool.used,
		.pkt_idle_bytes = stack->core.pool.idle,
		.pkt_allocs = stack->core.pool.allocs,
		.sockets = stack->socks.count,
		.neighbours = stack->links.neigh_count,
		.reasm_bytes = stack->ip.reasm.bytes,
	};
	tcp_counts(stack->socks.tcp, &ret->tcp_orphans, &ret->tcp_timewait);
}
