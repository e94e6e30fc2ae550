/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of links: see rt_kind.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/rt_kind.h"

uint16_t rt_link_arphrd(const struct net_link_info *l)
{
	switch (l->kind) {
	case NET_LINK_LOOPBACK:
		return ARPHRD_LOOPBACK;
	case NET_LINK_IP:
		return ARPHRD_NONE;
	case NET_LINK_ETHER:
		break;
	}
	return ARPHRD_ETHER;
}

static const char *kind_name(const struct net_link_info *l)
{
	if (l->kind == NET_LINK_LOOPBACK)
		return NULL;
	switch (l->type) {
	case NET_LINK_PORT:
		return l->kind == NET_LINK_IP ? "tun" : NULL;
	case NET_LINK_DUMMY:
		return "dummy";
	case NET_LINK_VLAN:
		return "vlan";
	case NET_LINK_BRIDGE:
		return "bridge";
	case NET_LINK_VETH:
		return "veth";
	}
	return NULL;
}

static void put_bridge(struct nl_out *o, net_link_id id, const struct net_stack *stack)
{
	struct net_bridge b = { .ageing_ms = 300000 };

	(void)net_bridge_get(stack, id, &b);
	nl_put_u32(o, IFLA_BR_FORWARD_DELAY, 1500);
	nl_put_u32(o, IFLA_BR_HELLO_TIME, 200);
	nl_put_u32(o, IFLA_BR_MAX_AGE, 2000);
	nl_put_u32(o, IFLA_BR_AGEING_TIME, b.ageing_ms / 10);
	nl_put_u32(o, IFLA_BR_STP_STATE, 0);
	nl_put_u16(o, IFLA_BR_PRIORITY, 32768);
	nl_put_u8(o, IFLA_BR_VLAN_FILTERING, 0);
}

void rt_put_link_kind(struct nl_out *o, const struct net_link_info *l, const struct net_stack *stack)
{
	const char *kind = kind_name(l);
	size_t info, data;

	if (l->lower)
		nl_put_u32(o, IFLA_LINK, (uint32_t)l->lower);
	if (l->master)
		nl_put_u32(o, IFLA_MASTER, (uint32_t)l->master);
	if (!kind && !l->master)
		return;
	info = nl_nest_plain(o, IFLA_LINKINFO);
	if (kind)
		nl_put_str(o, IFLA_INFO_KIND, kind);
	if (l->type == NET_LINK_VLAN) {
		struct ifla_vlan_flags flags = { .flags = 1 /* VLAN_FLAG_REORDER_HDR */ };

		data = nl_nest_plain(o, IFLA_INFO_DATA);
		nl_put_be16(o, IFLA_VLAN_PROTOCOL, l->vlan_proto);
		nl_put_u16(o, IFLA_VLAN_ID, l->vlan_id);
		nl_put(o, IFLA_VLAN_FLAGS, &flags, sizeof(flags));
		nl_nest_end(o, data);
	} else if (l->type == NET_LINK_BRIDGE) {
		data = nl_nest_plain(o, IFLA_INFO_DATA);
		put_bridge(o, l->link, stack);
		nl_nest_end(o, data);
	}
	if (l->master) {
		nl_put_str(o, IFLA_INFO_SLAVE_KIND, "bridge");
		data = nl_nest_plain(o, IFLA_INFO_SLAVE_DATA);
		nl_put_u8(o, IFLA_BRPORT_STATE, l->port_state);
		nl_nest_end(o, data);
	}
	nl_nest_end(o, info);
}

static const struct nl_policy info_policy[IFLA_INFO_MAX + 1] = {
	[IFLA_INFO_KIND] = { NL_STR, 0 },
	[IFLA_INFO_DATA] = { NL_NEST, 0 },
};

bool rt_link_passes(const struct net_link_info *l, const struct nl_attr *tb)
{
	struct nl_attr info[IFLA_INFO_MAX + 1];
	struct nl_req scratch = { 0 };
	uint32_t master = nl_u32(&tb[IFLA_MASTER]);
	const char *kind = kind_name(l);

	if (master && (net_link_id)master != l->master)
		return false;
	if (!tb[IFLA_LINKINFO].data)
		return true;
	if (nl_parse_nested(&scratch, info, IFLA_INFO_MAX, &tb[IFLA_LINKINFO], info_policy) < 0 ||
	    !info[IFLA_INFO_KIND].data)
		return true;
	return kind && nl_str_is(&info[IFLA_INFO_KIND], kind);
}

