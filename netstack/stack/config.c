/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from outside of what is more than a link with an address: software links, bridges,
 * disciplines, policy routing, settings of links, and the watch over changes. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "link/qdisc.h"
#include "stack/stack_priv.h"

/* --- links ------------------------------------------------------------------------------------- */

int net_link_attach_veth(struct net_stack *stack, net_link_id ret[2],
			 const struct net_link_config given[2])
{
	struct link *link[2];
	int r = 0;

	stack_enter(stack);
	for (int i = 0; i < 2 && r == 0; i++) {
		struct net_link_config cfg = given[i];

		cfg.kind = NET_LINK_ETHER;
		cfg.type = NET_LINK_VETH;
		r = link_new(&stack->links, &link[i], &cfg);
		if (r < 0 && i == 1)
			link_free(link[0]);
	}
	if (r == 0) {
		link[0]->peer = link[1];
		link[1]->peer = link[0];
		for (int i = 0; i < 2; i++) {
			ret[i] = link[i]->id;
			stack->links.up.link_changed(&stack->ip, link[i]);
			link_notify(link[i], false);
		}
	}
	stack_leave(stack);
	return r;
}

int net_link_set_allmulti(struct net_stack *stack, net_link_id id, bool on)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	if (link->user_allmulti != on)
		link_allmulti(link, on ? 1 : -1);
	link->user_allmulti = on;
	return 0;
}

int net_link_set_noarp(struct net_stack *stack, net_link_id id, bool on)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	stack_enter(stack);
	if (link->noarp != on) {
		link->noarp = on;
		neigh_flush(&stack->links, link, false);
		ip_changed(&stack->ip);
		link_notify(link, false);
	}
	stack_leave(stack);
	return 0;
}

int net_link_set_name(struct net_stack *stack, net_link_id id, const char *name)
{
	struct link *link = link_find(&stack->links, id);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = link_set_name(link, name);
	stack_leave(stack);
	return r;
}

int net_link_set_tx_queue(struct net_stack *stack, net_link_id id, uint32_t len)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	link->tx_queue_len = len;
	if (link->qdisc && link->qdisc->cfg.kind == NET_QDISC_PFIFO_FAST)
		link->qdisc->cfg.limit = MAX(len, 1u);
	link->rx.limit = MAX(len, 1u);
	link_notify(link, false);
	return 0;
}

int net_link_set_master(struct net_stack *stack, net_link_id id, net_link_id bridge)
{
	struct link *link = link_find(&stack->links, id);
	struct link *to = bridge ? link_find(&stack->links, bridge) : NULL;
	int r = 0;

	if (!link || (bridge && !to))
		return -EBADF;
	stack_enter(stack);
	if (to)
		r = bridge_add_port(to, link);
	else if (link->port)
		bridge_del_port(link);
	if (r == 0)
		link_notify(link, false);
	stack_leave(stack);
	return r;
}

/* --- bridges ------------------------------------------------------------------------------------ */

int net_bridge_get(const struct net_stack *stack, net_link_id id, struct net_bridge *ret)
{
	struct link *link = link_find(&stack->links, id);

	return link ? bridge_get(link, ret) : -EBADF;
}

int net_bridge_set(struct net_stack *stack, net_link_id id, const struct net_bridge *set)
{
	struct link *link = link_find(&stack->links, id);

	return link ? bridge_set(link, set) : -EBADF;
}

int net_bridge_port_get(const struct net_stack *stack, net_link_id id, struct net_bridge_port *ret)
{
	struct link *link = link_find(&stack->links, id);

	return link ? bridge_port_get(link, ret) : -EBADF;
}

int net_bridge_port_set(struct net_stack *stack, net_link_id id, const struct net_bridge_port *set)
{
	struct link *link = link_find(&stack->links, id);

	return link ? bridge_port_set(link, set) : -EBADF;
}

int net_fdb_set(struct net_stack *stack, const struct net_fdb *entry)
{
	struct link *bridge = link_find(&stack->links, entry->bridge);
	struct link *port = link_find(&stack->links, entry->port);

	if (!bridge || !port)
		return -EBADF;
	return bridge->bridge ? bridge_fdb_set(bridge, port, entry) : -EINVAL;
}

int net_fdb_del(struct net_stack *stack, net_link_id id, const uint8_t mac[6])
{
	struct link *bridge = link_find(&stack->links, id);

	if (!bridge || !bridge->bridge)
		return -EBADF;
	return bridge_fdb_del(bridge, mac);
}

/* --- disciplines -------------------------------------------------------------------------------- */

