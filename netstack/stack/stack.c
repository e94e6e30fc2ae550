/* SPDX-License-Identifier: Apache-2.0 */
/* Construction and tear-down, tunables, and configuration of links, addresses, routes, neighbours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"
#include "raw/raw.h"
#include "nf/nf.h"
#include "stack/stack_priv.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

static int add_loopback(struct net_stack *stack)
{
	struct net_link_config cfg = {.kind = NET_LINK_LOOPBACK, .name = "lo", .mtu = 65536};
	struct net_ifaddr v4 = {.addr = addr4(0x7f000001), .prefix_len = 8};
	struct net_ifaddr v6 = {.prefix_len = 128};
	struct link *lo;
	int r;

	cfg.offloads =
		NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6 | NET_LINK_USO | NET_LINK_TSO_ECN;
	r = link_new(&stack->links, &lo, &cfg);
	if (r < 0)
		return r;
	r = ifaddr_add(&stack->ip, lo, &v4);
	if (r < 0)
		return r;
	v6.addr.family = AF_INET6;
	v6.addr.v6[15] = 1;
	return ifaddr_add(&stack->ip, lo, &v6);
}

static int add_transports(struct net_stack *stack)
{
	struct socks *ss = &stack->socks;
	int r;

	ss->tcp_ops = &tcp_sock_ops;
	ss->udp_ops = &udp_sock_ops;
	ss->ping_ops = &ping_sock_ops;
	ss->raw_ops = &raw_sock_ops;
	ss->packet_ops = &packet_sock_ops;
	r = packet_init(&ss->packet, ss);
	if (r < 0)
		return r;
	r = raw_init(&ss->raw, ss);
	if (r < 0)
		return r;
	r = udp_init(&ss->udp, ss);
	if (r < 0)
		return r;
	return tcp_init(&ss->tcp, ss);
}

int net_stack_new(struct net_stack **ret, const struct net_config *cfg)
{
	CLEANUP(net_stack_freep) struct net_stack *stack = NULL;
	int r;

	if (limits_check(&cfg->limits) < 0 || tunables_check(&cfg->tunables) < 0)
		return -EINVAL;
	stack = calloc(1, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	r = core_init(&stack->core, cfg);
	if (r < 0)
		return r;
	r = links_init(&stack->links, &stack->core);
	if (r < 0)
		return r;
	r = ip_init(&stack->ip, &stack->core, &stack->links);
	if (r < 0)
		return r;
	r = socks_init(&stack->socks, &stack->core, &stack->ip);
	if (r < 0)
		return r;
	r = add_transports(stack);
	if (r < 0)
		return r;
	r = add_loopback(stack);
	if (r < 0)
		return r;
	*ret = TAKE(stack);
	return 0;
}

/* Sockets first (they hold packets and timers), then what they stand on. */
struct net_stack *net_stack_free(struct net_stack *stack)
{
	struct socks *ss;

	if (!stack)
		return NULL;
	ss = &stack->socks;
	if (ss->core) {
		struct sock *sk;

		list_for_each_entry_safe(sk, &ss->all, all)
		{
			if (!sk->id || sk->node.listening)
				continue;
			sock_unpublish(sk);
			sk->ops->close(sk);
		}
		/* tcp_free() closes listeners: that frees their children too, wherever those are.
		 */
		ss->tcp = tcp_free(ss->tcp);
	}
	links_fini(&stack->links);
	if (ss->core) {
		socks_drain_released(ss);
		ss->udp = udp_free(ss->udp);
		ss->raw = raw_free(ss->raw);
		ss->packet = packet_free(ss->packet);
		socks_fini(ss);
	}
	stack->nf = nf_free(stack->nf);
	ip_fini(&stack->ip);
	core_fini(&stack->core);
	free(stack);
	return NULL;
}

void net_stack_clock(struct net_stack *stack, net_time now)
{
	stack_now(stack, now);
}

void net_stack_set_wall_offset(struct net_stack *stack, net_time offset)
{
	stack->core.wall_offset = offset;
}

void net_stack_get_tunables(const struct net_stack *stack, struct net_tunables *ret)
{
	*ret = stack->core.tun;
}

int net_stack_set_tunables(struct net_stack *stack, const struct net_tunables *t)
{
	struct net_tunables old = stack->core.tun;
	int r = tunables_check(t);
	struct link *link;

	if (r < 0)
		return r;
	stack->core.tun = *t;
	conf_follow(&stack->core.confs.all, &old, t);
	conf_follow(&stack->core.confs.def, &old, t);
	list_for_each_entry(link, &stack->links.all, all) conf_follow(&link->conf, &old, t);
	ip_changed(&stack->ip);
	return 0;
}

