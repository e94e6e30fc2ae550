/* SPDX-License-Identifier: Apache-2.0 */
/* SIOCETHTOOL: what ethtool(8) asks of a link: driver, statistics, offloads. Links have no hardware, so what
 * concerns it is -EOPNOTSUPP, as with Linux's software links. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netstack/info.h"
#include "netstack/qdisc.h"
#include "socket/netdev.h"
#include "task/task.h"
#include "util/cleanup.h"

#define STATS(X)                                                                                   \
	X(rx_packets)                                                                              \
	X(rx_bytes)                                                                                \
	X(rx_errors)                                                                               \
	X(rx_dropped)                                                                              \
	X(rx_multicast)                                                                            \
	X(tx_packets)                                                                              \
	X(tx_bytes)                                                                                \
	X(tx_errors)                                                                               \
	X(tx_dropped)

#define NAME_(name) #name,
static const char *const stat_names[] = { STATS(NAME_) };

/* Features that ethtool -k lists, by the order of our bits. */
static const char *const features[] = {
	"tx-checksum-ip-generic", "tx-scatter-gather",	"tx-generic-segmentation",
	"tx-tcp-segmentation",	  "tx-tcp6-segmentation", "tx-udp-segmentation",
	"tx-tcp-ecn-segmentation", "rx-gro",		"rx-checksum",
};

static uint32_t features_of(const struct net_link_info *l)
{
	bool lo = l->kind == NET_LINK_LOOPBACK;
	uint32_t o = lo ? UINT32_MAX : l->offloads;

	/* Scatter-gather, segmentation, GRO and checksums are done by the stack where the link cannot. */
	return (o & NET_LINK_CSUM ? 1u : 0) | 1u << 1 | 1u << 2 | (o & NET_LINK_TSO4 ? 1u << 3 : 0) |
	       (o & NET_LINK_TSO6 ? 1u << 4 : 0) | (o & NET_LINK_USO ? 1u << 5 : 0) |
	       (o & NET_LINK_TSO_ECN ? 1u << 6 : 0) | 1u << 7 | 1u << 8;
}

static bool has_stats(const struct net_link_info *l)
{
	return l->kind != NET_LINK_LOOPBACK;
}

static long get_driver(struct task *t, const struct net_link_info *l, uint64_t arg)
{
	struct ethtool_drvinfo d = { .cmd = ETHTOOL_GDRVINFO };
	static const char *const names[] = { "veth", "dummy", "802.1Q VLAN Support", "bridge", "veth" };

	if (l->kind == NET_LINK_LOOPBACK)
		return -EOPNOTSUPP;
	snprintf(d.driver, sizeof(d.driver), "%s", names[l->type]);
	snprintf(d.version, sizeof(d.version), "1.0");
	d.n_stats = has_stats(l) ? ARRAY_LEN(stat_names) : 0;
	return copy_out(t, arg, &d, sizeof(d));
}

/* How many strings each asked set has. */
static long get_sset_info(struct task *t, const struct net_link_info *l, uint64_t arg)
{
	struct {
		uint32_t cmd, reserved;
		uint64_t mask;
		uint32_t count[2];
	} q;
	uint64_t want;
	size_t n = 0;

	if (copy_in(t, &q, arg, 16) < 0)
		return -EFAULT;
	want = q.mask;
	q.mask = 0;
	if ((want & 1u << ETH_SS_STATS) && has_stats(l)) {
		q.mask |= 1u << ETH_SS_STATS;
		q.count[n++] = ARRAY_LEN(stat_names);
	}
	if (want & 1u << ETH_SS_FEATURES) {
		q.mask |= 1u << ETH_SS_FEATURES;
		q.count[n++] = ARRAY_LEN(features);
	}
	return copy_out(t, arg, &q, 16 + 4 * n);
}

static long get_strings(struct task *t, const struct net_link_info *l, uint64_t arg)
{
	struct ethtool_gstrings head;
	const char *const *names = stat_names;
	uint32_t n = ARRAY_LEN(stat_names);
	char buf[16][ETH_GSTRING_LEN] = { 0 };

	if (copy_in(t, &head, arg, sizeof(head)) < 0)
		return -EFAULT;
	if (head.string_set == ETH_SS_FEATURES) {
		names = features;
		n = ARRAY_LEN(features);
	} else if (head.string_set != ETH_SS_STATS || !has_stats(l)) {
		return -EOPNOTSUPP;
	}
	for (uint32_t i = 0; i < n; i++)
		snprintf(buf[i], ETH_GSTRING_LEN, "%s", names[i]);
	head.len = n;
	if (copy_out(t, arg, &head, sizeof(head)) < 0)
		return -EFAULT;
	return copy_out(t, arg + sizeof(head), buf, (size_t)n * ETH_GSTRING_LEN);
}