static int set_bridge(struct nl_req *rq, struct net_stack *stack, net_link_id id,
		      const struct nl_attr *data)
{
	struct nl_attr br[IFLA_BR_MAX + 1];
	struct net_bridge b;
	int r = nl_parse_nested(rq, br, IFLA_BR_MAX, data, NULL);

	if (r == 0)
		r = net_bridge_get(stack, id, &b);
	if (r < 0)
		return r;
	if (nl_u32(&br[IFLA_BR_STP_STATE]) || nl_u8(&br[IFLA_BR_VLAN_FILTERING]))
		return nl_fail(rq, -EOPNOTSUPP, "no spanning tree, no VLAN filtering");
	if (br[IFLA_BR_AGEING_TIME].data)
		b.ageing_ms = nl_u32(&br[IFLA_BR_AGEING_TIME]) * 10;
	return net_bridge_set(stack, id, &b);
}

int rt_link_set_more(struct nl_req *rq, struct net_stack *stack, const struct net_link_info *l,
		     const struct nl_attr *tb)
{
	struct nl_attr info[IFLA_INFO_MAX + 1];
	char name[IFNAMSIZ];
	int r = 0;

	if (tb[IFLA_IFNAME].data && !nl_str_is(&tb[IFLA_IFNAME], l->name)) {
		nl_str(&tb[IFLA_IFNAME], name, sizeof(name));
		r = net_link_set_name(stack, l->link, name);
	}
	if (r == 0 && tb[IFLA_TXQLEN].data)
		r = net_link_set_tx_queue(stack, l->link, nl_u32(&tb[IFLA_TXQLEN]));
	if (r == 0 && tb[IFLA_MASTER].data)
		r = net_link_set_master(stack, l->link, (net_link_id)nl_u32(&tb[IFLA_MASTER]));
	if (r == 0 && tb[IFLA_LINKINFO].data) {
		r = nl_parse_nested(rq, info, IFLA_INFO_MAX, &tb[IFLA_LINKINFO], info_policy);
		if (r == 0 && info[IFLA_INFO_DATA].data && l->type == NET_LINK_BRIDGE)
			r = set_bridge(rq, stack, l->link, &info[IFLA_INFO_DATA]);
		else if (r == 0 && info[IFLA_INFO_DATA].data)
			r = -EOPNOTSUPP;
	}
	if (r == 0 && (tb[IFLA_NET_NS_PID].data || tb[IFLA_NET_NS_FD].data))
		r = -EOPNOTSUPP;
	return r;
}

/* The first free name of a pattern: dummy0, dummy1 ... */
static void pick_name(const struct net_stack *stack, const char *base, char *name)
{
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(name, IFNAMSIZ, "%.10s%u", base, i);
		if (!net_link_by_name(stack, name))
			return;
	}
}

static void name_for(const struct net_stack *stack, const struct nl_attr *tb, const char *base,
		     char *name)
{
	char given[IFNAMSIZ];
	char *percent;

	nl_str(&tb[IFLA_IFNAME], given, sizeof(given));
	percent = strstr(given, "%d");
	if (percent)
		*percent = '\0';
	if (!given[0] || percent)
		pick_name(stack, percent ? given : base, name);
	else
		memcpy(name, given, IFNAMSIZ);
}

/* What all kinds share. */
static int config_of(struct nl_req *rq, const struct net_stack *stack, const struct nl_attr *tb,
		     const char *base, struct net_link_config *cfg)
{
	*cfg = (struct net_link_config){ .kind = NET_LINK_ETHER, .down = true, .autoconf = true };
	name_for(stack, tb, base, cfg->name);
	cfg->mtu = nl_u32(&tb[IFLA_MTU]);
	cfg->tx_queue = nl_u32(&tb[IFLA_TXQLEN]);
	if (tb[IFLA_ADDRESS].data) {
		if (tb[IFLA_ADDRESS].len != 6)
			return nl_fail(rq, -EINVAL, "invalid address length");
		if (tb[IFLA_ADDRESS].data[0] & 1)
			return -EADDRNOTAVAIL;
		memcpy(cfg->mac, tb[IFLA_ADDRESS].data, 6);
	}
	return 0;
}

static int vlan_of(struct nl_req *rq, const struct nl_attr *tb, const struct nl_attr *data,
		   struct net_link_config *cfg)
{
	struct nl_attr vlan[IFLA_VLAN_MAX + 1];
	int r = nl_parse_nested(rq, vlan, IFLA_VLAN_MAX, data, NULL);

	if (r < 0)
		return r;
	if (!tb[IFLA_LINK].data)
		return nl_fail(rq, -EINVAL, "link not specified");
	if (!vlan[IFLA_VLAN_ID].data)
		return nl_fail(rq, -EINVAL, "VLAN id not specified");
	cfg->type = NET_LINK_VLAN;
	cfg->lower = (net_link_id)nl_u32(&tb[IFLA_LINK]);
	cfg->vlan_id = nl_u16(&vlan[IFLA_VLAN_ID]);
	if (cfg->vlan_id >= 4095)
		return nl_fail(rq, -ERANGE, "Invalid VLAN id");
	cfg->vlan_proto = nl_be16(&vlan[IFLA_VLAN_PROTOCOL]);
	return 0;
}