int net_link_attach(struct net_stack *stack, net_link_id *ret, const struct net_link_config *cfg)
{
	struct link *link;
	int r;

	if (cfg->kind == NET_LINK_LOOPBACK && cfg->type == NET_LINK_PORT)
		return -EINVAL;
	if (cfg->type == NET_LINK_VETH)
		return -EINVAL;
	stack_enter(stack);
	r = link_new(&stack->links, &link, cfg);
	if (r == 0) {
		*ret = link->id;
		stack->links.up.link_changed(&stack->ip, link);
	}
	stack_leave(stack);
	return r;
}

int net_link_detach(struct net_stack *stack, net_link_id id)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	if (link->kind == NET_LINK_LOOPBACK)
		return -EPERM;
	stack_enter(stack);
	link_free(link);
	stack_leave(stack);
	return 0;
}

int net_link_set_up(struct net_stack *stack, net_link_id id, bool up)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	stack_enter(stack);
	link_set_up(link, up);
	stack_leave(stack);
	return 0;
}

int net_link_set_mtu(struct net_stack *stack, net_link_id id, uint32_t mtu)
{
	struct link *link = link_find(&stack->links, id);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = link_set_mtu(link, mtu);
	stack_leave(stack);
	return r;
}

int net_link_set_mac(struct net_stack *stack, net_link_id id, const uint8_t mac[6])
{
	struct link *link = link_find(&stack->links, id);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = link_set_mac(link, mac);
	stack_leave(stack);
	return r;
}

int net_link_set_promisc(struct net_stack *stack, net_link_id id, bool on)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	if (link->user_promisc != on)
		link_promisc(link, on ? 1 : -1);
	link->user_promisc = on;
	return 0;
}

net_link_id net_link_by_name(const struct net_stack *stack, const char *name)
{
	struct link *link;

	list_for_each_entry(link, &stack->links.all,
			    all) if (!strcmp(link->name, name)) return link->id;
	return 0;
}

int net_addr_add(struct net_stack *stack, const struct net_ifaddr *addr)
{
	struct link *link = link_find(&stack->links, addr->link);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = ifaddr_add(&stack->ip, link, addr);
	stack_leave(stack);
	return r;
}

int net_addr_del(struct net_stack *stack, net_link_id id, const struct net_addr *addr,
		 uint8_t prefix_len)
{
	struct link *link = link_find(&stack->links, id);
	struct ifaddr *ia;

	if (!link)
		return -EBADF;
	ia = ifaddr_on_link(link, addr);
	if (!ia || ia->prefix_len != prefix_len)
		return -EADDRNOTAVAIL;
	stack_enter(stack);
	ifaddr_free(ia);
	stack_leave(stack);
	return 0;
}

int net_route_add(struct net_stack *stack, const struct net_route *route)
{
	int r;

	stack_enter(stack);
	r = route_add(&stack->ip, route);
	stack_leave(stack);
	return r;
}

int net_route_del(struct net_stack *stack, const struct net_route *route)
{
	int r;

	stack_enter(stack);
	r = route_del(&stack->ip, route);
	stack_leave(stack);
	return r;
}

int net_route_lookup(struct net_stack *stack, const struct net_addr *dst,
		     const struct net_addr *src, net_link_id bound, struct net_route *ret,
		     struct net_addr *ret_src)
{
	struct net_route_query q = {.dst = *dst, .oif = bound};

	if (src)
		q.src = *src;
	return net_route_get(stack, &q, ret, ret_src);
}

int net_neigh_set(struct net_stack *stack, const struct net_neigh *neigh)
{
	struct link *link = link_find(&stack->links, neigh->link);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = neigh->proxy ? proxy_add(&stack->links, link, &neigh->addr)
			 : neigh_set(&stack->links, link, neigh);
	stack_leave(stack);
	return r;
}

int net_neigh_del(struct net_stack *stack, net_link_id id, const struct net_addr *addr)
{
	struct link *link = link_find(&stack->links, id);
	struct neigh *n = link ? neigh_find(&stack->links, link, addr) : NULL;

	if (!n)
		return -ENOENT;
	stack_enter(stack);
	neigh_free(&stack->links, n);
	stack_leave(stack);
	return 0;
}