int net_qdisc_set(struct net_stack *stack, const struct net_qdisc *q)
{
	struct link *link = link_find(&stack->links, q->link);
	struct net_change *c;
	int r;

	if (!link)
		return -EBADF;
	if (link->kind == NET_LINK_LOOPBACK && q->kind != NET_QDISC_NOQUEUE)
		return -EINVAL;
	stack_enter(stack);
	r = link_set_qdisc(link, q);
	if (r == 0) {
		if (link->qdisc && !link->qdisc->cfg.handle)
			link->qdisc->cfg.handle = 0x80010000; /* Linux's first automatic handle */
		c = change_new(&stack->core.changes, NET_CHANGE_QDISC, false);
		if (c)
			c->qdisc = link->id;
	}
	stack_leave(stack);
	return r;
}

int net_qdisc_del(struct net_stack *stack, net_link_id id)
{
	struct link *link = link_find(&stack->links, id);
	struct net_qdisc fast = {.kind = NET_QDISC_PFIFO_FAST};
	struct net_change *c;
	int r;

	if (!link)
		return -EBADF;
	if (!link->qdisc || !link->qdisc->cfg.handle)
		return -ENOENT;
	if (link->type != NET_LINK_PORT)
		fast.kind = NET_QDISC_NOQUEUE;
	stack_enter(stack);
	r = link_set_qdisc(link, &fast);
	c = r == 0 ? change_new(&stack->core.changes, NET_CHANGE_QDISC, true) : NULL;
	if (c)
		c->qdisc = link->id;
	stack_leave(stack);
	return r;
}

int net_qdisc_get(const struct net_stack *stack, net_link_id id, struct net_qdisc *ret)
{
	struct link *link = link_find(&stack->links, id);

	if (!link)
		return -EBADF;
	if (link->qdisc)
		*ret = link->qdisc->cfg;
	else
		*ret = (struct net_qdisc){.link = id, .kind = NET_QDISC_NOQUEUE};
	return 0;
}

/* --- addresses, routes, rules, neighbours -------------------------------------------------------- */

int net_addr_set(struct net_stack *stack, const struct net_ifaddr *addr)
{
	struct link *link = link_find(&stack->links, addr->link);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = ifaddr_set(&stack->ip, link, addr);
	stack_leave(stack);
	return r;
}

int net_route_change(struct net_stack *stack, const struct net_route *route, unsigned how)
{
	int r;

	stack_enter(stack);
	r = route_change(&stack->ip, route, how);
	stack_leave(stack);
	return r;
}

/* What was found, as one route with one way. */
static void describe(const struct ip_path *path, struct net_route *ret)
{
	if (path->type == IP_DST_LOCAL || !path->route) {
		*ret = (struct net_route){.dst = path->dst,
					  .prefix_len = (uint8_t)addr_bits(path->dst.family),
					  .type = path->type == IP_DST_LOCAL ? NET_ROUTE_LOCAL
						  : path->type == IP_DST_BROADCAST
							  ? NET_ROUTE_BROADCAST
						  : path->type == IP_DST_MULTICAST
							  ? NET_ROUTE_MULTICAST
							  : NET_ROUTE_UNICAST,
					  .table = path->type == IP_DST_LOCAL ? NET_TABLE_LOCAL
									      : NET_TABLE_MAIN,
					  .link = path->link->id};
		return;
	}
	*ret = path->route->r;
	ret->link = path->link->id;
	ret->nhops = 0;
	ret->gateway = addr_eq(&path->next_hop, &path->dst) ? (struct net_addr){0} : path->next_hop;
}

int net_route_get(struct net_stack *stack, const struct net_route_query *q, struct net_route *ret,
		  struct net_addr *ret_src)
{
	struct ip_flow flow = {.dst = q->dst,
			       .src = q->src,
			       .oif = q->oif,
			       .iif = q->iif,
			       .mark = q->mark,
			       .uid = q->uid,
			       .tos = q->tos,
			       .proto = q->proto,
			       .sport = q->sport,
			       .dport = q->dport};
	struct ip_path_want want = {.flow = flow};
	struct ip_path path;
	int r = q->iif ? ip_path_forward(&stack->ip, &path, &flow)
		       : ip_path_init_flow(&stack->ip, &path, &want);

	if (r < 0)
		return r;
	describe(&path, ret);
	*ret_src = path.src;
	return 0;
}

void net_route_flush_cache(struct net_stack *stack)
{
	pmtu_flush(&stack->ip);
	ip_changed(&stack->ip);
}

int net_rule_add(struct net_stack *stack, const struct net_rule *rule)
{
	return rule_add(&stack->ip, rule);
}

int net_rule_del(struct net_stack *stack, const struct net_rule *rule)
{
	return rule_del(&stack->ip, rule);
}

int net_neigh_del_proxy(struct net_stack *stack, net_link_id id, const struct net_addr *addr)
{
	struct link *link = link_find(&stack->links, id);

	return link ? proxy_del(&stack->links, link, addr) : -ENOENT;
}