static int create_veth(struct nl_req *rq, struct net_stack *stack, struct net_link_config cfg[2],
		       const struct nl_attr *data, net_link_id *ret)
{
	struct nl_attr veth[2], peer[IFLA_MAX + 1];
	net_link_id ids[2];
	int r = nl_parse_nested(rq, veth, VETH_INFO_PEER, data, NULL);

	memset(peer, 0, sizeof(peer));
	if (r == 0 && veth[VETH_INFO_PEER].data) {
		if (veth[VETH_INFO_PEER].len < sizeof(struct ifinfomsg))
			return -EINVAL;
		r = nl_parse(rq, peer, IFLA_MAX,
			     veth[VETH_INFO_PEER].data + NLMSG_ALIGN(sizeof(struct ifinfomsg)),
			     veth[VETH_INFO_PEER].len - sizeof(struct ifinfomsg), NULL, false);
	}
	if (r < 0)
		return r;
	if (peer[IFLA_NET_NS_PID].data || peer[IFLA_NET_NS_FD].data)
		return -EOPNOTSUPP;
	r = config_of(rq, stack, peer, "veth", &cfg[1]);
	if (r < 0)
		return r;
	if (strcmp(cfg[0].name, cfg[1].name) == 0) { /* both were to be picked */
		unsigned n = 0;

		(void)sscanf(cfg[0].name, "veth%u", &n);
		snprintf(cfg[1].name, IFNAMSIZ, "veth%u", n + 1);
	}
	cfg[0].type = cfg[1].type = NET_LINK_VETH;
	r = net_link_attach_veth(stack, ids, cfg);
	*ret = r == 0 ? ids[0] : 0;
	return r;
}

int rt_link_create(struct nl_req *rq, const struct ifinfomsg *ifi, const struct nl_attr *tb)
{
	struct nl_attr info[IFLA_INFO_MAX + 1];
	struct net_link_config cfg[2];
	net_link_id id = 0;
	char kind[32];
	int r;

	if (!tb[IFLA_LINKINFO].data)
		return -ENODEV;
	r = nl_parse_nested(rq, info, IFLA_INFO_MAX, &tb[IFLA_LINKINFO], info_policy);
	if (r < 0)
		return r;
	nl_str(&info[IFLA_INFO_KIND], kind, sizeof(kind));

	struct net_stack *stack = netns_lock(rq->sock->ns);

	r = config_of(rq, stack, tb, kind, &cfg[0]);
	if (r == 0 && strcmp(kind, "veth") == 0) {
		r = create_veth(rq, stack, cfg, &info[IFLA_INFO_DATA], &id);
	} else if (r == 0) {
		if (strcmp(kind, "dummy") == 0)
			cfg[0].type = NET_LINK_DUMMY;
		else if (strcmp(kind, "bridge") == 0)
			cfg[0].type = NET_LINK_BRIDGE;
		else if (strcmp(kind, "vlan") == 0)
			r = vlan_of(rq, tb, &info[IFLA_INFO_DATA], &cfg[0]);
		else
			r = nl_fail(rq, -EOPNOTSUPP, "Unknown device type");
		if (r == 0)
			r = net_link_attach(stack, &id, &cfg[0]);
		if (r == -EBADF)
			r = -ENODEV;
		if (r == 0 && cfg[0].type == NET_LINK_BRIDGE && info[IFLA_INFO_DATA].data)
			r = set_bridge(rq, stack, id, &info[IFLA_INFO_DATA]);
	}
	if (r == 0 && tb[IFLA_MASTER].data)
		r = net_link_set_master(stack, id, (net_link_id)nl_u32(&tb[IFLA_MASTER]));
	if (r == 0 && (ifi->ifi_flags & IFF_UP))
		r = net_link_set_up(stack, id, true);
	netns_unlock(rq->sock->ns);
	return r;
}

int rt_link_delete(struct nl_req *rq, const struct net_link_info *l)
{
	struct net_stack *stack;
	int r;

	/* Links that were not made by RTM_NEWLINK belong to the sandbox's owner. */
	if (l->kind == NET_LINK_LOOPBACK || l->type == NET_LINK_PORT)
		return -EOPNOTSUPP;
	stack = netns_lock(rq->sock->ns);
	r = net_link_detach(stack, l->link);
	netns_unlock(rq->sock->ns);
	return r == -EBADF ? -ENODEV : r;
}