static long get_stats(struct task *t, const struct net_link_info *l, uint64_t arg)
{
#define VALUE_(name) l->name,
	uint64_t values[] = { STATS(VALUE_) };
#undef VALUE_
	struct ethtool_stats head = { .cmd = ETHTOOL_GSTATS, .n_stats = ARRAY_LEN(values) };

	if (!has_stats(l))
		return -EOPNOTSUPP;
	if (copy_out(t, arg, &head, sizeof(head)) < 0)
		return -EFAULT;
	return copy_out(t, arg + sizeof(head), values, sizeof(values));
}

static long get_features(struct task *t, const struct net_link_info *l, uint64_t arg)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block block;
	} q;
	uint32_t room;

	if (copy_in(t, &q.head, arg, sizeof(q.head)) < 0)
		return -EFAULT;
	room = q.head.size;
	q.head.size = 1;
	q.block = (struct ethtool_get_features_block){ .available = 0, .requested = features_of(l),
						       .active = features_of(l),
						       .never_changed = UINT32_MAX };
	return copy_out(t, arg, &q, room ? sizeof(q) : sizeof(q.head));
}

static long get_value(struct task *t, uint64_t arg, uint32_t cmd, uint32_t v)
{
	struct ethtool_value out = { .cmd = cmd, .data = v };

	return copy_out(t, arg, &out, sizeof(out));
}

static long answer(struct task *t, const struct net_link_info *l, uint32_t cmd, uint64_t arg)
{
	uint32_t f = features_of(l);
	struct {
		struct ethtool_perm_addr head;
		uint8_t mac[6];
	} perm = { .head = { .cmd = cmd, .size = 6 } };

	switch (cmd) {
	case ETHTOOL_GDRVINFO:
		return get_driver(t, l, arg);
	case ETHTOOL_GLINK:
		return get_value(t, arg, cmd, l->flags & IFF_RUNNING ? 1 : 0);
	case ETHTOOL_GSSET_INFO:
		return get_sset_info(t, l, arg);
	case ETHTOOL_GSTRINGS:
		return get_strings(t, l, arg);
	case ETHTOOL_GSTATS:
		return get_stats(t, l, arg);
	case ETHTOOL_GFEATURES:
		return get_features(t, l, arg);
	case ETHTOOL_GRXCSUM:
	case ETHTOOL_GSG:
	case ETHTOOL_GGSO:
	case ETHTOOL_GGRO:
		return get_value(t, arg, cmd, 1);
	case ETHTOOL_GTXCSUM:
		return get_value(t, arg, cmd, f & 1);
	case ETHTOOL_GTSO:
		return get_value(t, arg, cmd, f >> 3 & 1);
	case ETHTOOL_GUFO:
	case ETHTOOL_GFLAGS:
		return get_value(t, arg, cmd, 0);
	case ETHTOOL_GPERMADDR:
		memcpy(perm.mac, l->mac, 6);
		return copy_out(t, arg, &perm, sizeof(perm.head) + 6);
	default:
		return -EOPNOTSUPP;
	}
}

/* What only reads is for everyone; the rest for CAP_NET_ADMIN. */
static bool unprivileged(uint32_t cmd)
{
	switch (cmd) {
	case ETHTOOL_GSET:
	case ETHTOOL_GDRVINFO:
	case ETHTOOL_GLINK:
	case ETHTOOL_GSSET_INFO:
	case ETHTOOL_GSTRINGS:
	case ETHTOOL_GSTATS:
	case ETHTOOL_GFEATURES:
	case ETHTOOL_GRXCSUM:
	case ETHTOOL_GSG:
	case ETHTOOL_GGSO:
	case ETHTOOL_GGRO:
	case ETHTOOL_GTXCSUM:
	case ETHTOOL_GTSO:
	case ETHTOOL_GUFO:
	case ETHTOOL_GFLAGS:
	case ETHTOOL_GPERMADDR:
	case ETHTOOL_GCOALESCE:
	case ETHTOOL_GMSGLVL:
	case ETHTOOL_GCHANNELS:
	case ETHTOOL_GET_TS_INFO:
	case ETHTOOL_GLINKSETTINGS:
		return true;
	default:
		return false;
	}
}

long netdev_ethtool(struct task *t, uint64_t arg)
{
	struct net_link_info l;
	struct net_stack *stack;
	struct ifreq ifr;
	uint32_t cmd;
	uint64_t data;
	int r;

	if (copy_in(t, &ifr, arg, sizeof(ifr)) < 0)
		return -EFAULT;
	data = (uint64_t)(uintptr_t)ifr.ifr_data;
	if (copy_in(t, &cmd, data, sizeof(cmd)) < 0)
		return -EFAULT;
	ifr.ifr_name[IFNAMSIZ - 1] = '\0';
	stack = netns_lock(t->net);
	r = net_info_link(stack, net_link_by_name(stack, ifr.ifr_name), &l);
	netns_unlock_query(t->net);
	if (r < 0)
		return r;
	if (!unprivileged(cmd) && !task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	return answer(t, &l, cmd, data);
}