int net_neigh_probe(struct net_stack *stack, net_link_id id, const struct net_addr *addr)
{
	struct link *link = link_find(&stack->links, id);
	int r;

	if (!link)
		return -EBADF;
	stack_enter(stack);
	r = neigh_probe_now(&stack->links, link, addr);
	stack_leave(stack);
	return r;
}

/* --- settings of links --------------------------------------------------------------------------- */

static struct conf *find_conf(const struct net_stack *stack, net_link_id id, enum net_conf_group group)
{
	struct net_stack *s = (struct net_stack *)stack;
	struct link *link;

	if (id == NET_CONF_DEFAULT)
		return &s->core.confs.def;
	if (id == NET_CONF_ALL)
		return group == NET_CONF_IP4 || group == NET_CONF_IP6 ? &s->core.confs.all : NULL;
	link = link_find(&s->links, id);
	return link ? &link->conf : NULL;
}

int net_conf_get(const struct net_stack *stack, net_link_id id, enum net_conf_group group,
		 unsigned which, int32_t *ret)
{
	struct conf *c = find_conf(stack, id, group);
	unsigned n;

	if (!c)
		return -EBADF;
	if (which >= net_conf_count(group))
		return -EINVAL;
	*ret = conf_group(c, group, &n)[which];
	return 0;
}

static void set_one(struct conf *c, enum net_conf_group group, unsigned which, int32_t value)
{
	unsigned n;

	conf_group(c, group, &n)[which] = value;
}

/* Forwarding and switching IPv6 off, set for all, are set for each (Linux). */
static bool spreads(enum net_conf_group group, unsigned which)
{
	return (group == NET_CONF_IP4 && which == NET_CONF4_forwarding) ||
	       (group == NET_CONF_IP6 &&
		(which == NET_CONF6_forwarding || which == NET_CONF6_disable_ipv6));
}

static void take_effect(struct net_stack *stack, struct link *link, enum net_conf_group group,
			unsigned which, int32_t value)
{
	if (group != NET_CONF_IP6)
		return;
	if (which == NET_CONF6_disable_ipv6 && value)
		slaac_stop(&stack->ip, link);
	else if (which == NET_CONF6_disable_ipv6 && link->autoconf && link->up)
		(void)slaac_start(&stack->ip, link);
	else if (which == NET_CONF6_mtu)
		link->ip6_mtu = (uint32_t)value;
}

static void set_all(struct net_stack *stack, enum net_conf_group group, unsigned which, int32_t value)
{
	struct link *link;

	set_one(&stack->core.confs.def, group, which, value);
	list_for_each_entry(link, &stack->links.all, all)
	{
		set_one(&link->conf, group, which, value);
		take_effect(stack, link, group, which, value);
	}
	if (group == NET_CONF_IP4)
		stack->core.tun.ip_forward = value;
	else if (which == NET_CONF6_forwarding)
		stack->core.tun.ip6_forwarding = value;
}

int net_conf_set(struct net_stack *stack, net_link_id id, enum net_conf_group group, unsigned which,
		 int32_t value)
{
	struct conf *c = find_conf(stack, id, group);
	struct link *link = id > 0 ? link_find(&stack->links, id) : NULL;
	int r = conf_check(group, which, value);

	if (!c)
		return -EBADF;
	if (r < 0)
		return r;
	if (link && group == NET_CONF_IP6 && which == NET_CONF6_mtu && value > (int32_t)link->mtu)
		return -EINVAL;
	stack_enter(stack);
	set_one(c, group, which, value);
	if (id == NET_CONF_ALL && spreads(group, which))
		set_all(stack, group, which, value);
	else if (link)
		take_effect(stack, link, group, which, value);
	ip_changed(&stack->ip);
	stack_leave(stack);
	return 0;
}

int net_conf_set_stable_secret(struct net_stack *stack, net_link_id id, const uint8_t secret[16])
{
	struct conf *c = find_conf(stack, id, NET_CONF_IP6);

	if (!c)
		return -EBADF;
	memcpy(c->secret, secret, sizeof(c->secret));
	c->has_secret = true;
	c->v6[NET_CONF6_addr_gen_mode] = 2;
	return 0;
}

int net_conf_get_stable_secret(const struct net_stack *stack, net_link_id id, uint8_t ret[16])
{
	struct conf *c = find_conf(stack, id, NET_CONF_IP6);

	if (!c)
		return -EBADF;
	if (!c->has_secret)
		return -EIO;
	memcpy(ret, c->secret, sizeof(c->secret));
	return 0;
}

/* --- changes ------------------------------------------------------------------------------------- */

int net_changes_watch(struct net_stack *stack, bool on)
{
	return changes_watch(&stack->core.changes, on);
}

bool net_changes_next(struct net_stack *stack, struct net_change *ret)
{
	return changes_next(&stack->core.changes, ret);
}
